/* The gateway's own health as tags, beside those of its sources: the names "_gateway.…" of
 * protocol/README.md (DICT). The history of the link, too, comes from the site: it shows when the line was
 * down as the site saw it. All are given every HEALTH_INTERVAL_US; the link and the devices also when they
 * change. */
#ifndef PENSTOCK_GATEWAY_HEALTH_H
#define PENSTOCK_GATEWAY_HEALTH_H

#include "protocol/client/client.h"

#define HEALTH_INTERVAL_US INT64_C(10000000)

struct health;

/* Defines the tags. client and cert_file (PEM, read anew each time) are borrowed. */
MUSTCHECK enum status health_new(struct client *client, const char *cert_file, struct health **ret,
                                 struct error *err);
void health_free(struct health **ref);
MUSTCHECK enum status health_define_device(struct health *h, const char *name, uint32_t *ret_device,
                                           struct error *err);
const char *health_device_name(const struct health *h, uint32_t device);
void health_device(struct health *h, uint32_t device, bool up, int64_t wall_us);
void health_link(struct health *h, bool up, int64_t wall_us);
/* Everything, as it is now. A device that nothing was heard of yet is left out. */
void health_report(struct health *h, int64_t wall_us);

#endif
