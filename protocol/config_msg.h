/* CFG_OFFER, CFG_GET, CFG_CHUNK, CFG_RESULT: a configuration goes to a gateway, part by part, and is applied
 * whole or not at all (protocol/README.md, "Configuration of a gateway"). The rules of msg.h hold. */
#ifndef PENSTOCK_PROTOCOL_CONFIG_MSG_H
#define PENSTOCK_PROTOCOL_CONFIG_MSG_H

#include "protocol/limits.h"
#include "server/base/buf.h"

#include <stdint.h>

struct msg_config_offer {
    uint64_t version; /* from 1, grows */
    uint8_t sha256[LINK_SHA256_SIZE];
    uint32_t size;     /* 1 to LINK_CONFIG_MAX */
    struct slice text; /* for people: what changed */
};
MUSTCHECK enum status config_offer_decode(struct slice body, struct msg_config_offer *ret, struct error *err);
void config_offer_encode(struct buf *out, const struct msg_config_offer *m);

struct msg_config_get {
    uint64_t version;
    uint32_t offset; /* below LINK_CONFIG_MAX */
    uint32_t length; /* 1 to LINK_CONFIG_CHUNK_MAX */
};
MUSTCHECK enum status config_get_decode(struct slice body, struct msg_config_get *ret, struct error *err);
void config_get_encode(struct buf *out, const struct msg_config_get *m);

struct msg_config_chunk {
    uint64_t version;
    uint32_t offset;
    struct slice bytes; /* empty: that version is not offered any more */
};
MUSTCHECK enum status config_chunk_decode(struct slice body, struct msg_config_chunk *ret, struct error *err);
void config_chunk_encode(struct buf *out, const struct msg_config_chunk *m);

/* Others are of later versions and kept as numbers. */
enum config_outcome {
    CONFIG_APPLIED = 0,
    CONFIG_REFUSED = 1,     /* nothing was changed; the text says why */
    CONFIG_ROLLED_BACK = 2, /* it was applied, and the former one is in force again */
};

struct msg_config_result {
    uint64_t version;
    uint8_t outcome; /* enum config_outcome */
    int64_t t_us;
    struct slice text;
};
/* What follows the record's prefix. */
MUSTCHECK enum status config_result_decode(struct slice rest, struct msg_config_result *ret,
                                           struct error *err);
void config_result_encode(struct buf *out, const struct msg_config_result *m);

#endif
