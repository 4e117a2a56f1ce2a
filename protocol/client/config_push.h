/* A configuration that the server keeps for the gateway (protocol/README.md, "Configuration of a gateway"):
 * fetched part by part, applied whole or not at all, and taken back if it cuts the gateway off. A machine
 * without socket, disk or clock.
 *
 *     IDLE --offer--> FETCHING --all parts, SHA-256 right--> apply --> REFUSED, or APPLIED: on trial until a
 *     session comes up anew (kept) or CONFIG_TRIAL_US pass (rolled back)
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

/* What is kept on the disk. Versions: 0 is what the gateway was installed with. */
struct config_state {
    uint64_t version; /* in force */
    uint64_t former;  /* before it */
    uint64_t trying;  /* being applied; 0: none */
    uint64_t barred;  /* refused, or rolled back; 0: none */
    bool on_trial;    /* version has not had a session yet */
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
    int64_t trial_mono_us; /* while on_trial: when it ends */
};

/* state: from the disk; all 0 if there is none. Rolls back what was being applied when the process died. */
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
enum { CONFIG_STATE_SIZE = 40 };
void config_state_encode(const struct config_state *state, uint8_t ret[CONFIG_STATE_SIZE]);
bool config_state_decode(const uint8_t p[CONFIG_STATE_SIZE], struct config_state *ret);

#endif
