/* A configuration that the server keeps for the gateway (protocol/README.md, "Configuration of a gateway"):
 * fetched part by part, applied whole or not at all, and taken back if it cuts the gateway off. A machine
 * without socket, disk or clock.
 *
 *     IDLE --offer--> FETCHING --all parts, SHA-256 right--> apply --> REFUSED, or APPLIED: on trial until a
 *     session comes up anew (kept), or CONFIG_TRIAL_US pass in all, or it starts too often (rolled back)
 *
 * What is in force is a small state that the host makes durable before and after applying: a process that
 * dies while it applies, or a configuration under which it dies again and again, ends in a rollback, too. A
 * version that was refused or rolled back is barred: only another one is fetched again. What the bytes mean,
 * and where they are kept, is the host's. One thread. */
#ifndef PENSTOCK_CLIENT_CONFIG_PUSH_H
#define PENSTOCK_CLIENT_CONFIG_PUSH_H

#include "protocol/client/moment.h"
#include "protocol/config_msg.h"

#include <stdbool.h>

#define CONFIG_TRIAL_US INT64_C(600000000)
/* How far the time on trial is known after a sudden end: it is written as often. */
#define CONFIG_TRIAL_NOTE_US INT64_C(60000000)
enum { CONFIG_TRIAL_STARTS = 3 };

/* What is kept on the disk. Versions: 0 is what the gateway was installed with. */
struct config_state {
    uint64_t version; /* in force */
    uint64_t former;  /* before it */
    uint64_t trying;  /* being applied; 0: none */
    uint64_t barred;  /* refused, or rolled back; 0: none */
    bool on_trial;    /* version has not had a session yet */
    uint8_t starts;   /* while on trial: of the process under this version */
    int64_t trial_us; /* while on trial: how long it has lasted, as far as known */
};

struct config_push_host {
    void *ctx;
    /* Makes durable. */
    enum status (*save)(void *ctx, const struct config_state *state, struct error *err);
    void (*get)(void *ctx, const struct msg_config_get *m);
    /* Through the journal. */
    void (*result)(void *ctx, const struct msg_config_result *m);
    /* All of it or nothing; an error says why not. */
    enum status (*apply)(void *ctx, uint64_t version, struct slice bytes, struct error *err);
    void (*rollback)(void *ctx, uint64_t version);
    /* It was applied: a session must come up anew. */
    void (*reconnect)(void *ctx);
};

struct config_push {
    struct config_push_host host;
    struct config_state state;
    bool fetching;
    struct msg_config_offer offer; /* without its text */
    struct buf bytes;
    int64_t noted_mono_us; /* while on_trial: up to when state.trial_us has it */
};

/* state: from the disk; all 0 if there is none. Rolls back what was being applied when the process died, and
 * a trial under which it has started CONFIG_TRIAL_STARTS times without a session. */
void config_push_init(struct config_push *p, const struct config_push_host *host,
                      const struct config_state *state, struct moment now);
void config_push_done(struct config_push *p);
/* A session is up: what is in force is kept. */
void config_push_up(struct config_push *p);
/* It ended: what was not whole is forgotten. */
void config_push_down(struct config_push *p);
void config_push_offer(struct config_push *p, const struct msg_config_offer *m);
/* ERR_INVALID: not what was asked for. */
MUSTCHECK enum status config_push_chunk(struct config_push *p, const struct msg_config_chunk *m,
                                        struct moment now, struct error *err);
void config_push_advance(struct config_push *p, struct moment now);
int64_t config_push_next_mono_us(const struct config_push *p);

/* The state's file. False for other bytes. */
enum { CONFIG_STATE_SIZE = 48 };
void config_state_encode(const struct config_state *state, uint8_t ret[CONFIG_STATE_SIZE]);
/* Also takes the form of earlier versions, which was shorter. */
bool config_state_decode(const uint8_t *p, size_t n, struct config_state *ret);

#endif
