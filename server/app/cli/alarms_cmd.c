/* `penstock alarms`: the state of alarms as the journal has it, now or at a moment. */
#include "server/app/cli/cli.h"
#include "server/app/cli/db.h"
#include "server/base/tm.h"

#include <math.h>
#include <stdio.h>

/* letter: A normal, Z disabled, - not configured any more. Times from the journal's own server time. */
#define ALARMS_SELECT                                                                                        \
    "select k.name, s.letter, s.priority::int4, s.raised_us, s.value, s.limit_value, s.unit, s.base,"        \
    "       s.shelved_until_us, coalesce(s.shelved_by, ''), coalesce(s.shelved_reason, ''),"                 \
    "       coalesce(s.out_of_service_by, ''), coalesce(s.out_of_service_reason, ''),"                       \
    "       array_to_string(s.suppressors, ', '), s.one_shot"                                                \
    "  from alarm_state_at($1) s join config_key k on k.key = s.alarm_key"

enum column {
    NAME,
    LETTER,
    PRIORITY,
    RAISED,
    VALUE,
    LIMIT,
    UNIT,
    BASE,
    UNTIL,
    SHELVED_BY,
    SHELVED_REASON,
    OUT_BY,
    OUT_REASON,
    SUPPRESSORS,
    ONE_SHOT,
};

static const char *state_words(struct slice letter) {
    static const struct {
        const char *letter;
        const char *words;
    } states[] = {{"A", "normal"},
                  {"B", "active, unacknowledged"},
                  {"C", "active, acknowledged"},
                  {"D", "returned, unacknowledged"},
                  {"E", "latched, unacknowledged"},
                  {"F", "latched, acknowledged"},
                  {"G", "shelved"},
                  {"H", "suppressed"},
                  {"I", "out of service"},
                  {"Z", "disabled"},
                  {"-", "not configured"}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (slice_is(letter, states[i].letter)) {
            return states[i].words;
        }
    }
    return "?";
}

static const char *time_words(int64_t t_us, char to[TM_TEXT_SIZE]) {
    if (t_us == 0) {
        return "never";
    }
    return tm_format(t_us, to) == OK ? to : "?";
}

static void print_number(const char *before, double number, struct slice unit, const char *after) {
    if (!isnan(number)) {
        (void)printf("%s%.6g%s%.*s%s", before, number, unit.n > 0 ? " " : "", SLICE_ARG(unit), after);
    }
}

/* Why it is hidden, and what is beneath. */
static void print_hidden(const PGresult *r, int row) {
    char until[TM_TEXT_SIZE];
    struct slice letter = pg_get_slice(r, row, LETTER);
    struct slice by = {0};
    struct slice reason = {0};
    if (slice_is(letter, "G")) {
        by = pg_get_slice(r, row, SHELVED_BY);
        reason = pg_get_slice(r, row, SHELVED_REASON);
        (void)printf("  until %s%s", time_words(pg_get_i64(r, row, UNTIL), until),
                     pg_get_bool(r, row, ONE_SHOT) ? " or its return" : "");
    } else if (slice_is(letter, "I")) {
        by = pg_get_slice(r, row, OUT_BY);
        reason = pg_get_slice(r, row, OUT_REASON);
    } else if (slice_is(letter, "H")) {
        by = pg_get_slice(r, row, SUPPRESSORS);
    } else {
        return;
    }
    (void)printf("  by %.*s%s%.*s  (beneath: %s)", SLICE_ARG(by), reason.n > 0 ? ": " : "", SLICE_ARG(reason),
                 state_words(pg_get_slice(r, row, BASE)));
}

static void print_row(const PGresult *r, int row) {
    char since[TM_TEXT_SIZE];
    struct slice name = pg_get_slice(r, row, NAME);
    struct slice unit = pg_get_slice(r, row, UNIT);
    (void)printf("%-28.*s %d  %-24s  %-27s", SLICE_ARG(name), pg_get_i32(r, row, PRIORITY),
                 state_words(pg_get_slice(r, row, LETTER)), time_words(pg_get_i64(r, row, RAISED), since));
    print_number("  ", pg_get_f64(r, row, VALUE), unit, "");
    print_number(" (limit ", pg_get_f64(r, row, LIMIT), unit, ")");
    print_hidden(r, row);
    (void)putchar('\n');
}

/* False: said what was wrong. */
static bool read_moment(const struct cli *cli, int64_t *ret_us) {
    struct error err;
    const char *text = cli->values[ALARMS_AT];
    if (text == NULL) {
        *ret_us = INT64_MAX; /* all that was written, whatever this machine's clock says */
        return true;
    }
    if (tm_parse(slice_str(text), ret_us, &err) != OK) {
        (void)error_set(&err, ERR_INVALID, "--at", "wants a time such as 2026-11-24T08:00:00Z");
        (void)cli_fail(&err);
        return false;
    }
    return true;
}

enum cli_exit cli_alarms(struct cli *cli) {
    const char *sql = cli->values[ALARMS_ALL] != NULL ? ALARMS_SELECT " order by k.name"
                                                      : ALARMS_SELECT
                          " where s.letter not in ('A', 'Z', '-')"
                          " order by s.letter in ('G', 'H', 'I'), s.priority, s.raised_us desc, k.name";
    PGresult *r = NULL;
    struct error err;
    struct pg_args args;
    int64_t at_us = 0;
    if (!read_moment(cli, &at_us)) {
        return CLI_FAILED;
    }
    pg_args_init(&args, DB_ARGS_BYTES_MAX);
    pg_arg_i64(&args, at_us);
    enum status status = db_query(cli->db, sql, &args, &r, &err);
    pg_args_done(&args);
    if (status != OK) {
        return cli_fail(&err);
    }
    for (int row = 0; row < PQntuples(r); row++) {
        print_row(r, row);
    }
    (void)printf("%d alarm%s\n", PQntuples(r), PQntuples(r) == 1 ? "" : "s");
    PQclear(r);
    return CLI_DONE;
}
