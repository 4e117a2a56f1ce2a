/* What items must not say of each other: the checks of a whole configuration, on the model that is being
 * filled. Each writes a fault whose pointer is "/KIND/NAME/field" ('/' within a name is "~1"). */
#ifndef PENSTOCK_CONFIG_CROSS_H
#define PENSTOCK_CONFIG_CROSS_H

#include "server/config/faults.h"
#include "server/config/item.h"

/* A fault at the field of an item. */
void cross_fault(struct faults *f, const char *code, const struct config_item *item, const char *field,
                 const char *fmt, ...) PRINTF_LIKE(5, 6);
/* item's field names something of that kind that is not there: "E_TAG" for a tag, … */
void cross_unknown(struct faults *f, const struct config_item *item, const char *field,
                   enum config_kind wanted, struct slice name);
/* The part of item's name before the '/' is no site. */
void cross_unknown_site(struct faults *f, const struct config_item *item);
/* The tag and its gateway are of one site. */
void cross_tag(struct faults *f, const struct model *m, uint32_t tag, const struct config_item *item);
/* A high or low alarm can ring and return within the range of its tag; one with a window returns at all. */
void cross_limit(struct faults *f, const struct model_tag *tag, const struct model_alarm *a,
                 const struct config_item *item);
/* Says that a gateway's alarm has another site in its name than the gateway. */
void cross_gateway_site(struct faults *f, const struct model *m, uint32_t gateway,
                        const struct config_item *item);
/* Each gateway has its comm alarm. */
void cross_comm_alarms(struct faults *f, const struct model *m);
/* Of one tag, constant limits are all different, each low one below each high one, and their deadbands leave
 * room between them. ERR_NOMEM. */
MUSTCHECK enum status cross_limit_order(struct faults *f, const struct model *m);
/* No alarm is hidden by itself, through others, nor by one of its tag whose limit is reached before its own.
 * ERR_NOMEM. */
MUSTCHECK enum status cross_hidden(struct faults *f, const struct model *m);

#endif
