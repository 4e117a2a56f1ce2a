#include "server/store/order_sql.h"

#include <inttypes.h>
#include <stdio.h>

/* What a transaction set is as it was before when that is rolled back. */
static const char sql[] =
    "select set_config('penstock.batch', $2::text, false)"
    " where $1::text = '0' or case when current_setting('penstock.batch', true) = $1 then true"
    " else ('batch ' || $1 || ' is not stored, the last one is '"
    " || coalesce(nullif(current_setting('penstock.batch', true), ''), 'none'))::boolean end";

const char *order_sql(void) {
    return sql;
}

static void number_arg(struct pg_args *args, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    pg_arg_text(args, slice_str(text));
}

void order_sql_args(struct pg_args *args, uint64_t before, uint64_t number) {
    number_arg(args, before);
    number_arg(args, number);
}
