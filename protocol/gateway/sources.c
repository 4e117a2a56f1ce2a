/* The kinds of sources that a gateway knows; see source.h. */
#include "protocol/gateway/modbus.h"
#include "protocol/gateway/plant.h"
#include "protocol/gateway/replay_source.h"

const struct source_kind *const source_kinds[] = {&replay_source_kind, &modbus_source_kind,
                                                  &plant_source_kind, NULL};
