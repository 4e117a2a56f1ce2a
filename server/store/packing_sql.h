/* The statements of a packing, and chunks as rows of COPY. Pure but for memory. */
#ifndef PENSTOCK_STORE_PACKING_SQL_H
#define PENSTOCK_STORE_PACKING_SQL_H

#include "server/history/pack.h"
#include "server/store/pgvalue.h"

enum packing_sql {
    PACKING_LOOK,
    PACKING_NEXT,
    PACKING_ROUND,
    PACKING_HOT,
    PACKING_LOOSE,
    PACKING_HEADS,
    PACKING_PREPARE,
    PACKING_GONE,
    PACKING_MARK,
    PACKING_ASIDE,
    PACKING_PRUNED,
};
enum { PACKING_STATEMENTS = PACKING_PRUNED + 1 };

struct packing_statement {
    const char *name;
    const char *sql;
};

extern const struct packing_statement packing_statements[PACKING_STATEMENTS];
extern const char packing_copy_sql[];

void packing_copy_begin(struct buf *out);
void packing_copy_chunk(struct buf *out, int16_t class, int64_t tag_key, const struct pack_chunk *c);
void packing_copy_end(struct buf *out);

#endif
