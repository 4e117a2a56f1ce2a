/* Where a gateway's samples come from. A gateway has several sources; each defines its tags, puts samples
 * into them, and takes values to write. All of it runs on the gateway's loop, in its thread; a source that
 * has to wait for something does so in threads of its own.
 *
 *     kind->read (settings) -> kind->open (defines tags) -> start -> … put … -> stop -> (loop runs out) ->
 * free
 *
 * A kind is one row of source_kinds. Source: sources.c. */
#ifndef PENSTOCK_GATEWAY_SOURCE_H
#define PENSTOCK_GATEWAY_SOURCE_H

#include "protocol/gateway/settings.h"
#include "protocol/quality_map.h"

#include <uv.h>

struct source;

/* Qualities that sources give (protocol/README.md, Quality). */
enum {
    SOURCE_GOOD = LINK_QUALITY_GOOD,
    /* The device does not answer; no value. */
    SOURCE_BAD_COMMS = LINK_QUALITY_BAD | LINK_QUALITY_NO_VALUE | LINK_QUALITY_COMMS,
    /* The device does not have this point; no value. */
    SOURCE_BAD_CONFIG = LINK_QUALITY_BAD | LINK_QUALITY_NO_VALUE | LINK_QUALITY_CONFIGURATION,
};

enum source_device { SOURCE_DEVICE_DOWN, SOURCE_DEVICE_UP };

/* What the gateway does for a source. */
struct source_host {
    void *ctx;
    uv_loop_t *loop;
    /* ERR_EXISTS: another tag has the name. */
    enum status (*define)(void *ctx, const struct tag_def *def, uint32_t *ret_tag, struct error *err);
    /* As client_put and client_put_integer; what is refused is logged. */
    void (*put)(void *ctx, uint32_t tag, int64_t t_us, double value, uint8_t quality);
    void (*put_integer)(void *ctx, uint32_t tag, int64_t t_us, int64_t value, uint8_t quality);
    /* A device whose health the gateway shows (health.h); name lives as long as the source. */
    enum status (*define_device)(void *ctx, const char *name, uint32_t *ret_device, struct error *err);
    /* It answers, or it does not and why. Only when that changed. */
    void (*device)(void *ctx, uint32_t device, enum source_device state, const char *reason);
};

/* A write ended:
 *   OK               the device took it; value is what was read back after it, NaN if that failed
 *   ERR_TIMEOUT      may_begin said no: nothing was written
 *   ERR_DENIED       the device refused: nothing was written
 *   ERR_UNAVAILABLE  the device cannot be reached, or the gateway stops: nothing was written
 *   ERR_IO           it was sent and not answered: the device may have taken it or not */
typedef void (*source_on_written)(void *ctx, enum status st, double value, const struct error *err);

struct source_write {
    uint32_t tag;
    double value; /* in the tag's unit */
    /* Asked once, when the device was reached and all that is left is to write: is it still wanted? */
    bool (*may_begin)(void *ctx);
    source_on_written on_written;
    void *ctx;
};

struct source_ops {
    MUSTCHECK enum status (*start)(struct source *s, struct error *err);
    /* Puts nothing any more and closes its handles; the loop runs out when they are closed. */
    void (*stop)(struct source *s);
    /* Writes one tag. OK: on_written follows, once, on the loop. ERR_NOT_FOUND: not a tag of this source.
     * ERR_UNSUPPORTED: not a tag that can be written. ERR_INVALID: the value does not fit. ERR_FULL: too many
     * wait. */
    MUSTCHECK enum status (*write)(struct source *s, const struct source_write *w, struct error *err);
    /* It will never put again. */
    bool (*is_done)(const struct source *s);
    /* Not before the loop has run out. */
    void (*free)(struct source *s);
};

/* The head of every source's own structure. */
struct source {
    const struct source_ops *ops;
    struct source_host host;
};

struct source_kind {
    const char *name;
    /* The settings, in the arena; NULL after a fault. */
    const void *(*read)(struct settings *r, const struct place *p);
    /* Makes the source and defines its tags. settings must live as long as the source. */
    enum status (*open)(const void *settings, const struct source_host *host, struct source **ret,
                        struct error *err);
};

/* NULL ends. */
extern const struct source_kind *const source_kinds[];

#endif
