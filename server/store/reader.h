/* Reads history: questions about the samples of tags, on two connections (screens do not wait behind
 * exports), unpacked on uv's threads. Each question is a job (reader_job.h) that asks PostgreSQL for one
 * bounded part after the other. What gateways sent and is not committed yet is read from the ingest's RAM at
 * the moment of asking. Answered always, by the loop, never from inside a call: ERR_UNAVAILABLE at once while
 * the database is away; what is asked while the first connection is made waits for it.
 *
 * An export (REQ_RAW_OPEN) is read as its pieces are asked for; it has no transaction open between them. */
#ifndef PENSTOCK_STORE_READER_H
#define PENSTOCK_STORE_READER_H

#include "server/store/ingest.h"

enum {
    READER_ACTIVE_MAX = 8,     /* questions of one connection that are being answered; others wait */
    READER_WAITING_MAX = 1000, /* … of one connection; more are answered ERR_FULL */
    READER_EXPORTS_MAX = 16,   /* open at a time; more are answered ERR_FULL */
    READER_STATEMENT_MS = 10000,
};

struct reader;

/* ingest is borrowed. */
MUSTCHECK enum status reader_new(const struct store_config *cfg, const struct store_host *host,
                                 const struct ingest *ingest, struct reader **ret, struct error *err);
void reader_start(struct reader *r);
/* True for the kinds of requests that are answered here. */
bool reader_knows(enum request_kind kind);
void reader_request(struct reader *r, uint64_t token, const struct request *ask);
/* Nobody waits for this answer any more: it is an error as soon as the statement under way is called off. */
void reader_forget(struct reader *r, uint64_t token);
void reader_turn_end(struct reader *r);
void reader_close(struct reader *r, void (*on_closed)(void *ctx), void *ctx);
void reader_free(struct reader **r);

#endif
