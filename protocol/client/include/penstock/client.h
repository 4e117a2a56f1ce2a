/* Penstock's client library: what a gateway is built on. Define tags, put samples, and they reach the server,
 * each exactly once, over whatever line there is. Its one public header; protocol/client/README.md is the
 * page about it.
 *
 *     penstock_client_new -> penstock_client_define… -> penstock_client_start -> penstock_client_put… ->
 *     penstock_client_stop -> (on_stopped) -> penstock_client_free
 *
 * Everything runs on the caller's libuv loop, in its thread; nothing blocks but the disk. Callbacks come from
 * the loop; they must not call penstock_client_stop or penstock_client_free. Texts in the configuration are
 * copied or read at once. Functions that can fail return an enum penstock_status and, where error is not
 * NULL, say there what was wrong and what would be right. */
#ifndef PENSTOCK_CLIENT_H
#define PENSTOCK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

enum penstock_status {
    PENSTOCK_OK = 0,
    PENSTOCK_INVALID, /* what was given breaks a rule */
    PENSTOCK_TOO_BIG, /* over a limit; the text names the limit */
    PENSTOCK_FULL,
    PENSTOCK_NOT_FOUND,
    PENSTOCK_EXISTS,
    PENSTOCK_CONFLICT, /* another process has the journal */
    PENSTOCK_WRONG_STATE,
    PENSTOCK_DENIED,
    PENSTOCK_UNSUPPORTED,
    PENSTOCK_NOMEM,
    PENSTOCK_IO,
    PENSTOCK_UNAVAILABLE,
    PENSTOCK_TIMEOUT,
    PENSTOCK_INTERNAL,
};

struct penstock_error {
    enum penstock_status code;
    char where[160]; /* the field, file or tag */
    char text[480];  /* UTF-8, for people */
};

/* What disciplines the gateway's clock. Without anything, say NONE: samples are then marked. */
enum penstock_clock { PENSTOCK_CLOCK_NONE, PENSTOCK_CLOCK_NTP, PENSTOCK_CLOCK_PTP, PENSTOCK_CLOCK_GNSS };

/* A value with its type. */
struct penstock_value {
    int type;         /* enum penstock_type; 0: no value */
    int64_t integer;  /* BOOL, INT, UINT (its 64 bits), ENUM; SCALED: before scale and offset */
    double number;    /* F32, F64 and all numbers; SCALED: with scale and offset */
    const void *text; /* STRING, BYTES */
    size_t text_size;
};

/* What is to be done. Texts are lent for the call. */
struct penstock_command {
    uint8_t id[16];
    uint32_t tag;
    struct penstock_value value;
    const char *operator_name;
    const char *reason;
};

/* Why something was not done. */
enum penstock_reason {
    PENSTOCK_REASON_NONE = 0,
    PENSTOCK_REASON_INTERLOCKED = 8, /* the site's own logic forbids it */
    PENSTOCK_REASON_BUSY = 12,       /* another command is under way at this device */
    PENSTOCK_REASON_DEVICE_SILENT = 14,
    PENSTOCK_REASON_DEVICE_REFUSED = 15,
    PENSTOCK_REASON_NO_EFFECT = 16,     /* the device took it, and shows another value */
    PENSTOCK_REASON_LOCAL_CONTROL = 18, /* somebody at the site has taken it over */
};

/* How a command ended. */
enum penstock_outcome {
    PENSTOCK_EXECUTED = 3,
    PENSTOCK_FAILED = 4,   /* tried, and not done */
    PENSTOCK_REJECTED = 5, /* not tried */
    PENSTOCK_IN_DOUBT = 8, /* begun, and nobody knows how it ended */
};

struct penstock_result {
    uint8_t id[16];
    enum penstock_outcome outcome;
    enum penstock_reason reason;
    struct penstock_value read_back; /* as the device shows it; number or text by its type */
    const char *text;                /* for people; may be NULL */
};

/* All may be NULL. */
struct penstock_hooks {
    void *ctx;
    /* The session is up, or it ended, or an attempt failed, and why. */
    void (*on_link)(void *ctx, bool up, const char *reason);
    /* For the log: trouble that does not end the session. */
    void (*on_note)(void *ctx, const char *event, const char *text);
    /* Do this. Its intent is on the disk, so it will never be asked for again; tell how it ended by
     * penstock_client_command_done, at once or later. Without this hook the gateway takes no commands. */
    void (*on_command)(void *ctx, const struct penstock_command *command);
    /* May it be done now, or why not? Asked for selections, too. */
    enum penstock_reason (*on_command_check)(void *ctx, const struct penstock_command *command);
    /* The server has a configuration for this gateway: write these bytes to the disk and apply them, all of
     * it, or change nothing and say in error where and why (error is never NULL here). Without this hook the
     * gateway takes none. */
    enum penstock_status (*on_config)(void *ctx, uint64_t version, const void *p, size_t n,
                                      struct penstock_error *error);
    /* Go back to this version, which was in force before (0: what the gateway was installed with): the last
     * one was not applied to its end, or let no session come up within 10 minutes or 3 starts. May come for a
     * version that is in force already, and from within penstock_client_new. Required with on_config. */
    void (*on_config_rollback)(void *ctx, uint64_t version);
};

struct penstock_config {
    uv_loop_t *loop;
    const char *name;               /* of the gateway, as in its certificate: urn:penstock:gateway:NAME */
    const char *software;           /* "acme-rtu 1.2", for people */
    const char *host;               /* numeric: a name server can never hold the link up */
    uint16_t port;                  /* 0: 7411 */
    const char *server_name;        /* as in the server's certificate */
    const char *ca_file;            /* PEM: who signed the server */
    const char *cert_file;          /* PEM: the gateway's chain */
    const char *key_file;           /* PEM */
    const char *journal_dir;        /* made if its parent is there; one process at a time */
    uint64_t journal_bytes;         /* capacity. 0: 64 MiB */
    uint32_t journal_segment_bytes; /* 0: chosen */
    uint64_t journal_keep_bytes; /* of the capacity, for what the server has, should its database be set back.
                                    0: a quarter; 1: none */
    uint32_t flush_ms;           /* samples are collected for so long. 0: 1000 */
    uint32_t sync_ms;   /* the journal is made durable at most so often; nothing is sent before. 0: 200 */
    uint32_t gather_ms; /* while the line is down, samples make one record for so long at most. 0: 600000 */
    enum penstock_clock clock_source;
    uint64_t clock_error_us; /* estimated */
    struct penstock_hooks hooks;
};

enum penstock_type {
    PENSTOCK_BOOL = 1,
    PENSTOCK_INT = 2,
    PENSTOCK_UINT = 3,
    PENSTOCK_SCALED = 4, /* value = integer * scale + offset: the normal one for an instrument */
    PENSTOCK_F32 = 5,
    PENSTOCK_F64 = 6,
    PENSTOCK_ENUM = 7,
    PENSTOCK_STRING = 8,
    PENSTOCK_BYTES = 9,
};

enum penstock_tag_flag { PENSTOCK_WRITABLE = 1, PENSTOCK_SELECT = 2, PENSTOCK_HISTORISE = 4 };

/* Quality of a sample: a class, a reason, and whether there is a value. 0 is good. */
enum penstock_quality {
    PENSTOCK_GOOD = 0x00,
    PENSTOCK_UNCERTAIN = 0x40,
    PENSTOCK_BAD = 0x80,
    PENSTOCK_NO_VALUE = 0x20,
    PENSTOCK_COMMS = 1,
    PENSTOCK_SENSOR = 2,
    PENSTOCK_RANGE = 3,
    PENSTOCK_SUBSTITUTED = 4,
    PENSTOCK_TEST = 5,
    PENSTOCK_CLOCK = 6,
    PENSTOCK_STALE = 7,
    PENSTOCK_CONFIGURATION = 8,
    PENSTOCK_OUT_OF_SERVICE = 9,
    PENSTOCK_BLOCKED = 10,
    PENSTOCK_CHATTER = 11,
    PENSTOCK_INITIAL = 12,
};

struct penstock_tag {
    const char *name; /* within the site: "pump1.running" */
    const char *unit; /* NULL: none, as for the description */
    const char *description;
    enum penstock_type type;
    uint8_t flags; /* enum penstock_tag_flag */
    double scale;  /* PENSTOCK_SCALED */
    double offset;
    bool has_range;
    double low;
    double high;
};

enum penstock_event_code {
    PENSTOCK_DEVICE_DOWN = 3,
    PENSTOCK_DEVICE_UP = 4,
    PENSTOCK_LOCAL_OPERATION = 6, /* somebody operated something at the site */
};

enum penstock_severity { PENSTOCK_INFO, PENSTOCK_WARNING, PENSTOCK_TROUBLE };

struct penstock_event {
    enum penstock_event_code code;
    enum penstock_severity severity;
    int64_t t_us;     /* 0: now */
    const char *path; /* source, or source/device, at most 200 bytes. NULL: the gateway itself */
    const char *text; /* at most 512 bytes */
};

struct penstock_client_status {
    bool up;
    bool has_clock_offset;
    int64_t clock_offset_us;   /* server minus gateway, as measured */
    uint64_t journal_bytes;    /* in use */
    uint64_t journal_waiting;  /* records that the server has not committed */
    int64_t oldest_waiting_us; /* time of the oldest sample of these; 0: none */
    uint64_t dropped;          /* samples lost to a full journal since it was made */
    uint64_t lost;             /* samples that the disk did not take since the start */
    uint64_t records_sent;     /* since the start */
    uint64_t records_acked;
};

/* How a gateway gets its first certificate. */
struct penstock_enrolment {
    const char *token; /* from `penstock gateway enrol NAME` or the control room; good once, for an hour */
    const char *host;  /* numeric */
    uint16_t port;     /* 0: 7411 */
    const char *server_name;
    const char *ca_file; /* these three are written; the key is made here and never leaves */
    const char *cert_file;
    const char *key_file;
};

/* Asks for a certificate with a one-time token, which also says whose word to take: nothing else must be
 * brought to the site. It blocks, at most 5 s for each step: for a command, or a thread of its own.
 * PENSTOCK_DENIED: the server has refused, or is not the one that the token is of. Renewals come by
 * themselves later, over the client's link. */
enum penstock_status penstock_enrol(const struct penstock_enrolment *enrolment, struct penstock_error *error);

struct penstock_client;

/* Opens the journal and reads the keys. */
enum penstock_status penstock_client_new(const struct penstock_config *cfg, struct penstock_client **ret,
                                         struct penstock_error *error);
/* At any time: a new dictionary goes out with the next flush. */
enum penstock_status penstock_client_define(struct penstock_client *c, const struct penstock_tag *def,
                                            uint32_t *ret_tag, struct penstock_error *error);
/* Connects, and goes on trying for ever. */
enum penstock_status penstock_client_start(struct penstock_client *c, struct penstock_error *error);

/* A sample: when the source measured it (microseconds since 1970 UTC), what, how good. A value that the type
 * cannot carry (NaN, out of range) becomes a sample of bad quality without value. */
enum penstock_status penstock_client_put(struct penstock_client *c, uint32_t tag, int64_t t_us, double value,
                                         uint8_t quality, struct penstock_error *error);
/* BOOL, INT, UINT, ENUM, and SCALED's raw integer: exact for all 64 bits. */
enum penstock_status penstock_client_put_integer(struct penstock_client *c, uint32_t tag, int64_t t_us,
                                                 int64_t value, uint8_t quality,
                                                 struct penstock_error *error);
/* STRING and BYTES. */
enum penstock_status penstock_client_put_text(struct penstock_client *c, uint32_t tag, int64_t t_us,
                                              const void *p, size_t n, uint8_t quality,
                                              struct penstock_error *error);
/* To be asked just before the device is written, unless that is done in on_command itself: false if it is too
 * late for it now (that is told already). */
bool penstock_client_command_may_begin(struct penstock_client *c, const uint8_t id[16]);
/* PENSTOCK_NOT_FOUND: it is not under way. PENSTOCK_INVALID: that is no way to end. */
enum penstock_status penstock_client_command_done(struct penstock_client *c,
                                                  const struct penstock_result *result,
                                                  struct penstock_error *error);
/* Something happened at the gateway: it is journaled and told to the server, in no haste. */
enum penstock_status penstock_client_event(struct penstock_client *c, const struct penstock_event *event,
                                           struct penstock_error *error);
/* At once, without waiting for flush_ms. */
void penstock_client_flush(struct penstock_client *c);
/* All that was put is committed by the server. */
bool penstock_client_is_drained(const struct penstock_client *c);
void penstock_client_get_status(const struct penstock_client *c, struct penstock_client_status *ret);

/* Flushes, says goodbye, closes; on_stopped is called when no handle is left. What is not committed stays in
 * the journal. */
void penstock_client_stop(struct penstock_client *c, void (*on_stopped)(void *ctx), void *ctx);
/* After on_stopped, or without penstock_client_start. Accepts NULL; sets *ref to NULL. */
void penstock_client_free(struct penstock_client **ref);

#ifdef __cplusplus
}
#endif

#endif
