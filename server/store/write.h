/* The statements of everything that people and alarms write: one transaction each, every one harmless when it
 * is repeated (each carries a number of its own, op). Sends, and reads the answers. */
#ifndef PENSTOCK_STORE_WRITE_H
#define PENSTOCK_STORE_WRITE_H

#include "server/core/request.h"
#include "server/store/keys.h"
#include "server/store/pg.h"
#include "server/store/record_sql.h"

enum { WRITE_OP_SIZE = 16, WRITE_GROUP_MAX = 1000 };

/* AGAIN: it may have happened before. */
enum write_try { WRITE_FIRST, WRITE_AGAIN };

struct write_audit {
    uint8_t op[WRITE_OP_SIZE];
    struct actor actor;
    const char *action;
    const char *object;
    const char *detail;
};

void write_records(struct pg *pg, const struct journal_entry *const *v, uint32_t n, enum write_try try,
                   pg_on_done on_done, void *ctx);
/* False if other records are there under their numbers: somebody else writes this journal. */
bool write_records_hold(const struct pg_answer *answer, uint32_t n, enum write_try try);
void write_audits(struct pg *pg, const struct write_audit *const *v, uint32_t n, enum write_try try,
                  pg_on_done on_done, void *ctx);

/* A request that write_knows. */
bool write_knows(enum request_kind kind);
void write_request(struct pg *pg, const struct request *r, const uint8_t op[WRITE_OP_SIZE],
                   enum write_try try, pg_on_done on_done, void *ctx);
/* Fills the reply from the answer (PG_DONE or PG_REFUSED for its content). New keys go into keys. */
void write_reply(const struct request *r, const struct pg_answer *answer, struct keys *keys,
                 struct reply *ret);

#endif
