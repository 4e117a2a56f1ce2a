/* penstockd: the wiring of adapters and core. turn.c is the page to read first. What comes from outside
 * arrives in route.c as events for the core or requests for the store; what the core decides leaves once per
 * loop turn in turn_end(). */
#ifndef PENSTOCK_APP_APP_H
#define PENSTOCK_APP_APP_H

#include "server/api/api.h"
#include "server/app/auditor.h"
#include "server/app/backtest_history.h"
#include "server/app/backtest_job.h"
#include "server/app/checkpoint.h"
#include "server/app/keeping.h"
#include "server/app/now.h"
#include "server/app/opts.h"
#include "server/app/spool.h"
#include "server/config/config.h"
#include "server/core/core.h"
#include "server/link/link.h"
#include "server/store/store.h"

#include <uv.h>

enum {
    APP_RECORDS_MAX = 1000000,      /* alarm records between the core and the store */
    APP_REQUESTS_MAX = 1024,        /* operators' requests that wait for their commit */
    APP_SAMPLES_MAX = 65536,        /* of one message */
    APP_REQUEST_WAIT_US = 10000000, /* then the spool is to keep it, or the operator is told that the database
                                       is late */
    APP_CHANGED_MAX = 4096,         /* tags handed to the interface at once */
    APP_REPLAYS_MAX = 8,            /* records from quarantine that are being replayed */
    APP_REPLAY_TEXT_MAX = 1024 * 1024,
};

/* A request of an operator whose records are on their way to the database. */
struct app_request {
    uint64_t token;
    uint64_t seq; /* answered when the journal is durable up to here */
    int64_t deadline_mono_us;
    uint32_t n;
    struct alarm_answer *v; /* owned */
};

/* A record that a person wants to be used after all, on its way from and to the database. */
struct app_replay {
    bool busy;
    uint64_t token;
    int64_t id;
    struct actor actor;
    struct stored_sample *expired; /* left out because their time is past: counted when the rest is stored */
    uint32_t n_expired;
    int64_t gateway_key;
};

struct app {
    struct opts opts;
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t wake;
    uv_timer_t tick; /* 10 a second: deadlines and the loop's lag do not wait for traffic */
    uv_signal_t sigterm;
    uv_signal_t sigint;
    uv_signal_t sighup;
    struct store *store;
    struct link *link;
    struct api *api;
    struct backtest_history past;
    struct backtest_jobs *backtests;
    struct keeping *keeping;
    struct auditor *auditor;
    uint64_t audit_breaks; /* of the chain, that the audit was told of */
    struct config_set *config;
    struct model *model;
    struct core *core;
    struct now now;
    struct app_checkpoint checkpoint; /* of the alarms' accumulators */
    struct alarm_record *records;     /* emitted in this turn, in order */
    uint32_t n_records;
    uint32_t cap_records;
    struct spool *spool; /* NULL: none is configured */
    struct {
        uint32_t asides; /* files of it that were put aside, as the core was told */
        bool lacks_room; /* as the log was told */
        int64_t due_mono_us;
    } spool_watch;
    struct app_request requests[APP_REQUESTS_MAX];
    uint32_t n_requests;
    struct app_request *collecting; /* whose EVENT_REQUESTs are being applied */
    struct app_replay replays[APP_REPLAYS_MAX];
    struct store_certificate
        *issued; /* until when gateways have certificates, as the database knows; by key */
    size_t n_issued;
    int64_t server_ends_us[SERVER_CERTIFICATES]; /* of the files that were read at the start; 0: unknown */
    struct request *change; /* of the configuration, on its way to the database; one at a time; owned */
    struct sample *samples; /* scratch, APP_SAMPLES_MAX */
    struct stored_sample *stored;
    struct store_packing packing; /* as last told; its damage is not kept */
    bool packing_known;           /* the core was told of it */
    enum store_state store_state;
    struct error store_error;
    int64_t store_lag_us;
    struct store_disk disk;
    uint8_t own_levels[SERVER_ALARMS]; /* as the core was told */
    uint64_t journaled_seq;
    int64_t started_us;
    int64_t turn_mono_us; /* when the present turn began */
    int64_t lag_worst_us; /* worst turn of the present 10 s */
    int64_t lag_shown_us;
    int64_t lag_since_mono_us;
    bool stopping;
    int stopped; /* adapters that are done */
    int exit_code;
};

/* Builds everything and listens. On failure err says what; what was built is taken down by app_done. */
MUSTCHECK enum status app_init(struct app *a, const struct opts *opts, struct error *err);
/* Runs until a signal or a fatal error; returns the exit code. */
int app_run(struct app *a);
void app_done(struct app *a);
/* Starts an orderly stop: no new input, commit what waits, close. */
void app_stop(struct app *a, int exit_code);

/* turn.c: hands an event to the core at the present server time; effects wait for turn_end. */
void app_apply(struct app *a, const struct event *event);
/* An alarm of the server's own, by how bad it is: the core hears of it, if it is configured. */
void app_tell_server(struct app *a, enum server_alarm which, uint8_t level, double value, double limit);
int64_t app_now_us(struct app *a);
/* How far ahead of the server a sample's time is believed; clock_error_us: of its gateway (link_record). */
int64_t app_future_us(const struct app *a, int64_t clock_error_us);
void turn_end(struct app *a);
struct app_checkpoint_host app_checkpoint_host(struct app *a);
struct effect_sink app_sink(struct app *a);

/* route.c: what the adapters call. */
struct link_host route_link_host(struct app *a);
struct store_host route_store_host(struct app *a);
struct api_host route_api_host(struct app *a);

/* shown.c: what the API shows of this process (api.h). */
void shown_gateway(void *ctx, uint32_t gateway, struct api_gateway *ret);
void shown_health(void *ctx, struct api_health *ret);
void shown_store(void *ctx, struct api_store *ret);
/* Its name in the API and in the log. */
const char *shown_store_state(enum store_state state);
/* Why nothing can be stored or asked, for everybody: ERR_NO_SPACE, or all else. */
const char *shown_store_reason(enum status why);

/* Keeps a record for the end of the turn, when it goes to the journal and the screens. */
void app_keep_record(struct app *a, const struct alarm_record *r);

/* requests.c: what operators ask of alarms, answered when durable: in the journal, or while the database is
 * away in the spool. */
void requests_alarm(struct app *a, uint64_t token, const struct request *r);
void requests_silence(struct app *a, uint64_t token, const struct request *r);
void requests_effect(struct app *a, const struct effect *e);
void requests_journaled(struct app *a);
/* The database went away: what waits for it is answered from the spool. */
void requests_away(struct app *a);
void requests_overdue(struct app *a, int64_t mono_us);

/* quarantine.c: records that could not be used, shown and replayed. */
void quarantine_request(struct app *a, uint64_t token, const struct request *r);
void quarantine_reply(struct app *a, uint64_t token, const struct reply *r);
/* Forgets those that are being replayed. */
void quarantine_done(struct app *a);

/* certificates.c: when certificates end, as events for the core. Those of the server are read from its files
 * at the start, as they are in use until it ends; their alarms, like the others, go by the core's own timers.
 */
void certificates_read(struct app *a);
/* A gateway's session came up, or its configuration is new. */
void certificates_tell(struct app *a, uint32_t gateway);
void certificates_tell_all(struct app *a);
/* What the database knows; copied. */
void certificates_issued(struct app *a, const struct store_certificate *v, size_t n);

/* disk.c: the disk of the database, as events for the core: it tells when there is little room, when it will
 * be full, and when it is. */
void disk_look(struct app *a, const struct store_disk *disk);
/* The store is away, and this is why. */
bool disk_is_full(const struct app *a);
/* The store's state is new. */
void disk_tell(struct app *a);
/* The configuration is new. */
void disk_tell_all(struct app *a);

/* audit_watch.c: the alarms of an audit that is not sealed or not exported, or whose chain is broken, as the
 * auditor reports; and to a core that does not know yet. */
void audit_watch_on_report(void *ctx);
void audit_watch_tell(struct app *a);

/* packing.c: samples on their way into chunks: an event for the core when they wait for too long. */
void packing_take(struct app *a, const struct store_packing *s);
/* The configuration is new. */
void packing_tell_all(struct app *a);
/* For how long the oldest samples have waited. */
int64_t packing_lag_us(struct app *a);

/* spool_watch.c: the alarm of a spool of which something was put aside, until somebody took that away; and
 * room that is kept for it. Looked at now and then; and told to a core that does not know yet. */
void spool_watch_turn(struct app *a, int64_t mono_us);
void spool_watch_tell(struct app *a);

/* reload.c: a new configuration, between two events. */
MUSTCHECK enum status reload_boot(struct app *a, struct store_boot *boot, struct error *err);
void reload_request(struct app *a, uint64_t token, const struct request *r);
void reload_reply(struct app *a, uint64_t token, const struct reply *r);
/* Somebody else (the command line) wrote this revision. Takes set. */
void reload_changed(struct app *a, int64_t revision, struct config_set *set);
/* Records that were made with the model `old` and are shown with the model `now`: the alarm's index in it. */
void reload_move_records(struct alarm_record *v, uint32_t n, const struct model *old,
                         const struct model *now);

#endif
