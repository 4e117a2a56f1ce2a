/* Messages of the syslog protocol (RFC 5424), each behind its length as on a stream (RFC 5425, "octet
 * counting"):
 *
 *   LENGTH <109>1 TIME HOST penstock PID MSGID [penstock@32473 pos="7" id="3" hash="…"] {"pos":7,…}
 *
 * Facility 13 (log audit), severity notice. A message is at most SYSLOG_TEXT_MAX bytes, what every collector
 * takes: a longer text is cut, and cut="1" says so; the hash is that of the whole row all the same. Pure. */
#ifndef PENSTOCK_EXPORT_SYSLOG_TEXT_H
#define PENSTOCK_EXPORT_SYSLOG_TEXT_H

#include "server/base/buf.h"
#include "server/chain/chain.h"

enum { SYSLOG_TEXT_MAX = 8192, SYSLOG_HOST_MAX = 255 };

struct syslog_text {
    int64_t at_us;
    const char *host; /* what is not printable ASCII makes it "-" */
    int pid;
    const char *id; /* of the kind of message: up to 32 printable ASCII characters */
    int64_t pos;    /* place in the chain */
    int64_t row_id;
    const uint8_t *hash; /* CHAIN_HASH_SIZE bytes */
    struct slice json;
};

void syslog_text(struct buf *out, const struct syslog_text *m);

#endif
