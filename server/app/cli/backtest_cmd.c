/* `penstock backtest`: what a change would have rung, from the configuration and the samples in the database.
 */
#include "server/app/backtest_history.h"
#include "server/app/cli/cli.h"
#include "server/app/cli/config_file.h"
#include "server/app/cli/db.h"
#include "server/base/tm.h"
#include "server/config/what_if_json.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

enum { SHOWN = 20, JSON_MAX = 64 * 1024 * 1024 };

/* RFC 3339, or a day. */
static enum status read_time(const char *option, const char *text, int64_t *ret, struct error *err) {
    char whole[TM_TEXT_SIZE];
    bool is_day = strlen(text) == sizeof "2026-11-24" - 1;
    (void)snprintf(whole, sizeof whole, "%s%s", text, is_day ? "T00:00:00Z" : "");
    enum status status = strlen(text) < sizeof whole ? tm_parse(slice_str(whole), ret, NULL) : ERR_INVALID;
    return status == OK ? OK
                        : error_set(err, status, option,
                                    "is a time like 2026-11-24T10:15:00Z, or a day like 2026-11-24 (UTC)");
}

static enum status read_period(const struct cli *cli, struct backtest_period *ret, struct error *err) {
    enum status status = read_time("--from", cli->values[BACKTEST_FROM], &ret->from_us, err);
    if (status == OK) {
        status = read_time("--to", cli->values[BACKTEST_TO], &ret->to_us, err);
    }
    if (status == OK && (ret->from_us >= ret->to_us || ret->to_us - ret->from_us > BACKTEST_PERIOD_MAX_US)) {
        status = error_set(err, ERR_INVALID, "--to", "is after --from, by a year at most");
    }
    ret->whole = cli->values[BACKTEST_ALL] != NULL;
    return status;
}

/* The items of the document on top of what is in force, which keep their identity. */
static enum status put_document(struct config_set *then, const struct config_set *document,
                                struct error *err) {
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_item *item = NULL;
        for (uint32_t i = 0; (item = config_set_at(document, (enum config_kind)kind, i)) != NULL; i++) {
            const struct config_item *old = config_set_find(then, item->kind, item->name);
            struct config_fault faults[CONFIG_FAULTS_MAX];
            uint32_t n = 0;
            enum status status =
                config_set_put(then, item->kind, item->name, item->body, old == NULL ? 0 : old->key,
                               old == NULL ? 0 : old->revision, faults, &n);
            if (status != OK) {
                return error_set(err, status, config_kind_name(item->kind), "\"%.*s\": %s",
                                 SLICE_ARG(item->name), n > 0 ? faults[0].text : status_name(status));
            }
        }
    }
    return config_set_complete(then, NULL, NULL, err);
}

static enum status make_then(const struct cli *cli, const struct config_set *now, struct config_set **ret,
                             struct error *err) {
    struct config_set *document = NULL;
    enum status status = config_set_copy(now, ret, err);
    if (status == OK && cli->values[BACKTEST_CHANGE] != NULL) {
        status = config_set_new(&document, err);
        if (status == OK) {
            status = config_file_read(cli->values[BACKTEST_CHANGE], document, err);
        }
        if (status == OK) {
            status = put_document(*ret, document, err);
        }
    }
    config_set_free(&document);
    return status;
}

static enum status read_what_if(const struct cli *cli, struct what_if **ret, struct error *err) {
    struct config_set *now = NULL;
    struct config_set *then = NULL;
    struct what_if_input in = {.suggest = slice_str(cli->values[BACKTEST_SUGGEST])};
    if (sodium_init() < 0) {
        return error_set(err, ERR_IO, "libsodium", "cannot be initialised");
    }
    randombytes_buf(in.seed, sizeof in.seed);
    enum status status = db_query(cli->db, "set default_transaction_read_only = on", NULL, NULL, err);
    if (status == OK) {
        status = config_db_read(cli->db, &now, err);
    }
    if (status == OK) {
        status = make_then(cli, now, &then, err);
    }
    if (status == OK) {
        struct config_fault faults[CONFIG_FAULTS_MAX];
        uint32_t n = 0;
        in.now = now;
        in.then = then;
        status = what_if_new(&in, ret, faults, &n, err);
        for (uint32_t i = 0; i < n; i++) {
            (void)fprintf(stderr, "  %s: %s\n", faults[i].pointer, faults[i].text);
        }
    }
    config_set_free(&then);
    config_set_free(&now);
    return status;
}

/* --- for people */

static const char *time_text(int64_t t_us, char text[TM_TEXT_SIZE]) {
    return t_us == INT64_MAX || tm_format(t_us, text) != OK ? "-" : text;
}

static void print_flood(const char *which, const struct backtest_flood *f) {
    char from[TM_TEXT_SIZE];
    if (f->to_us == 0) {
        (void)printf("longest flood %s: none\n", which);
        return;
    }
    (void)printf(
        "longest flood %s: %.0f min from %s, %u annunciations, %u in 10 min at most, position %.*s\n", which,
        (double)(f->to_us - f->from_us) / 6e7, time_text(f->from_us, from), f->n, f->peak,
        SLICE_ARG(f->position));
}

static void print_half(const char *which, const struct backtest_half *h, uint32_t n_days) {
    (void)printf("%-5s %10" PRIu64 " annunciations, %.1f a day; position %.*s has most: %" PRIu64
                 ", %u in 10 min at most\n",
                 which, h->n, (double)h->n / n_days, SLICE_ARG(h->worst_position), h->worst_n, h->worst_peak);
}

static void print_changes(const char *title, const struct backtest_change *v, uint32_t n) {
    uint32_t shown = 0;
    for (uint32_t i = 0; i < n && shown < SHOWN; i++) {
        if (v[i].covered) {
            continue;
        }
        char src[TM_TEXT_SIZE];
        char end[TM_TEXT_SIZE];
        if (shown++ == 0) {
            (void)printf("\n%s\n", title);
        }
        (void)printf("  %s  until %s  %.*s\n", time_text(v[i].src_us, src), time_text(v[i].end_us, end),
                     SLICE_ARG(v[i].alarm));
    }
}

static void print_alarms(const struct backtest_report *r) {
    if (r->n_alarms > 0) {
        (void)printf("\n%8s %8s %8s %8s %8s %10s  alarm\n", "now", "then", "added", "removed", "missed",
                     "latest s");
    }
    for (uint32_t i = 0; i < r->n_alarms && i < SHOWN; i++) {
        const struct backtest_alarm *a = &r->alarms[i];
        (void)printf("%8u %8u %8u %8u %8u %10g  %.*s\n", a->now, a->then, a->added, a->removed, a->missed,
                     (double)a->later_us / 1e6, SLICE_ARG(a->name));
    }
    if (r->n_alarms > SHOWN) {
        (void)printf("  … and %u more; --json has them\n", r->n_alarms - SHOWN);
    }
}

static void print_suggestion(const struct what_if *w, const struct backtest_report *r) {
    if (r->n_rows == 0) {
        return;
    }
    char text[256];
    backtest_suggestion(r, w->unit, text, sizeof text);
    (void)printf("\n%.*s: %s\n", SLICE_ARG(w->suggest), text);
    (void)printf("%10s %11s %10s %8s %8s %10s\n", "on-delay s", "off-delay s", "deadband", "n", "missed",
                 "latest s");
    for (uint32_t i = 0; i < r->n_rows; i++) {
        const struct backtest_row *row = &r->rows[i];
        (void)printf("%10g %11g %10g %8u %8u %10g%s\n", (double)row->on_delay_us / 1e6,
                     (double)row->off_delay_us / 1e6, row->deadband, row->n, row->missed,
                     (double)row->later_us / 1e6,
                     i == 0         ? "  as it is"
                     : i == r->best ? "  best"
                                    : "");
    }
}

static void print_report(const struct what_if *w, const struct backtest_report *r) {
    char from[TM_TEXT_SIZE];
    char to[TM_TEXT_SIZE];
    (void)printf("%s to %s: %u alarms judged (%u cannot be), %u tags, %" PRIu64 " samples\n\n",
                 time_text(r->from_us, from), time_text(r->to_us, to), r->n_judged, r->n_unjudged, r->n_tags,
                 r->n_samples);
    print_half("now", &r->now, r->n_days);
    print_half("then", &r->then, r->n_days);
    print_flood("now", &r->now.longest_flood);
    print_flood("then", &r->then.longest_flood);
    (void)printf("added %" PRIu64 ", removed %" PRIu64 " (%" PRIu64
                 " of them nobody would have been told of), at "
                 "another time %" PRIu64 ": latest %g s later, %g s sooner\n",
                 r->n_added, r->n_removed, r->n_missed, r->n_moved, (double)r->later_us / 1e6,
                 (double)r->sooner_us / 1e6);
    print_alarms(r);
    print_changes("new annunciations:", r->added, r->n_added_listed);
    print_changes("nobody would have been told of:", r->removed, r->n_removed_listed);
    print_suggestion(w, r);
    (void)puts("\nwhat this assumes:");
    for (uint32_t i = 0; what_if_assumptions[i] != NULL; i++) {
        (void)printf("  - %s\n", what_if_assumptions[i]);
    }
    if (r->truncated) {
        (void)puts(
            "  - there was more than can be kept: the numbers are complete, lists and comparison are not");
    }
}

static enum status print_json(const struct what_if *w, const struct backtest_report *r, struct error *err) {
    struct buf out;
    buf_init(&out, JSON_MAX);
    what_if_json(w, r, &out);
    enum status status = buf_status(&out, err);
    if (status == OK) {
        (void)printf("%.*s\n", SLICE_ARG(buf_slice(&out)));
    }
    buf_done(&out);
    return status;
}

static bool on_go_on(void *ctx, double progress) {
    int *shown = ctx;
    int percent = (int)(progress * 100);
    if (percent != *shown) {
        (void)fprintf(stderr, "\r%d %%", percent);
        *shown = percent;
    }
    return true;
}

static enum status run(const struct cli *cli, const struct what_if *w, const struct backtest_period *period,
                       struct error *err) {
    struct backtest_history history = {.conninfo = cli->conninfo};
    const struct backtest_source source = backtest_history_source(&history);
    int shown = -1;
    const struct backtest_watch watch = {.ctx = &shown, .go_on = on_go_on};
    bool is_watched = isatty(STDERR_FILENO) != 0;
    struct backtest *bt = NULL;
    const struct backtest_report *report = NULL;
    enum status status = backtest_run(w, period, &source, is_watched ? &watch : NULL, &bt, &report, err);
    if (shown >= 0) {
        (void)fputs("\r     \r", stderr);
    }
    if (status == OK && cli->values[BACKTEST_JSON] != NULL) {
        status = print_json(w, report, err);
    } else if (status == OK) {
        print_report(w, report);
    }
    backtest_free(&bt);
    return status;
}

enum cli_exit cli_backtest(struct cli *cli) {
    struct what_if *w = NULL;
    struct backtest_period period = {0};
    struct error err;
    enum status status = read_period(cli, &period, &err);
    if (status == OK && cli->values[BACKTEST_CHANGE] == NULL && cli->values[BACKTEST_SUGGEST] == NULL) {
        status = error_set(&err, ERR_INVALID, "", "--change or --suggest is needed: there is nothing to try");
    }
    if (status == OK) {
        status = read_what_if(cli, &w, &err);
    }
    if (status == OK) {
        status = run(cli, w, &period, &err);
    }
    what_if_free(&w);
    return status == OK ? CLI_DONE : cli_fail(&err);
}
