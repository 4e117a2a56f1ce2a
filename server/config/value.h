/* Reads one JSON value as the table of fields says. */
#ifndef PENSTOCK_CONFIG_VALUE_H
#define PENSTOCK_CONFIG_VALUE_H

#include "server/base/buf.h"
#include "server/config/fields.h"

#include <jansson.h>

/* Reads the value into parsed; slices point into it or, those of lists, into lists, whose memory must not
 * move (it is reserved by the caller: VALUE_LISTS_MAX bytes per body are enough). A fault names pointer. */
void value_read(const struct field *field, const json_t *value, const char *pointer,
                struct config_parsed *parsed, struct buf *lists, struct faults *faults);
/* A plain name: 1 to MODEL_NAME_MAX of A-Z a-z 0-9 . _ -, not only dots. */
bool value_is_name(struct slice text);
bool value_is_site_name(struct slice text);

#endif
