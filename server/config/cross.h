/* What items must not say of each other: the checks of a whole configuration, on the model that is being
 * filled. Each writes a fault whose pointer is "/KIND/NAME/field" ('/' within a name is "~1"). */
#ifndef PENSTOCK_CONFIG_CROSS_H
#define PENSTOCK_CONFIG_CROSS_H

#include "server/config/faults.h"
#include "server/config/item.h"

/* item's field names something that is not there. */
void cross_unknown(struct faults *f, const struct config_item *item, const char *field, struct slice name);
/* The part of item's name before the '/' is no site. */
void cross_unknown_site(struct faults *f, const struct config_item *item);
/* The tag and its gateway are of one site. */
void cross_tag(struct faults *f, const struct model *m, uint32_t tag, const struct config_item *item);
/* The alarm can ring and return within the range of its tag; a stale alarm's tag can become stale. */
void cross_tag_alarm(struct faults *f, const struct model_tag *tag, const struct model_alarm *a,
                     const struct config_item *item);
/* Says that a comm alarm's name has another site than its gateway. */
void cross_comm_site(struct faults *f, const struct model *m, uint32_t gateway,
                     const struct config_item *item);
/* Each gateway has its comm alarm. */
void cross_comm_alarms(struct faults *f, const struct model *m);
/* Of one tag, every low limit is below every high one. */
void cross_low_below_high(struct faults *f, const struct model *m);

#endif
