/* What people do and what is known of them: the audit and every request that writes, on one connection, in
 * the order in which they were handed over, one transaction at a time (audit rows that stand next to each
 * other share one). After an unknown outcome the same is submitted again. A request that cannot be done
 * within EVENTS_REQUEST_MS is answered ERR_UNAVAILABLE; audit rows wait for ever. */
#ifndef PENSTOCK_STORE_EVENTS_H
#define PENSTOCK_STORE_EVENTS_H

#include "server/store/keys.h"
#include "server/store/pg.h"
#include "server/store/store.h"

enum {
    EVENTS_AUDITS_MAX = 100000,
    EVENTS_AUDITS_KEPT = 10000, /* of them, for what people do: machines cannot take their room */
    EVENTS_REQUESTS_MAX = 1000,
    EVENTS_REQUEST_MS = 10000,
    EVENTS_RETRY_MIN_MS = 100,
    EVENTS_RETRY_MAX_MS = 5000,
};

struct events;

struct events_config {
    uv_loop_t *loop;
    struct pg *pg; /* borrowed; used only while open */
    struct keys *keys;
    const struct store_host *host;
    void *ctx;
    void (*wrote_config)(void *ctx, int64_t revision);
    void (*issued)(void *ctx); /* a gateway's certificate */
    void (*fatal)(void *ctx, const struct error *error);
};

MUSTCHECK enum status events_new(const struct events_config *cfg, struct events **ret, struct error *err);
void events_open(struct events *e);
void events_down(struct events *e);
void events_audit(struct events *e, const struct actor *actor, const char *action, const char *object,
                  const char *detail);
/* A request that write_knows. */
void events_request(struct events *e, uint64_t token, const struct request *r);
void events_turn_end(struct events *e);
bool events_is_empty(const struct events *e);
uint64_t events_oldest_ms(const struct events *e);
/* NULL, or why nothing is written now (beyond the connection being away). */
const struct error *events_trouble(const struct events *e);
/* Answers waiting requests with ERR_UNAVAILABLE, closes. The connection must be closed before. */
void events_close(struct events *e, void (*on_closed)(void *ctx), void *ctx);
void events_free(struct events **events);

#endif
