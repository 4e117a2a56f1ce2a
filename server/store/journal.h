/* The alarm journal's way into PostgreSQL, on a connection of its own: alarms never wait behind people's
 * requests or gateways' samples. Records are committed in order, in groups, one transaction at a time; after
 * an unknown outcome the same is submitted again. They wait for ever. One server in the world writes the
 * journal: the connection holds an advisory lock (LOCK_JOURNAL), and writes only when it was confirmed, after
 * the lock was got, that this server has the database. */
#ifndef PENSTOCK_STORE_JOURNAL_H
#define PENSTOCK_STORE_JOURNAL_H

#include "server/store/store.h"

enum {
    JOURNAL_RECORDS_MAX = 1000000,
    JOURNAL_RETRY_MIN_MS = 100,
    JOURNAL_RETRY_MAX_MS = 5000,
};

struct journal;

struct journal_config {
    uv_loop_t *loop;
    const char *conninfo;
    void *ctx;
    void (*held)(void *ctx); /* each time: nobody else can write it now */
    void (*journaled)(void *ctx, uint64_t seq);
    void (*fatal)(void *ctx, const struct error *error);
};

MUSTCHECK enum status journal_new(const struct journal_config *cfg, struct journal **ret, struct error *err);
/* Begins to connect; later calls do nothing. */
void journal_start(struct journal *j);
/* This server has the database, as of now: what waits may be written, if the lock is held. */
void journal_confirm(struct journal *j);
/* seq of the last record that is durable already. */
void journal_start_at(struct journal *j, uint64_t seq);
/* Copied. Each has a higher seq than the one before. ERR_FULL: JOURNAL_RECORDS_MAX wait, or no memory. */
MUSTCHECK enum status journal_put(struct journal *j, const struct alarm_record *r, struct slice position);
void journal_turn_end(struct journal *j);
bool journal_is_empty(const struct journal *j);
/* Loop time at which the oldest waiting record came; UINT64_MAX if none waits. */
uint64_t journal_oldest_ms(const struct journal *j);
/* NULL, or why nothing is written now. */
const struct error *journal_trouble(const struct journal *j);
void journal_close(struct journal *j, void (*on_closed)(void *ctx), void *ctx);
void journal_free(struct journal **journal);

#endif
