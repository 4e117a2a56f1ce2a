/* `penstock alarms`: the present state of alarms as the journal has it. */
#include "server/app/cli/cli.h"
#include "server/app/cli/db.h"
#include "server/base/tm.h"

#include <math.h>
#include <stdio.h>

/* to_letter: A normal, Z disabled, - not configured any more */
#define ALARMS_SELECT                                                                                        \
    "select k.name, a.to_letter, a.priority::int4, a.raised_us, a.value, a.limit_value"                      \
    "  from alarm_now a join config_key k on k.key = a.alarm_key"

static const char *state_words(struct slice letter) {
    static const struct {
        const char *letter;
        const char *words;
    } states[] = {{"A", "normal"},
                  {"B", "active, unacknowledged"},
                  {"C", "active, acknowledged"},
                  {"D", "returned, unacknowledged"},
                  {"Z", "disabled"},
                  {"-", "not configured"}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (slice_is(letter, states[i].letter)) {
            return states[i].words;
        }
    }
    return "?";
}

static void print_row(const PGresult *r, int row) {
    char since[TM_TEXT_SIZE] = "never";
    int64_t raised_us = pg_get_i64(r, row, 3);
    if (raised_us != 0 && tm_format(raised_us, since) != OK) {
        (void)snprintf(since, sizeof since, "?");
    }
    double value = pg_get_f64(r, row, 4);
    double limit = pg_get_f64(r, row, 5);
    struct slice name = pg_get_slice(r, row, 0);
    (void)printf("%-28.*s %d  %-24s  %-27s", SLICE_ARG(name), pg_get_i32(r, row, 2),
                 state_words(pg_get_slice(r, row, 1)), since);
    if (!isnan(value)) {
        (void)printf("  %.6g", value);
    }
    if (!isnan(limit)) {
        (void)printf(" (limit %.6g)", limit);
    }
    (void)putchar('\n');
}

enum cli_exit cli_alarms(struct cli *cli) {
    const char *sql = cli->values[ALARMS_ALL] != NULL ? ALARMS_SELECT " order by k.name"
                                                      : ALARMS_SELECT
                          " where a.to_letter in ('B', 'C', 'D') order by a.priority, a.raised_us desc";
    PGresult *r = NULL;
    struct error err;
    if (db_query(cli->db, sql, NULL, &r, &err) != OK) {
        return cli_fail(&err);
    }
    for (int row = 0; row < PQntuples(r); row++) {
        print_row(r, row);
    }
    (void)printf("%d alarm%s\n", PQntuples(r), PQntuples(r) == 1 ? "" : "s");
    PQclear(r);
    return CLI_DONE;
}
