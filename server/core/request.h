/* What the outside asks for and what it is answered, as plain values: the seam between the interface
 * (server/api) and whatever fulfils it (the core, the store, by way of server/app). A request is copied when
 * it is handed over. A reply and all that it points to is valid only during the call that delivers it.
 * Strings in requests are NUL-terminated, UTF-8, already checked for length by who makes the request. */
#ifndef PENSTOCK_CORE_REQUEST_H
#define PENSTOCK_CORE_REQUEST_H

#include "server/base/status.h"
#include "server/core/alarm.h"
#include "server/core/core.h"
#include "server/core/identity.h"
#include "server/core/sample.h"

struct aggregate; /* server/history/aggregate.h */
struct aggregate_rule;

enum {
    USER_NAME_SIZE = 64,
    PASSWORD_HASH_SIZE = 128, /* libsodium crypto_pwhash_STRBYTES */
    TOKEN_HASH_SIZE = 32,     /* SHA-256 */
    REASON_SIZE = 512,
    PEER_SIZE = 64,
    ALARM_LIST_MAX = 500,
    HISTORY_LIMIT_MAX = 1000,
    SAMPLES_POINTS_MAX = 10000,
    SAMPLES_TAGS_MAX = 32,      /* of one question */
    SAMPLES_ANSWER_MAX = 64000, /* points of all its tags together */
    AGGREGATES_MAX = 10000,     /* intervals of all tags together */
    RAW_PIECE_MAX = 4096,       /* samples of one piece */
    STATE_LIMIT_MAX = 10000,    /* alarms of one answer to REQ_ALARM_STATE_AT */
    RAISED_LIMIT_MAX = 100000,  /* … and to REQ_ALARM_LAST_RAISED */
    SITE_LIST_MAX = 2000,
    POSITION_SIZE = 64,
    LEDGER_DAYS_MAX = 366, /* of one answer to REQ_LEDGER */
    LEDGER_CLOCKS_MAX = 500,
    LEDGER_GAPS_MAX = 1000,
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
    REQ_SAMPLES,       /* trends of tags */
    REQ_AGGREGATES,    /* what tags did in intervals */
    REQ_RAW_OPEN,      /* every sample of tags, piece by piece: answered with the first piece, as … */
    REQ_RAW_NEXT,      /* … with the one behind it; nothing more once a piece was the last one */
    REQ_RAW_CLOSE,     /* not needed behind the last one, nor after an error */
    REQ_CONFIG_CHANGE, /* a list of items put or removed: one revision */
    REQ_CONFIG_HISTORY,
    REQ_AUDIT_LIST,
    REQ_BACKTEST, /* what a change would have done (core/backtest.h): asked for, looked at, called off */
    REQ_ALARM_STATE_AT,    /* states of alarms as they were at some moment, from the journal alone */
    REQ_ALARM_LAST_RAISED, /* when each alarm was raised last */
    REQ_ALARM_KPI,         /* figures of the alarm system over a period */
    REQ_ALARM_BAD_ACTORS,  /* alarms that cost the operators most in a period */
    REQ_IDENTITY,          /* gateways' tokens, revocations, windows: what people ask */
    REQ_CERTIFICATE,       /* a certificate that a gateway asks for, and who signs them: the server's own */
    REQ_LEDGER,            /* what became of the gateways' records */
    REQ_QUARANTINE_LIST,   /* records that could not be used, the newest first */
    REQ_QUARANTINE_GET,    /* one of them, with its bytes and what they say */
    REQ_QUARANTINE_REPLAY, /* … to be used after all */
    REQ_QUARANTINE_KEEP,   /* what came of that, for the store alone */
    REQ_GATEWAY_RELEASE,   /* a suspended gateway may come in again */
    REQ_STORE,             /* what the store holds */
};

/* By seq: the newest that the room learnt first. By source: the newest that happened first; then from, to and
 * before_src_us are source times. */
enum history_order { HISTORY_BY_SEQ, HISTORY_BY_SRC };

/* Which alarms are meant. All conditions hold together. */
struct alarm_filter {
    int64_t alarm_key;            /* 0: all */
    int64_t site_key;             /* 0: all */
    const int64_t *sites;         /* keys of an area's sites, borrowed during the call; NULL: all */
    uint32_t n_sites;             /* at most SITE_LIST_MAX; 0 with sites not NULL: none */
    uint32_t priorities;          /* bits 1 << priority; 0: all */
    char position[POSITION_SIZE]; /* operator's position that the alarm belonged to; "": all */
};

enum backtest_ask { BACKTEST_START, BACKTEST_LIST, BACKTEST_GET, BACKTEST_CANCEL };
enum backtest_state {
    BACKTEST_WAITING, /* another one runs */
    BACKTEST_RUNNING,
    BACKTEST_DONE,
    BACKTEST_CANCELLED,
    BACKTEST_FAILED,
};
/* "waiting", "running", "done", "cancelled", "failed" */
const char *backtest_state_name(enum backtest_state state);

struct config_change_item {
    const char *kind; /* "site", "gateway", "tag", "class", "group", "policy", "alarm" */
    const char *name;
    const char *body;          /* JSON text; NULL removes */
    int64_t expected_revision; /* of the item: 0 = must not exist, -1 = any */
};

/* Numbers [first, end) of an epoch that are gone at the site, with the times of the first and last sample. */
struct ledger_lost {
    uint64_t epoch;
    int64_t first;
    int64_t end;
    int64_t samples;
    int64_t from_us;
    int64_t to_us;
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
            struct alarm_filter filter;
            uint32_t kinds; /* bits 1 << enum alarm_record_kind; 0: all */
            enum history_order order;
            uint64_t before;       /* journal seq: records below it, newest first; 0: from the newest */
            int64_t before_src_us; /* by source: src_us of the record `before` */
            int64_t from_us;       /* at_us (by source: src_us) within [from, to); 0: open */
            int64_t to_us;
            uint32_t limit;
        } history;
        struct {
            struct alarm_filter filter;
            int64_t at_us;     /* server time: what the room knew then */
            bool retained;     /* only those that were not in A beneath, or waited for confirmation */
            int64_t after_key; /* alarms with a higher key; 0: from the first */
            uint32_t limit;    /* 1 to STATE_LIMIT_MAX */
        } state_at;
        struct {
            int64_t after_key; /* alarms with a higher key; 0: from the first */
            uint32_t limit;    /* 1 to RAISED_LIMIT_MAX */
        } last_raised;
        struct {
            int64_t from_us; /* server time, [from, to) */
            int64_t to_us;
            char position[POSITION_SIZE]; /* "": all */
        } kpi;                            /* and of the bad actors */
        struct {
            int64_t from_us; /* days (UTC) that begin in [from, to) */
            int64_t to_us;
            char gateway[MODEL_NAME_MAX + 1]; /* "": all, their days summed up, without gaps */
        } ledger;
        struct {
            char gateway[MODEL_NAME_MAX + 1]; /* "": all */
            uint32_t code;                    /* enum link_code; 0: all */
            int64_t before;                   /* ids below it; 0: from the newest */
            uint32_t limit;                   /* 1 to HISTORY_LIMIT_MAX */
        } quarantine_list;
        struct {
            char gateway[MODEL_NAME_MAX + 1];
        } release;
        struct {
            int64_t id;
        } quarantine; /* REQ_QUARANTINE_GET, REQ_QUARANTINE_REPLAY */
        struct {
            int64_t id;
            bool usable;
            bool dictionary;               /* it is one, to be kept with the others */
            char detail[REASON_SIZE];      /* why it is not usable, or what was left out */
            const struct stored_sample *v; /* borrowed during the call */
            uint32_t n;
            const char *action;     /* a literal: what the gateway tells goes to the audit under it; NULL */
            char told[REASON_SIZE]; /* … in these words */
            bool has_lost;          /* and what is gone at the site to the ledger */
            struct ledger_lost lost;
        } quarantine_keep;
        struct {
            int64_t tags[SAMPLES_TAGS_MAX]; /* keys, each once */
            uint32_t n_tags;
            int64_t from_us; /* [from, to) in source time */
            int64_t to_us;
            uint32_t points; /* of REQ_SAMPLES, for each tag: 1 to SAMPLES_POINTS_MAX pixels; raw when there
                                are no more samples than that */
            /* Of REQ_AGGREGATES, borrowed during the call. */
            const struct aggregate_rule *rules; /* one for each tag */
            const int64_t *complete_us;         /* … : nothing is known of it behind this time */
            const int64_t *edges; /* ascending from from_us to to_us: [edges[i], edges[i + 1]) */
            uint32_t n_edges;
            uint64_t stream; /* of REQ_RAW_NEXT and REQ_RAW_CLOSE: as REQ_RAW_OPEN was answered */
        } samples;
        struct {
            const struct config_change_item *v; /* borrowed during the call */
            uint32_t n;
            char reason[REASON_SIZE];
            char second[USER_NAME_SIZE]; /* who agreed, proven by his password; "": nobody was asked */
        } config;
        struct {
            int64_t before; /* revision or audit row: below it; 0: from the newest */
            uint32_t limit;
        } list;
        struct {
            enum backtest_ask ask;
            uint64_t id;     /* of BACKTEST_GET and BACKTEST_CANCEL */
            int64_t from_us; /* the rest is of BACKTEST_START */
            int64_t to_us;
            const struct config_change_item
                *v; /* borrowed during the call; expected_revision is not looked at */
            uint32_t n;
            bool whole;                       /* all alarms, not only those that the change can touch */
            int64_t later_max_us;             /* of a suggestion */
            char suggest[MODEL_NAME_MAX + 1]; /* alarm for which settings are tried; "": none */
        } backtest;
        struct {
            enum identity_ask ask;
            char gateway[IDENTITY_GATEWAY_SIZE];
            char reason[REASON_SIZE];
            uint8_t hash[IDENTITY_HASH_SIZE]; /* of the token; of the authority; fingerprint of a certificate
                                                 that is to be revoked with those that are known (all zero:
                                                 none) */
            int64_t until_us;
            struct identity_issue issue; /* of IDENTITY_ISSUE, which names the gateway itself */
        } identity;                      /* and of REQ_CERTIFICATE */
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

/* The trend of one tag. */
struct tag_samples {
    const struct sample_point *v;
    uint32_t n;
    bool raw;        /* each point is one sample */
    bool has_before; /* the newest sample before from_us, to draw a step from the edge */
    struct sample_point before;
};

/* One sample as it is kept. */
struct raw_sample {
    int64_t t_us;
    double value;      /* NaN: none */
    struct slice text; /* p is NULL: it is no text */
    uint8_t quality;
};

/* One line of alarm history: the record with the names as they were configured then. */
struct history_row {
    struct alarm_record record;
    struct slice alarm_name;
    struct slice position; /* operator's position of the alarm then */
};

/* An alarm as it was: its newest record then, and what older ones still said. */
struct state_row {
    struct alarm_record record;
    struct slice alarm_name;
    struct slice position;
    int64_t acked_us;   /* newest acknowledgement of any occurrence, server time; 0: never */
    uint32_t acked_occ; /* the occurrence that it was of */
    struct slice acked_by;
    int64_t shelved_us; /* since; 0: it was not shelved */
    struct slice shelved_by;
    struct slice shelved_reason;
    int64_t out_of_service_us; /* since; 0: it was in service */
    struct slice out_of_service_by;
    struct slice out_of_service_reason;
    struct slice suppressors; /* JSON array of their names, in order of arrival: ["rule"] */
};

struct raised_row {
    int64_t alarm_key;
    int64_t at_us; /* server time of its newest activation */
    int64_t src_us;
    uint32_t occ;
};

/* One figure, or one list of them. */
struct figure_row {
    struct slice name;
    double value;            /* NaN if there is none: text says what there is */
    struct slice text;       /* JSON: the value with its parts; "null" if there is none */
    struct slice definition; /* what was counted, a sentence for people */
};

/* Records of one gateway on one day, or in all days that were asked for. */
struct ledger_day {
    struct slice gateway;
    struct slice day; /* "2026-11-29"; empty: all */
    int64_t produced; /* became known to exist */
    int64_t stored;
    int64_t quarantined;
    int64_t duplicates;
    int64_t conflicts; /* under a number that was stored with another content */
    int64_t dropped;   /* gone at the site, as the gateway told */
    int64_t dropped_samples;
    int64_t samples; /* that went to history */
};

/* All records that a gateway ever numbered: produced = stored + quarantined + dropped + waiting + lost. */
struct ledger_balance {
    struct slice gateway;
    int64_t produced;
    int64_t stored;
    int64_t quarantined;
    int64_t replayed; /* of quarantined: used after all */
    int64_t duplicates;
    int64_t conflicts;
    int64_t dropped;
    int64_t waiting; /* at the site, as its last HELLO said */
    int64_t lost;    /* not stored, and the site has them no more */
    bool balanced;
};

/* What is known of a gateway's clock: times that it does not vouch for, a step, or a session's measures. */
struct ledger_clock {
    struct slice kind; /* "unsynced", "step", "session" */
    int64_t from_us;
    int64_t to_us;
    uint64_t epoch; /* of "unsynced" and "step", as the next two */
    int64_t first;  /* numbers of its first and last record */
    int64_t last;
    int64_t offset_us;   /* of "step": by how much; of "session": how far it was off */
    int64_t error_us;    /* of "session": most that this is wrong */
    struct slice source; /* of "session" */
    bool off;            /* of "session": it is to be told to people */
};

/* Numbers [first, end) of an epoch that are not stored. */
struct ledger_gap {
    struct slice state; /* "lost", "waiting", "dropped" */
    uint64_t epoch;
    int64_t first;
    int64_t end;
    int64_t samples; /* of "dropped", as the next two: the lost samples and their times */
    int64_t from_us;
    int64_t to_us;
};

/* A table with its parts, indexes and long values. */
struct store_table_row {
    struct slice name;
    int64_t bytes;
    int64_t rows; /* estimated */
};

/* A class of tags by how long their samples are kept. */
struct store_class_row {
    int16_t class;
    struct slice name;
    int32_t keep_days;  /* 0: for ever */
    int64_t from_us;    /* start of its first period; 0: it has none */
    int64_t bytes;      /* of its chunks */
    int64_t dropped_us; /* its samples before this were dropped; 0: none were */
    int64_t expired;    /* samples that came later than they are kept, in all time: not stored, or dropped */
};

/* A record that could not be used, and what a person made of it last. */
struct quarantine_row {
    int64_t id;
    struct slice gateway;
    uint64_t epoch;
    int64_t seq;
    uint64_t dict;
    uint8_t type;
    uint16_t flags;
    uint16_t code;         /* of the link: why */
    const char *type_name; /* "DATA" */
    const char *code_name; /* "bad_record" */
    struct slice reason;
    int64_t received_us;
    int64_t size;
    struct slice outcome; /* "done", "refused"; empty: nobody tried */
    int64_t replayed_us;
    struct slice actor;
    struct slice detail;
    int64_t samples; /* that went to history then */
};

struct quarantine_dict {
    uint64_t dict;
    struct slice body;
};

struct revision_row {
    int64_t revision;
    int64_t at_us;
    struct slice actor;
    struct slice second; /* who agreed; empty: nobody was asked */
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

/* One backtest. Its texts are "" if there is nothing to say. */
struct backtest_status {
    uint64_t id;
    enum backtest_state state;
    double progress; /* 0 to 1 */
    int64_t created_us;
    int64_t finished_us; /* 0: not yet */
    int64_t from_us;
    int64_t to_us;
    uint32_t n_items;
    const char *actor;
    const char *name; /* of the first item */
    const char *suggest;
    const char *error;   /* why it failed */
    struct slice report; /* JSON; of BACKTEST_GET alone, when it is done */
};

/* One problem in a configuration: where (JSON Pointer into the request's items), what, and a name of the
 * problem for programs: "E_RANGE" (server/config/faults.h lists them), empty where none fits. */
struct config_fault {
    char pointer[160];
    char text[320];
    char code[24];
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
            const struct tag_samples *v; /* in the order of the request's tags */
            uint32_t n;
            int64_t asked_us; /* server time: all that was received before is in it */
        } samples;
        struct {
            const struct aggregate *v; /* all intervals of the first tag, then those of the next */
            uint32_t n_tags;
            uint32_t n_intervals;
            int64_t asked_us; /* as above */
        } aggregates;
        struct {
            uint64_t stream;
            int64_t tag_key; /* tags follow each other in the order of the request */
            const struct raw_sample *v;
            uint32_t n;
            bool last;
            int64_t asked_us; /* as above */
        } raw;                /* REQ_RAW_OPEN, REQ_RAW_NEXT */
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
        struct {
            const struct backtest_status *v; /* the newest first; of BACKTEST_START and BACKTEST_GET the one.
                                                A start that is ERR_INVALID has its faults in config */
            uint32_t n;
        } backtests;
        struct {
            const struct state_row *v; /* in order of the alarm's key */
            uint32_t n;
        } states;
        struct {
            const struct raised_row *v; /* in order of the alarm's key; those that were never raised lack */
            uint32_t n;
        } raised;
        struct {
            const struct figure_row *v;
            uint32_t n;
        } figures; /* REQ_ALARM_KPI, REQ_ALARM_BAD_ACTORS */
        struct {
            const struct ledger_balance *balances; /* in order of the gateway's name */
            uint32_t n_balances;
            const struct ledger_day *days; /* in order of name and day; only where something happened */
            uint32_t n_days;
            const struct ledger_gap *gaps; /* lost ones first; at most LEDGER_GAPS_MAX */
            uint32_t n_gaps;
            const struct ledger_clock *clocks; /* newest first; at most LEDGER_CLOCKS_MAX */
            uint32_t n_clocks;
        } ledger;
        struct {
            const struct store_table_row *tables; /* the biggest first */
            uint32_t n_tables;
            const struct store_class_row *classes; /* in order of class */
            uint32_t n_classes;
            int64_t hot_rows; /* that are not packed yet */
            int64_t hot_samples;
            int64_t hot_lag_us; /* age of the oldest; 0: none waits */
            int64_t from_us;    /* of the earliest chunk; 0: there is none */
            int64_t chunks;
            int64_t samples;
            int64_t bytes;
            int64_t sealed;        /* last place in the chain over the operations journal; 0: none */
            int64_t unsealed;      /* rows behind it that have no place yet */
            int64_t checkpoint_us; /* when the chain was signed last; 0: never */
        } store;
        struct {
            const struct quarantine_row *v; /* of REQ_QUARANTINE_GET the one */
            uint32_t n;
            struct slice body;                   /* of REQ_QUARANTINE_GET, as the following */
            const struct quarantine_dict *dicts; /* of its epoch, in order of (dict, part) */
            uint32_t n_dicts;
            struct slice frame; /* as it was on the wire */
            struct slice says;  /* lines, as far as it can be read now */
            bool usable;        /* now */
            struct slice fault; /* why not */
        } quarantine;
        struct {
            bool usable;
            int64_t samples; /* that went to history */
            struct slice detail;
        } replayed; /* REQ_QUARANTINE_REPLAY, REQ_QUARANTINE_KEEP */
    };
};

#endif
