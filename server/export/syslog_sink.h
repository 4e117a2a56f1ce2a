/* A syslog collector behind TLS (RFC 5425). Syslog has no acknowledgement: what was sent is believed to have
 * arrived only when the connection was closed in order, by both sides, after it: the collector answered our
 * end with its own, acknowledged every byte, and did not break off. Until then the sender keeps in mind from
 * where to send again. Blocking, with limits for every wait, and soon over when *stop becomes true; names are
 * looked up by the resolver, which has its own limits. One thread; SIGPIPE is to be ignored. */
#ifndef PENSTOCK_EXPORT_SYSLOG_SINK_H
#define PENSTOCK_EXPORT_SYSLOG_SINK_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    SYSLOG_CONNECT_MS = 10000, /* with the TLS handshake */
    SYSLOG_SEND_MS = 30000,    /* a collector that takes nothing for so long hangs */
    SYSLOG_CONFIRM_MS = 10000,
};

struct syslog_sink;

struct syslog_sink_config {
    const char *host; /* a name or an address, as in the collector's certificate */
    uint16_t port;
    const char *ca_file;
    const char *cert_file; /* NULL: the collector does not ask who we are */
    const char *key_file;
    const atomic_bool *stop; /* may be NULL; else it is to outlive the sink */
};

/* Reads the files; connects to nobody yet. ERR_INVALID: a file is no good. Texts of cfg are copied. */
MUSTCHECK enum status syslog_sink_new(const struct syslog_sink_config *cfg, struct syslog_sink **ret,
                                      struct error *err);
/* Whole messages. ERR_UNAVAILABLE: nothing that was not confirmed counts; the connection is gone. */
MUSTCHECK enum status syslog_sink_send(struct syslog_sink *s, struct slice messages, struct error *err);
/* Closes in order. OK: all that was sent arrived. ERR_UNAVAILABLE as above. */
MUSTCHECK enum status syslog_sink_confirm(struct syslog_sink *s, struct error *err);
/* Gives the connection up. */
void syslog_sink_drop(struct syslog_sink *s);
void syslog_sink_free(struct syslog_sink **s);

#endif
