/* What the fields of one alarm must not say of each other: which kind needs and allows which. */
#ifndef PENSTOCK_CONFIG_ALARM_ITEM_H
#define PENSTOCK_CONFIG_ALARM_ITEM_H

#include "server/config/item.h"

void alarm_item_check(const struct config_parsed *parsed, struct faults *faults);
/* "comm", "clock", "certificate", "duplicate" for alarms of a gateway, NULL for all others: what their names
 * end with. */
const char *alarm_item_suffix(enum alarm_kind kind);

/* The site that stands for the server itself, and the names of the alarms of its certificates. */
#define ALARM_ITEM_SERVER "_server"
const char *alarm_item_server(enum server_certificate which);
bool alarm_item_is_server(struct slice name);
/* … and of those of what else it watches of itself. */
const char *alarm_item_own(enum server_alarm which);
bool alarm_item_is_own(struct slice name);

#endif
