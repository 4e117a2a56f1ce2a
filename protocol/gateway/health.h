/* The gateway's own health as tags, beside those of its sources:
 *
 *     _gateway.link              1 while the session with the server is up. Its history, too, comes from the
 *                                site: it shows when the line was down as the site saw it
 *     _gateway.buffer_records    records in the journal that the server has not committed
 *     _gateway.buffer_bytes      and their bytes
 *     _gateway.oldest_s          age of the oldest sample among them; 0: none waits
 *     _gateway.lost              samples that a full journal or a failing disk has cost, since the journal
 * was made _gateway.clock_offset_ms   the server's clock minus the gateway's; once it was measured
 *     _gateway.certificate_days  whole days until the gateway's certificate expires; below 0: it has
 *     _gateway.DEVICE.up         1 while the device answers (sources with devices)
 *
 * All are given every HEALTH_INTERVAL_US; the link and the devices also when they change. A server that has
 * not configured them leaves them out. */
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
