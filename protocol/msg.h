/* Messages: one encode and one decode each (protocol/README.md, "Messages"). Decoders are total on arbitrary
 * bytes, allocate nothing, keep slices into the caller's bytes, check every count against the bytes left
 * before use, and return ERR_INVALID, ERR_TOO_BIG or ERR_UNSUPPORTED with what was wrong and at which offset.
 * Encoders append a body (no head) to a buf and CHECK that the caller kept the limits; decode(encode(x)) ==
 * x. Unknown TLVs are skipped. Implemented in msg.c (control messages), hello.c (HELLO, WELCOME), dict_msg.c
 * (DICT) and data.c (DATA). The messages of one purpose each, by the same rules: event_msg.h, command_msg.h,
 * config_msg.h, cert_msg.h. */
#ifndef PENSTOCK_PROTOCOL_MSG_H
#define PENSTOCK_PROTOCOL_MSG_H

#include "protocol/limits.h"
#include "server/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum msg_type {
    MSG_HELLO = 0x01,
    MSG_WELCOME = 0x02,
    MSG_ERROR = 0x03,
    MSG_BYE = 0x04,
    MSG_PING = 0x05,
    MSG_PONG = 0x06,
    MSG_WINDOW = 0x07,
    MSG_REFRESH = 0x08,
    MSG_DICT = 0x10,
    MSG_DATA = 0x11,
    MSG_EVENT = 0x12,
    MSG_CMD_RESULT = 0x13,
    MSG_ACK = 0x18,
    MSG_CMD_ACK = 0x21,
    MSG_CFG_OFFER = 0x30,
    MSG_CFG_GET = 0x31,
    MSG_CFG_CHUNK = 0x32,
    MSG_CFG_RESULT = 0x33,
    MSG_CERT_REQUEST = 0x34,
    MSG_CERT_ISSUED = 0x35,
    MSG_CERT_OFFER = 0x36,
    MSG_ENROL = 0x37,    /* on penstock-enrol/1 alone: enrol.h */
    MSG_CRITICAL = 0x80, /* types from here on are refused when unknown; below, skipped */
    MSG_CMD = 0x90,
};
/* "HELLO"; "unknown" for others */
const char *msg_type_name(uint8_t type);
/* Who says it, and whether it must be a journaled record. */
enum msg_sender { MSG_BY_GATEWAY, MSG_BY_SERVER, MSG_BY_BOTH, MSG_BY_UNKNOWN };
enum msg_sender msg_type_sender(uint8_t type);
bool msg_type_is_record(uint8_t type);

enum link_code {
    LINK_BAD_FRAME = 1,
    LINK_VERSION_MISMATCH = 2,
    LINK_IDENTITY = 3,
    LINK_NOT_ALLOWED = 4,
    LINK_TOO_BIG = 5,
    LINK_FLOW = 6,
    LINK_BAD_RECORD = 7,
    LINK_UNKNOWN_ALIAS = 8,
    LINK_UNKNOWN_DICT = 9,
    LINK_QUOTA = 10,
    LINK_SEQ_CONFLICT = 11,
    LINK_EPOCH_ROLLBACK = 12,
    LINK_UNSUPPORTED = 13,
    LINK_TIMEOUT = 14,
    LINK_STORE_DOWN = 15,
    LINK_SUSPENDED = 16,
};
const char *link_code_name(uint16_t code);

enum bye_reason {
    BYE_NORMAL = 0,
    BYE_RESTART = 1,
    BYE_REAUTH = 2,
    BYE_REPLACED = 3,
    BYE_RETRY = 4,
    BYE_MAINTENANCE = 5,
    BYE_REVOKED = 6,
};

enum server_state { SERVER_STORING = 0, SERVER_SLOW = 1, SERVER_NOT_STORING = 2 };

/* [first, end) of sequence numbers */
struct seq_range {
    uint64_t first;
    uint64_t end;
};

struct msg_epoch {
    uint64_t epoch;
    uint64_t oldest_unacked; /* HELLO */
    uint64_t next_seq;       /* HELLO */
    uint32_t n_ranges;       /* WELCOME: what is committed */
    struct seq_range ranges[LINK_ACK_RANGES_MAX];
};

enum clock_source { CLOCK_NONE, CLOCK_NTP, CLOCK_PTP, CLOCK_GNSS };

/* What a side can do that the other must not ask of it unless it says so (HELLO, WELCOME: caps). */
enum link_cap {
    LINK_CAP_COMMANDS = 1 << 0, /* CMD, CMD_ACK, CMD_RESULT */
    LINK_CAP_CONFIG = 1 << 1,   /* CFG_OFFER and what follows it */
    LINK_CAP_RENEWAL = 1 << 2,  /* CERT_OFFER, CERT_REQUEST, CERT_ISSUED */
};

struct msg_hello {
    uint16_t version_min;
    uint16_t version_max;
    struct slice gateway; /* id, as in the certificate */
    struct slice software;
    uint32_t n_epochs; /* [0] is the present start */
    struct msg_epoch epochs[LINK_EPOCHS_MAX];
    int64_t now_us;
    enum clock_source clock_source;
    uint64_t clock_error_us;
    uint64_t caps;
    uint32_t max_rx_frame;
    uint64_t journal_bytes;
    uint64_t journal_capacity;
    int64_t oldest_sample_us; /* 0: none waits */
    uint64_t dropped_total;   /* samples lost to a full journal since the gateway was installed */
    uint64_t config_version;  /* applied by CFG_OFFER; 0: none */
};

struct msg_welcome {
    uint16_t version;
    uint64_t session; /* grows with each session of this gateway */
    uint32_t n_epochs;
    struct msg_epoch epochs[LINK_EPOCHS_MAX]; /* those of HELLO, with what is committed */
    int64_t now_us;
    uint32_t window_bytes;
    uint32_t window_frames;
    uint32_t max_frame;
    uint32_t heartbeat_ms;
    uint32_t dead_ms;
    uint32_t backlog_rate; /* bytes a second; 0: hold the backlog */
    enum server_state state;
    uint64_t caps;           /* enum link_cap */
    bool commands_allowed;   /* the server may send CMD to this gateway */
    uint64_t config_version; /* that the gateway should have; 0: none is offered */
};

struct msg_error {
    uint16_t code;
    bool fatal;
    uint8_t ref_type; /* type of the frame that it is about, 0 if none */
    uint64_t ep;      /* with a journaled frame: index into HELLO's epochs */
    uint64_t seq;
    struct slice text;
};

struct msg_bye {
    uint8_t reason;
    uint32_t reconnect_after_ms;
    struct slice text;
};

struct msg_ping {
    uint64_t id;
    int64_t t0_us;
};

struct msg_pong {
    uint64_t id;
    int64_t t0_us;
    int64_t t1_us;
    int64_t t2_us;
    enum server_state state;
    uint64_t commit_lag_ms;
};

struct msg_window {
    uint32_t bytes;
    uint32_t frames;
    uint32_t backlog_rate;
};

struct msg_ack {
    uint64_t ep;
    uint32_t n_ranges; /* ascending; the first starts at 0 when all below its end is committed */
    struct seq_range ranges[LINK_ACK_RANGES_MAX];
    enum server_state state;
};

/* Journaled records (flag J) start with this; frames without J have only dict. */
struct msg_prefix {
    uint64_t ep;
    uint64_t seq;
    uint64_t dict;
};

enum value_type {
    VALUE_BOOL = 1,
    VALUE_INT = 2,
    VALUE_UINT = 3,
    VALUE_SCALED = 4, /* integer * scale + offset */
    VALUE_F32 = 5,
    VALUE_F64 = 6,
    VALUE_ENUM = 7,
    VALUE_STRING = 8,
    VALUE_BYTES = 9,
};
const char *value_type_name(uint8_t type);

enum { DICT_WRITABLE = 1, DICT_SELECT = 2, DICT_HISTORISE = 4 };

struct dict_entry {
    uint32_t alias;
    bool removed;
    uint8_t type; /* enum value_type, or a number of a later version */
    uint8_t flags;
    bool has_range;
    double scale; /* VALUE_SCALED */
    double offset;
    struct slice name; /* within the gateway's site */
    struct slice unit;
    struct slice description;
    double low;
    double high;
};

/* Bit of a sample's quality: no value goes with it. */
enum { LINK_QUALITY_NO_VALUE = 0x20 };

struct link_sample {
    uint32_t alias;
    uint8_t type; /* as in the dictionary */
    uint8_t quality;
    int64_t t_us;
    union {
        int64_t i;  /* BOOL, INT, SCALED (the raw integer), ENUM */
        uint64_t u; /* UINT */
        double f;   /* F32 (rounded to a float when encoded), F64; always finite */
        struct slice s;
    };
};

/* The sample's number: SCALED with scale and offset applied. False for STRING, BYTES and samples without a
 * value. */
bool link_sample_number(const struct link_sample *s, const struct dict_entry *e, double *ret);

MUSTCHECK enum status hello_decode(struct slice body, struct msg_hello *ret, struct error *err);
void hello_encode(struct buf *out, const struct msg_hello *m);
MUSTCHECK enum status welcome_decode(struct slice body, struct msg_welcome *ret, struct error *err);
void welcome_encode(struct buf *out, const struct msg_welcome *m);
MUSTCHECK enum status error_decode(struct slice body, struct msg_error *ret, struct error *err);
void error_encode(struct buf *out, const struct msg_error *m);
MUSTCHECK enum status bye_decode(struct slice body, struct msg_bye *ret, struct error *err);
void bye_encode(struct buf *out, const struct msg_bye *m);
MUSTCHECK enum status ping_decode(struct slice body, struct msg_ping *ret, struct error *err);
void ping_encode(struct buf *out, const struct msg_ping *m);
MUSTCHECK enum status pong_decode(struct slice body, struct msg_pong *ret, struct error *err);
void pong_encode(struct buf *out, const struct msg_pong *m);
MUSTCHECK enum status window_decode(struct slice body, struct msg_window *ret, struct error *err);
void window_encode(struct buf *out, const struct msg_window *m);
/* REFRESH: empty, or fields of later versions. */
MUSTCHECK enum status refresh_decode(struct slice body, struct error *err);
MUSTCHECK enum status ack_decode(struct slice body, struct msg_ack *ret, struct error *err);
void ack_encode(struct buf *out, const struct msg_ack *m);

/* Reads the prefix of a DICT, DATA or other record; *ret_rest is what follows it. */
MUSTCHECK enum status prefix_decode(struct slice body, bool journaled, struct msg_prefix *ret,
                                    struct slice *ret_rest, struct error *err);
void prefix_encode(struct buf *out, bool journaled, const struct msg_prefix *m);

/* DICT, after its prefix (whose dict is the id that it defines). base: the dictionary that it changes, 0 =
 * full. more: another DICT frame with the same id follows. One call of on_entry for each entry, in order; it
 * returns OK to go on. */
struct dict_head {
    uint64_t base;
    bool more;
    uint64_t n;
};
typedef enum status (*dict_on_entry)(void *ctx, const struct dict_entry *e, struct error *err);
MUSTCHECK enum status dict_decode(struct slice rest, struct dict_head *ret_head, dict_on_entry on_entry,
                                  void *ctx, struct error *err);
void dict_encode(struct buf *out, uint64_t base, bool more, const struct dict_entry *v, uint32_t n);

/* DATA, after its prefix. type_of gives an alias's value type, 0 if the dictionary does not have it (the
 * record is then refused with ERR_NOT_FOUND). One call of on_sample for each sample, by alias, then by time.
 * Nothing was delivered wrongly when the status is not OK, but what was delivered so far must be thrown away
 * by the caller. */
typedef uint8_t (*data_type_of)(void *ctx, uint32_t alias);
typedef enum status (*data_on_sample)(void *ctx, const struct link_sample *s, struct error *err);
MUSTCHECK enum status data_decode(struct slice rest, data_type_of type_of, data_on_sample on_sample,
                                  void *ctx, struct error *err);
/* v: ascending by alias, within one by time; one type for each alias; times within LINK_TIME_MIN_US to
 * LINK_TIME_MAX_US; n from 1 to LINK_SAMPLES_MAX (all CHECKed). */
void data_encode(struct buf *out, const struct link_sample *v, uint32_t n);

#endif
