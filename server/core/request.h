/* What the outside asks for and what it is answered, as plain values: the seam between the interface
 * (server/api) and whatever fulfils it (the core, the store, by way of server/app). A request is copied when
 * it is handed over. A reply and all that it points to is valid only during the call that delivers it.
 * Strings in requests are NUL-terminated, UTF-8, already checked for length by who makes the request. */
#ifndef PENSTOCK_CORE_REQUEST_H
#define PENSTOCK_CORE_REQUEST_H

#include "server/base/status.h"
#include "server/core/alarm.h"
#include "server/core/core.h"

enum {
    USER_NAME_SIZE = 64,
    PASSWORD_HASH_SIZE = 128, /* libsodium crypto_pwhash_STRBYTES */
    TOKEN_HASH_SIZE = 32,     /* SHA-256 */
    REASON_SIZE = 512,
    PEER_SIZE = 64,
    ALARM_LIST_MAX = 500,
    HISTORY_LIMIT_MAX = 1000,
    SAMPLES_POINTS_MAX = 10000,
};

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ENGINEER, ROLE_ADMIN };
const char *role_name(enum role role);
/* ROLE_NONE for anything else. */
enum role role_parse(struct slice text);

struct user {
    int64_t key;
    enum role role;
    bool disabled;
    bool must_change_password; /* logged in by one-time code and has none yet */
    char name[USER_NAME_SIZE];
    char title[USER_NAME_SIZE];
    char password_hash[PASSWORD_HASH_SIZE]; /* "" if none was set */
};

/* Who asks: for the audit. */
struct actor {
    int64_t user_key; /* 0: nobody yet (failed login) */
    char name[USER_NAME_SIZE];
    char peer[PEER_SIZE];
};

enum request_kind {
    REQ_USER_FIND,    /* by name */
    REQ_LOGIN_CODE,   /* uses up a one-time code: by user name and the code's hash */
    REQ_SESSION_OPEN, /* with audit row */
    REQ_SESSION_FIND, /* by token hash: user, if not expired, closed or disabled */
    REQ_SESSION_CLOSE,
    REQ_PASSWORD_SET, /* closes the user's other sessions */
    REQ_AUDIT,        /* one row, e.g. a failed login */
    REQ_ALARM,        /* what a person asks of alarms: a list, done in order */
    REQ_SILENCE,      /* the sound at one position, or at all */
    REQ_ALARM_HISTORY,
    REQ_SAMPLES,
    REQ_CONFIG_CHANGE, /* a list of items put or removed: one revision */
    REQ_CONFIG_HISTORY,
    REQ_AUDIT_LIST,
};

struct config_change_item {
    const char *kind; /* "site", "gateway", "tag", "alarm" */
    const char *name;
    const char *body;          /* JSON text; NULL removes */
    int64_t expected_revision; /* of the item: 0 = must not exist, -1 = any */
};

struct request {
    enum request_kind kind;
    struct actor actor;
    union {
        struct {
            char name[USER_NAME_SIZE];
            uint8_t code_hash[TOKEN_HASH_SIZE];
        } login;
        struct {
            uint8_t token_hash[TOKEN_HASH_SIZE];
            int64_t user_key;
            int64_t expires_us;
        } session;
        struct {
            int64_t user_key;
            char hash[PASSWORD_HASH_SIZE];
            uint8_t keep_token_hash[TOKEN_HASH_SIZE]; /* this session stays */
        } password;
        struct {
            char action[64]; /* "login.failed" */
            char object[256];
            char detail[REASON_SIZE];
        } audit;
        struct {
            const struct alarm_request *v; /* borrowed during the call, with their texts; alarm is an index in
                                              the present model, MODEL_NONE if the name is unknown */
            uint32_t n;
        } alarms;
        struct {
            uint32_t position; /* index in the present model, MODEL_NONE: all */
            char name[MODEL_NAME_MAX + 1];
        } silence;
        struct {
            int64_t site_key;  /* 0: all */
            int64_t alarm_key; /* 0: all */
            uint64_t before;   /* journal seq: records below it, newest first; 0: from the newest */
            int64_t from_us;   /* at_us within [from, to); 0: open */
            int64_t to_us;
            uint32_t limit;
        } history;
        struct {
            int64_t tag_key;
            int64_t from_us; /* [from, to) in source time */
            int64_t to_us;
            uint32_t
                points; /* 1 to SAMPLES_POINTS_MAX buckets; raw when there are no more samples than that */
        } samples;
        struct {
            const struct config_change_item *v; /* borrowed during the call */
            uint32_t n;
            char reason[REASON_SIZE];
        } config;
        struct {
            int64_t before; /* revision or audit row: below it; 0: from the newest */
            uint32_t limit;
        } list;
    };
};

/* A bucket of a trend, or one raw sample (then count is 1 and all four are the same). Values of bad samples
 * are left out of them. */
struct sample_point {
    int64_t first_us; /* source time of the first and last sample in it */
    int64_t last_us;
    double first; /* NaN if all are bad */
    double min;
    double max;
    double last;
    int64_t min_us;
    int64_t max_us;
    int64_t count;
    int64_t bad;     /* how many of count are bad */
    uint8_t quality; /* the worst in it */
};

/* One line of alarm history: the record with the names as they were configured then. */
struct history_row {
    struct alarm_record record;
    struct slice alarm_name;
};

struct revision_row {
    int64_t revision;
    int64_t at_us;
    struct slice actor;
    struct slice reason;
    struct slice items; /* JSON array: [{"kind","name","body","before"}] */
};

struct audit_row {
    int64_t id;
    int64_t at_us;
    struct slice actor;
    struct slice peer;
    struct slice action;
    struct slice object;
    struct slice detail;
};

/* What became of one struct alarm_request: call, letter and who acknowledged are the alarm's now. */
struct alarm_answer {
    uint32_t alarm;
    enum alarm_reply result;
    uint32_t call;
    char letter; /* 0 if there is no such alarm */
    int64_t acked_us;
    char acked_by[ALARM_ACTOR_SIZE];
};

/* One problem in a configuration: where (JSON Pointer into the request's items) and what. */
struct config_fault {
    char pointer[160];
    char text[320];
};

struct reply {
    enum request_kind kind;
    enum status status;
    struct error error; /* when status is not OK */
    union {
        struct user user; /* REQ_USER_FIND, REQ_LOGIN_CODE, REQ_SESSION_FIND */
        struct {
            const struct alarm_answer *v; /* in the order of the request */
            uint32_t n;
        } alarms;
        struct {
            const struct history_row *v;
            uint32_t n;
        } history;
        struct {
            const struct sample_point *v;
            uint32_t n;
            bool raw;
            bool has_before; /* the newest sample before from_us, to draw a step from the edge */
            struct sample_point before;
        } samples;
        struct {
            int64_t revision;             /* the new one */
            const struct config_fault *v; /* with ERR_INVALID */
            uint32_t n;
        } config;
        struct {
            const struct revision_row *v;
            uint32_t n;
        } revisions;
        struct {
            const struct audit_row *v;
            uint32_t n;
        } audit;
    };
};

#endif
