/* The gateways' records on their way into PostgreSQL. They wait in order of arrival, travel in batches (one
 * transaction each, two under way at most) and are reported when their COMMIT was answered. Each record's
 * effect is bound to its row in ingest_batch: submitting it again changes nothing, so after an unknown
 * outcome that is what happens. Nothing is stored before what came before it (order_sql.h). A batch goes by
 * the statement of fresh_sql.h as long as all in it may be new, then by that of ingest_sql.h. One that
 * PostgreSQL refuses for its content is halved until the guilty record is alone, which then goes to
 * quarantine. Questions of what is committed (settle) stand in the same line. */
#ifndef PENSTOCK_STORE_INGEST_H
#define PENSTOCK_STORE_INGEST_H

#include "server/store/ingest_batch.h"
#include "server/store/pg.h"
#include "server/store/store.h"

enum {
    INGEST_IN_FLIGHT = 2,
    INGEST_COMMIT_EVERY_MS = 20,
    INGEST_SETTLES_MAX = 4096, /* waiting; more are told to come again */
    INGEST_SETTLE_MS = 10000,  /* longest wait of one */
    INGEST_RETRY_MIN_MS = 100,
    INGEST_RETRY_MAX_MS = 5000,
};
#define INGEST_PENDING_BYTES ((size_t)256 * 1024 * 1024)

struct ingest;

MUSTCHECK enum status ingest_new(const struct store_config *cfg, const struct store_host *host,
                                 struct ingest **ret, struct error *err);
/* Begins to connect; the schema is known to be right. */
void ingest_start(struct ingest *g);
bool ingest_has_room(struct ingest *g, const struct store_record *r);
MUSTCHECK enum status ingest_put(struct ingest *g, const struct store_record *r);
void ingest_settle(struct ingest *g, uint64_t token, struct slice gateway_name,
                   const struct msg_epoch *epochs, uint32_t n_epochs);
/* For the ledger: within NOTES_EVERY_MS. */
void ingest_repeated(struct ingest *g, const struct store_repeat *r);
void ingest_clock(struct ingest *g, const struct store_clock *c);
/* The alarm journal is durable up to seq: records that waited for it may go. */
void ingest_journaled(struct ingest *g, uint64_t seq);
/* Submits what is due. */
void ingest_turn_end(struct ingest *g);
/* From now on everything is due at once. */
void ingest_hurry(struct ingest *g);
bool ingest_is_empty(const struct ingest *g);
/* Loop time at which the oldest waiting record came; UINT64_MAX if none waits. */
struct store_pending ingest_pending(const struct ingest *g);
uint64_t ingest_oldest_ms(const struct ingest *g);
/* The samples of all records that are not known to be committed, in order of arrival: as rows of sample_hot.
 */
typedef void (*ingest_visit)(void *ctx, const struct hot_row *row);
void ingest_tail(const struct ingest *g, ingest_visit visit, void *ctx);
/* NULL, or why nothing is stored now. */
const struct error *ingest_trouble(const struct ingest *g);
/* Answers waiting settles with ERR_UNAVAILABLE, closes. */
void ingest_close(struct ingest *g, void (*on_closed)(void *ctx), void *ctx);
void ingest_free(struct ingest **ingest);

#endif
