/* What the fields of one alarm must not say of each other: which kind needs and allows which. */
#ifndef PENSTOCK_CONFIG_ALARM_ITEM_H
#define PENSTOCK_CONFIG_ALARM_ITEM_H

#include "server/config/item.h"

void alarm_item_check(const struct config_parsed *parsed, struct faults *faults);
/* "comm" or "clock" for alarms of a gateway, NULL for all others: what their names end with. */
const char *alarm_item_suffix(enum alarm_kind kind);

#endif
