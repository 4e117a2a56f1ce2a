/* What a gateway is built on: define tags, put samples, and they reach the server, each exactly once, over
 * whatever line there is. A journal on disk (journal.h) keeps what the server has not committed; a link
 * (uplink.h) over mutual TLS 1.3 brings it there, reconnecting by itself (backoff.h). Live values come first.
 *
 *     client_new -> client_define… -> client_start -> client_put… -> client_stop -> (on_stopped) ->
 * client_free
 *
 * Everything runs on the caller's libuv loop, in its thread; nothing blocks but the disk. Callbacks must not
 * call client_stop or client_free. Texts and file names in the configuration are copied or read at once. Tags
 * may be defined at any time: the new dictionary goes out with the next flush. The start, and each step of
 * the clock, make an EVENT; what is recorded around a step, or without a synchronised clock, is marked.
 * public.c gives the same as the interface that is installed (include/penstock/client.h). */
#ifndef PENSTOCK_CLIENT_CLIENT_H
#define PENSTOCK_CLIENT_CLIENT_H

#include "protocol/client/commands.h"
#include "protocol/client/tags.h"
#include "protocol/client/uplink.h"

#include <uv.h>

struct client;

struct client_hooks {
    void *ctx;
    /* The session is up (WELCOME), or it ended, or an attempt failed, and why. May be NULL, as may the
     * others. */
    void (*on_link)(void *ctx, bool up, const char *reason);
    /* For the log: trouble that does not end the session. */
    void (*on_note)(void *ctx, const char *event, const char *text);
    /* A DATA record is about to be journaled (recorder.h). */
    void (*on_record)(void *ctx, uint64_t epoch, uint64_t seq, const struct link_sample *v, uint32_t n);
    /* Do this: its intent is on the disk, so it will never be asked for again. How it ended is told by
     * client_command_done, at once or later. Texts are lent for the call. Without it the gateway takes no
     * commands. */
    void (*on_command)(void *ctx, const struct command_order *order);
    /* Does the site allow it now (COMMAND_OK), or why not: interlock, local control, busy. Asked for
     * selections, too. */
    enum command_reason (*on_command_check)(void *ctx, const struct command_order *order);
    /* The server has a configuration for this gateway: write it to the disk and apply it, all of it, or
     * change nothing and say why not. Then the session is ended and another begun. Without it the gateway
     * takes none. */
    enum status (*on_config)(void *ctx, uint64_t version, struct slice bytes, struct error *err);
    /* Go back to this version, which was in force before (0: what the gateway was installed with): the last
     * one was not applied to its end, or let no session come up within 10 minutes. May come for a version
     * that is in force already, and from within client_new. */
    void (*on_config_rollback)(void *ctx, uint64_t version);
};

struct client_config {
    uv_loop_t *loop;
    const char *name;     /* of the gateway, as in its certificate */
    const char *software; /* "penstock-gateway 1.2" */
    const char *host;     /* numeric: a name server can never hold the link up */
    uint16_t port;
    const char *server_name; /* as in the server's certificate */
    const char *ca_file;     /* PEM files */
    const char *cert_file;
    const char *key_file;
    const char *journal_dir;
    uint64_t journal_bytes;
    uint32_t journal_segment_bytes; /* 0: chosen (journal.h) */
    uint64_t journal_keep_bytes;    /* of what the server has */
    uint32_t flush_ms;              /* samples are collected for so long */
    uint32_t sync_ms;               /* the journal is made durable at most so often; nothing is sent before */
    uint32_t gather_ms; /* while nothing can be sent, samples make one record for so long; 0: 10 minutes */
    enum clock_source clock_source;
    uint64_t clock_error_us;
    struct client_hooks hooks;
};

struct client_status {
    bool up;
    struct uplink_status link;
    struct journal_stats journal;
    uint64_t lost;               /* samples that the disk did not take */
    int64_t certificate_ends_us; /* 0: not known */
};

/* Opens the journal and reads the keys. ERR_CONFLICT: another process has the journal. */
MUSTCHECK enum status client_new(const struct client_config *cfg, struct client **ret, struct error *err);
MUSTCHECK enum status client_define(struct client *c, const struct tag_def *def, uint32_t *ret_tag,
                                    struct error *err);
/* Connects, and goes on trying for ever. */
MUSTCHECK enum status client_start(struct client *c, struct error *err);

/* See tags_put; never ERR_FULL. */
MUSTCHECK enum status client_put(struct client *c, uint32_t tag, int64_t t_us, double value, uint8_t quality,
                                 struct error *err);
MUSTCHECK enum status client_put_integer(struct client *c, uint32_t tag, int64_t t_us, int64_t value,
                                         uint8_t quality, struct error *err);
MUSTCHECK enum status client_put_text(struct client *c, uint32_t tag, int64_t t_us, struct slice value,
                                      uint8_t quality, struct error *err);
/* To be asked just before the device is written, unless that is done in on_command itself: false if it is too
 * late for it now (that is told already). */
bool client_command_may_begin(struct client *c, const struct command_id *id);
/* How a command ended: EXECUTED with the value read back, FAILED, REJECTED (nothing was tried), or IN_DOUBT.
 * t_us 0: now. ERR_NOT_FOUND: it is not under way. */
MUSTCHECK enum status client_command_done(struct client *c, const struct msg_command_result *result,
                                          struct error *err);
/* Something happened at the gateway: it is journaled and told to the server. t_us 0: now. */
MUSTCHECK enum status client_event(struct client *c, const struct msg_event *event, struct error *err);
/* At once, without waiting for flush_ms. */
void client_flush(struct client *c);
/* Nothing waits: all that was put is committed by the server. */
bool client_is_drained(const struct client *c);
void client_get_status(const struct client *c, struct client_status *ret);
uint32_t client_tags(const struct client *c);
const struct dict_entry *client_tag(const struct client *c, uint32_t tag);

/* Flushes, says goodbye, closes; on_stopped is called when no handle is left. What is not committed stays in
 * the journal. */
void client_stop(struct client *c, void (*on_stopped)(void *ctx), void *ctx);
/* After on_stopped, or without client_start. Accepts NULL. */
void client_free(struct client **ref);

#endif
