/* What keeps batches in their order although several are under way on one connection: each leaves its number
 * in the session, as a part of its transaction, and the one behind it asks for that. If a batch is not
 * stored, whatever the reason, the next one is refused, too, and both go again: of one tag and moment the
 * later sample counts, so it may not be stored before the earlier one. Pure but for memory. */
#ifndef PENSTOCK_STORE_ORDER_SQL_H
#define PENSTOCK_STORE_ORDER_SQL_H

#include "server/store/pgvalue.h"

#define ORDER_SQL_EARLY "22P02" /* the one before is not stored: its words are no boolean */

/* One row, of no meaning. */
const char *order_sql(void);
/* Numbers of batches; before: of the one that is under way before it; 0: none is. */
void order_sql_args(struct pg_args *args, uint64_t before, uint64_t number);

#endif
