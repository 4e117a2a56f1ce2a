/* The statements of everything that only reads, and their answers. */
#ifndef PENSTOCK_STORE_READ_SQL_H
#define PENSTOCK_STORE_READ_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

enum { READ_ITEMS_MAX = 5000 /* told of one revision */ };

/* What read_reply allocates; read_done frees it. */
struct read_memory {
    void *rows;
};

/* ERR_INVALID if the request makes no sense. */
MUSTCHECK enum status read_check(const struct request *r, struct error *err);
void read_send(struct pg *pg, const struct request *r, pg_on_done on_done, void *ctx);
/* Fills the reply from the answer. It points into the answer and the memory. */
void read_reply(const struct request *r, const struct pg_answer *answer, struct read_memory *memory,
                struct reply *ret);
void read_done(struct read_memory *memory);

#endif
