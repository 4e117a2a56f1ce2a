/* Physical units that rules may convert between. Names as they are written in configurations ("m3/h", "m³/h",
 * "degC", "°C"), case-sensitive, since mW and MW differ. Pure; the table is fixed. */
#ifndef PENSTOCK_CORE_UNIT_H
#define PENSTOCK_CORE_UNIT_H

#include "server/base/slice.h"

#include <stdbool.h>

/* value_to = value_from * scale + offset. A name converts to itself even if it is in no table. False, and
 * nothing set, when the two do not measure the same. */
bool unit_convert(struct slice from, struct slice to, double *ret_scale, double *ret_offset);
/* It is in the table. */
bool unit_is_known(struct slice name);

#endif
