/* Records in quarantine: list, one with all that is needed to read it again, and what a replay leaves behind.
 */
#ifndef PENSTOCK_STORE_QUARANTINE_SQL_H
#define PENSTOCK_STORE_QUARANTINE_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

enum { QUARANTINE_DICT_BYTES_MAX = 64 * 1024 * 1024 };

/* REQ_QUARANTINE_LIST and REQ_QUARANTINE_GET. */
bool quarantine_sql_reads(enum request_kind kind);
MUSTCHECK enum status quarantine_sql_check(const struct request *r, struct error *err);
void quarantine_sql_send(struct pg *pg, struct pg_args *args, const struct request *r);
size_t quarantine_sql_reply_size(const struct pg_answer *answer);
/* memory: zeroed, of that size. */
void quarantine_sql_reply(const struct pg_answer *answer, void *memory, struct reply *ret);

/* REQ_QUARANTINE_KEEP: one statement, harmless when it is repeated with the same op. A record that was
 * replayed before is refused with 23505. */
size_t quarantine_sql_keep_bytes(const struct request *r);
void quarantine_sql_keep_send(struct pg *pg, struct pg_args *args, const struct request *r,
                              const uint8_t op[16]);
void quarantine_sql_keep_reply(const PGresult *result, struct reply *ret);

#endif
