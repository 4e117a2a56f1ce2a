/* What is kept beside the records: what each HELLO said of a gateway's epochs, how many records of a session
 * came again, and what a session knows of its gateway's clock. Written behind the records on the same
 * connection, without waiting for the disk: the next commit of a record makes it durable. What PostgreSQL
 * refuses for good is forgotten and logged: it is said again by the next HELLO. What it refuses for now (its
 * disk is full) waits, and is written again, as after an unknown outcome; that changes nothing. */
#ifndef PENSTOCK_STORE_NOTES_H
#define PENSTOCK_STORE_NOTES_H

#include "server/store/pg.h"
#include "server/store/store.h"

enum {
    NOTES_MAX = 65536,     /* of a kind; what comes beyond is forgotten */
    NOTES_EVERY_MS = 1000, /* for repeats and clocks; HELLOs go at once */
    NOTES_RETRY_MS = 1000, /* after a refusal */
    NOTES_ROWS_MAX = 1024, /* of a kind in one job */
};

struct notes;

/* NULL without memory. */
struct notes *notes_new(void);
void notes_free(struct notes **n);
void notes_said(struct notes *n, int64_t gateway_key, uint64_t session, const struct msg_epoch *epochs,
                uint32_t n_epochs, int64_t said_us);
void notes_repeated(struct notes *n, const struct store_repeat *r, uint64_t now_ms);
void notes_clock(struct notes *n, const struct store_clock *c, uint64_t now_ms);
bool notes_is_empty(const struct notes *n);
/* Loop time at which something is to be sent; UINT64_MAX: nothing waits, or the answer of a job is awaited.
 */
uint64_t notes_due_ms(const struct notes *n);
/* Sends what waits, at most NOTES_ROWS_MAX of a kind. pg_has_room is the caller's to check. on_sent is called
 * when the job was answered. */
void notes_send(struct notes *n, struct pg *pg, uint64_t now_ms, void (*on_sent)(void *ctx), void *ctx);
/* From now on nothing waits for company. */
void notes_hurry(struct notes *n);

#endif
