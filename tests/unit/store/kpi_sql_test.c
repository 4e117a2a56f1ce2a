/* The two implementations of the alarm system's figures against each other: server/core/kpi.h over events,
 * and migrations/0005_alarm_kpi.sql over the journal of the same events. Random journals print their seed and
 * take SEED= from the environment. The acceptance cases are read from beside the checkout, if they are there.
 */
#include "server/base/rand.h"
#include "server/store/migrate.h"
#include "tests/lib/kpi_case.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

#define S        INT64_C(1000000)
#define EPOCH_US INT64_C(1767225600000000) /* 2026-01-01, so that nothing leans on times being small */

static struct pgtest pg;
static PGconn *conn;
static int64_t next_seq = 1;
static uint32_t next_room = 1;

/* ---- database ---- */

static PGresult *query(const char *sql) {
    PGresult *r = PQexec(conn, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK) {
        fail_msg("%.300s: %s", sql, PQerrorMessage(conn));
    }
    return r;
}

__attribute__((format(printf, 1, 2))) static void run(const char *fmt, ...) {
    char sql[8192];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    PQclear(query(sql));
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    struct buf b;
    buf_init(&b, 16 << 20);
    uint8_t block[4096];
    size_t n = 0;
    while ((n = fread(block, 1, sizeof block, file)) > 0) {
        buf_append(&b, block, n);
    }
    buf_byte(&b, 0);
    (void)fclose(file);
    return (char *)b.p;
}

static void run_file(const char *path) {
    char *sql = read_file(path);
    assert_non_null(sql);
    PQclear(query(sql));
    free(sql);
}

/* The figures need columns that a migration between 0003 and 0005 brings. Where that one is missing, the
 * directory has a gap, which penstock refuses; then the columns are put here, so that the queries can be
 * tested without it. */
static void make_schema(void) {
    struct migration list[64];
    uint32_t n = 0;
    struct error err;
    pgtest_fresh_database(&pg);
    bool whole = migrate_list("migrations", list, 64, &n, &err) == OK;
    if (whole) {
        assert_int_equal(migrate_run(pg.conninfo, "migrations", NULL, NULL, &err), OK);
    }
    conn = PQconnectdb(pg.conninfo);
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    run("set client_min_messages = warning");
    if (!whole) {
        run_file("migrations/0001_base.sql");
        run_file("migrations/0002_ingest.sql");
        run_file("migrations/0003_alarm_journal.sql");
        run("alter table alarm_journal drop constraint alarm_journal_kind_check,"
            " drop constraint alarm_journal_letters_check, add column base_letter text, add column ring "
            "boolean,"
            " add column flags integer, add column cause text, add column position text, add column desk "
            "text,"
            " add column until_us bigint, add column source text, add column unit text");
        run_file("migrations/0005_alarm_kpi.sql");
    }
}

static int start(void **state) {
    (void)state;
    pgtest_start(&pg);
    make_schema();
    return 0;
}

static int stop(void **state) {
    (void)state;
    PQfinish(conn);
    pgtest_stop(&pg);
    return 0;
}

/* ---- a journal of events ---- */

enum { ALARMS_MAX = 24, ROOM_EVENTS = 1000 };

struct facts {
    int64_t key;
    int64_t n;
    int64_t occ;
    int64_t call;
    uint32_t suppressors;
    uint8_t priority;
    char letter;
    bool active;
    bool acked;
    bool shelved;
    bool oos;
    bool disabled;
    bool gone;
    bool occurrence_hidden;
};

/* One position of its own in the one journal, which is append-only. */
struct room {
    char position[16];
    char names[ALARMS_MAX][64];
    const char *name[ALARMS_MAX];
    struct facts facts[ALARMS_MAX];
    uint32_t n_alarms;
    struct kpi_event events[ROOM_EVENTS];
    size_t n_events;
    struct buf rows; /* of an insert */
};

static void room_init(struct room *r, uint32_t n_alarms, const char *const *names) {
    static const char *const own[ALARMS_MAX] = {"b", "B", "a", "A", "a.1", "a-1", "a_1", "Z"};
    memset(r, 0, sizeof *r);
    (void)snprintf(r->position, sizeof r->position, "room%u", next_room++);
    r->n_alarms = n_alarms;
    buf_init(&r->rows, 16 << 20);
    for (uint32_t i = 0; i < n_alarms; i++) {
        const char *name = names != NULL ? names[i] : own[i];
        char plain[8];
        (void)snprintf(plain, sizeof plain, "x%u", (n_alarms - i) % 100);
        (void)snprintf(r->names[i], sizeof r->names[i], "%s/%s", r->position, name != NULL ? name : plain);
        r->name[i] = r->names[i];
        r->facts[i] = (struct facts){.letter = 'A', .acked = true, .priority = (uint8_t)(1 + i % 4)};
        char sql[256];
        (void)snprintf(sql, sizeof sql,
                       "insert into config_key (kind, name) values ('alarm', '%s') returning key",
                       r->names[i]);
        PGresult *answer = query(sql);
        r->facts[i].key = strtoll(PQgetvalue(answer, 0, 0), NULL, 10);
        PQclear(answer);
    }
}

static bool held(const struct facts *f) {
    return f->shelved || f->suppressors > 0 || f->oos || f->disabled;
}

static char shown(const struct facts *f) {
    char base = f->active ? (f->acked ? 'C' : 'B') : (f->acked ? 'A' : 'D');
    return f->gone                ? '-'
           : f->disabled          ? 'Z'
           : f->oos               ? 'I'
           : f->suppressors > 0   ? 'H'
           : f->shelved           ? 'G'
           : f->occurrence_hidden ? 'H'
                                  : base;
}

/* What the kind does to the facts. */
static void step(struct facts *f, const struct kpi_event *e) {
    switch (e->kind) {
    case KPI_RAISE:
    case KPI_RERAISE:
        f->active = true;
        f->acked = false;
        f->occ++;
        f->call++;
        f->occurrence_hidden = e->hidden && !held(f);
        break;
    case KPI_RTN:
        f->active = false;
        break;
    case KPI_ACK:
        f->acked = true;
        break;
    case KPI_SHELVE:
        f->shelved = true;
        break;
    case KPI_UNSHELVE:
        f->shelved = false;
        f->occurrence_hidden = false;
        break;
    case KPI_SUPPRESS:
        f->suppressors++;
        break;
    case KPI_UNSUPPRESS:
        f->suppressors -= f->suppressors > 0;
        f->occurrence_hidden = false;
        break;
    case KPI_OOS_ON:
        f->oos = true;
        break;
    case KPI_OOS_OFF:
        f->oos = false;
        f->occurrence_hidden = false;
        break;
    case KPI_DISABLE:
    case KPI_REMOVE:
        f->active = false;
        f->acked = true;
        f->shelved = false;
        f->suppressors = 0;
        f->occurrence_hidden = false;
        f->disabled = e->kind == KPI_DISABLE;
        f->gone = e->kind == KPI_REMOVE;
        f->oos = f->oos && e->kind == KPI_DISABLE;
        break;
    case KPI_ENABLE:
        f->disabled = false;
        f->gone = false;
        f->oos = f->oos && e->hidden;
        break;
    case KPI_REANNOUNCE:
    case KPI_ESCALATE:
    case KPI_PRIO:
        f->acked = false;
        f->call++;
        break;
    case KPI_OTHER:
        break;
    }
}

static void write_row(struct room *r, uint32_t alarm, const char *kind, const struct kpi_event *e, int flags,
                      const char *cause) {
    struct facts *f = &r->facts[alarm];
    char letter = shown(f);
    buf_printf(&r->rows,
               "%s(%lld,%lld,%lld,1,1,1,'%s','%c','%c',%lld,%lld,%u,%lld,%lld,0,0,%lld,'%s','',%d,'%s','%s')",
               r->rows.n > 0 ? "," : "", (long long)next_seq++, (long long)++f->n, (long long)f->key, kind,
               f->letter, letter, (long long)f->occ, (long long)f->call, e->priority, (long long)e->src_us,
               (long long)e->at_us, (long long)e->actor_key, e->actor_key == 0 ? "" : "somebody",
               flags | (strchr("GHIZ", letter) != NULL ? 1 : 0), cause, r->position);
    f->letter = letter;
}

/* Takes an event into the list and into the journal. */
static void room_add(struct room *r, struct kpi_event e) {
    static const char *const kinds[] = {"raise",    "reraise",  "rtn",        "ack",        "shelve",
                                        "unshelve", "suppress", "unsuppress", "oos_on",     "oos_off",
                                        "disable",  "enable",   "remove",     "reannounce", "escalate",
                                        "prio",     "comment"};
    struct facts *f = &r->facts[e.alarm];
    assert_true(r->n_events < ROOM_EVENTS);
    step(f, &e);
    f->priority = e.priority != 0 ? e.priority : f->priority;
    e.priority = f->priority;
    e.hidden = strchr("GHIZ", shown(f)) != NULL;
    r->events[r->n_events++] = e;
    write_row(r, e.alarm, kinds[e.kind], &e, 0, "sample");
}

static void room_store(struct room *r) {
    if (r->rows.n > 0) {
        struct buf sql;
        buf_init(&sql, 32 << 20);
        buf_printf(
            &sql,
            "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter,"
            " to_letter, occ, call, priority, src_us, at_us, raised_us, quality, actor_key, actor,"
            " comment, flags, cause, position) values ");
        buf_append(&sql, r->rows.p, r->rows.n);
        buf_byte(&sql, 0);
        assert_false(sql.failed);
        PQclear(query((const char *)sql.p));
        buf_done(&sql);
    }
    buf_done(&r->rows);
}

/* ---- comparing ---- */

struct comparison {
    const struct room *room;
    const struct kpi_report *report;
    char period[128]; /* arguments of the functions */
    uint64_t seed;
    struct kpi_case *names; /* for kpi_case_answer */
};

static bool close_to(double a, double b) {
    return fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b)));
}

static void expect_number(const struct comparison *c, const char *what, const char *name, const char *sql,
                          double number) {
    if (!close_to(strtod(sql, NULL), number)) {
        fail_msg("SEED=%llu %s, %s of %s: SQL says %s, C says %.17g", (unsigned long long)c->seed,
                 c->room->position, what, name, sql, number);
    }
}

static PGresult *ask(const struct comparison *c, const char *columns, const char *function,
                     const char *tail) {
    char sql[1024];
    (void)snprintf(sql, sizeof sql, "select %s from %s(%s) %s", columns, function, c->period, tail);
    return query(sql);
}

static void names_only(const struct kpi_answer *a, char *ret, size_t size) {
    size_t n = 0;
    bool in_name = true;
    for (size_t i = 0; i < a->list.n && n + 1 < size; i++) {
        char byte = (char)a->list.p[i];
        in_name = byte == ',' || (in_name && byte != ':');
        if (in_name) {
            ret[n++] = byte;
        }
    }
    ret[n] = '\0';
}

static void compare_headlines(const struct comparison *c) {
    PGresult *r = ask(c, "name, value, text_value", "alarm_kpi", "");
    assert_int_equal(PQntuples(r), 67);
    for (int i = 0; i < PQntuples(r); i++) {
        const char *name = PQgetvalue(r, i, 0);
        struct kpi_answer a = {0};
        buf_init(&a.list, 1 << 16);
        if (!kpi_case_answer(c->names, c->report, name, &a)) {
            fail_msg("%s is no figure", name);
        }
        if (a.is_nothing != (bool)PQgetisnull(r, i, 1)) {
            fail_msg("SEED=%llu %s, %s: SQL says %s, C says %.17g", (unsigned long long)c->seed,
                     c->room->position, name, PQgetvalue(r, i, 1), a.number);
        }
        if (!a.is_nothing) {
            expect_number(c, "headline", name, PQgetvalue(r, i, 1), a.number);
        }
        if (a.is_list && !a.ordered && strstr(name, "_n") == NULL) {
            char list[4096];
            names_only(&a, list, sizeof list);
            assert_string_equal(PQgetvalue(r, i, 2), list);
        }
        buf_done(&a.list);
    }
    PQclear(r);
}

static const struct kpi_alarm *alarm_named(const struct comparison *c, const char *name) {
    uint32_t i = 0;
    while (i < c->room->n_alarms && strcmp(c->room->name[i], name) != 0) {
        i++;
    }
    assert_true(i < c->room->n_alarms);
    return &c->report->alarms[i];
}

static void compare_alarms(const struct comparison *c) {
    PGresult *r =
        ask(c,
            "name, n, chatters, psi, fleeting, returned, returned_unacked, mean_active_s, standing::int,"
            " stale::int, shelved_n, shelved_us, pct",
            "alarm_bad_actor", "");
    uint32_t n_rows = 0;
    for (uint32_t i = 0; i < c->room->n_alarms; i++) {
        const struct kpi_alarm *a = &c->report->alarms[i];
        n_rows += a->n + a->returned + a->held[KPI_SHELVED].n > 0 || a->standing ||
                  a->held[KPI_SHELVED].now > 0 || a->held[KPI_SHELVED].longest_us > 0;
    }
    assert_int_equal(PQntuples(r), n_rows);
    for (int i = 0; i < PQntuples(r); i++) {
        const char *name = PQgetvalue(r, i, 0);
        const struct kpi_alarm *a = alarm_named(c, name);
        expect_number(c, "n", name, PQgetvalue(r, i, 1), a->n);
        expect_number(c, "chatters", name, PQgetvalue(r, i, 2), a->chatters);
        expect_number(c, "psi", name, PQgetvalue(r, i, 3), a->psi);
        expect_number(c, "fleeting", name, PQgetvalue(r, i, 4), a->fleeting);
        expect_number(c, "returned", name, PQgetvalue(r, i, 5), a->returned);
        expect_number(c, "returned_unacked", name, PQgetvalue(r, i, 6), a->returned_unacked);
        expect_number(c, "mean_active_s", name, PQgetvalue(r, i, 7), a->mean_active_s);
        expect_number(c, "standing", name, PQgetvalue(r, i, 8), a->standing);
        expect_number(c, "stale", name, PQgetvalue(r, i, 9), a->stale);
        expect_number(c, "shelved_n", name, PQgetvalue(r, i, 10), a->held[KPI_SHELVED].n);
        expect_number(c, "shelved_us", name, PQgetvalue(r, i, 11), a->held[KPI_SHELVED].total_us);
        expect_number(c, "pct", name, PQgetvalue(r, i, 12), kpi_pct(a->n, c->report->n));
    }
    PQclear(r);
    r = ask(c, "name, n", "alarm_kpi_top", "order by place");
    for (int i = 0; i < PQntuples(r); i++) {
        assert_string_equal(PQgetvalue(r, i, 0), c->room->name[c->report->by_count[i]]);
    }
    PQclear(r);
}

static void compare_floods(const struct comparison *c) {
    PGresult *r = ask(c, "from_us, to_us, n, peak", "alarm_kpi_floods", "order by flood");
    assert_int_equal(PQntuples(r), c->report->n_floods);
    for (int i = 0; i < PQntuples(r); i++) {
        const struct kpi_flood *f = &c->report->floods[i];
        expect_number(c, "start", "a flood", PQgetvalue(r, i, 0), (double)f->from_us);
        expect_number(c, "end", "a flood", PQgetvalue(r, i, 1), (double)f->to_us);
        expect_number(c, "n", "a flood", PQgetvalue(r, i, 2), f->n);
        expect_number(c, "peak", "a flood", PQgetvalue(r, i, 3), f->peak);
    }
    PQclear(r);
    r = ask(c, "n", "alarm_kpi_bins", "order by bin");
    assert_int_equal(PQntuples(r), c->report->n_bins);
    for (int i = 0; i < PQntuples(r); i++) {
        expect_number(c, "n", "a bin", PQgetvalue(r, i, 0), c->report->bins[i]);
    }
    PQclear(r);
}

static void compare_held(const struct comparison *c) {
    static const char *const facts[] = {"shelved", "suppressed", "oos", "disabled"};
    PGresult *r = ask(c, "fact, name, n, now::int, total_us, longest_us", "alarm_kpi_held", "");
    for (int i = 0; i < PQntuples(r); i++) {
        const char *name = PQgetvalue(r, i, 1);
        uint32_t kind = 0;
        while (strcmp(facts[kind], PQgetvalue(r, i, 0)) != 0) {
            kind++;
            assert_true(kind < KPI_HELD_KINDS);
        }
        const struct kpi_held *h = &alarm_named(c, name)->held[kind];
        expect_number(c, facts[kind], name, PQgetvalue(r, i, 2), h->n);
        expect_number(c, facts[kind], name, PQgetvalue(r, i, 3), h->now);
        expect_number(c, facts[kind], name, PQgetvalue(r, i, 4), h->total_us);
        expect_number(c, facts[kind], name, PQgetvalue(r, i, 5), (double)h->longest_us);
    }
    PQclear(r);
}

static void compare_trips(const struct comparison *c, const int64_t *trips) {
    for (uint32_t i = 0; i < c->report->n_trips; i++) {
        char sql[256];
        (void)snprintf(sql, sizeof sql, "select alarm_kpi_after(%lld, %lld, '%s')", (long long)trips[i],
                       (long long)c->report->t1_us, c->room->position);
        PGresult *r = query(sql);
        expect_number(c, "after", "a trip", PQgetvalue(r, 0, 0), c->report->after_trip[i]);
        PQclear(r);
    }
}

static void compare(const struct room *room, struct kpi_input in, uint64_t seed) {
    struct error err;
    struct kpi_report *report = NULL;
    in.events = room->events;
    in.n_events = room->n_events;
    in.names = room->name;
    in.n_alarms = room->n_alarms;
    assert_int_equal(kpi_report_new(&in, &report, &err), OK);
    struct kpi_case *names = calloc(1, sizeof *names);
    assert_non_null(names);
    for (uint32_t i = 0; i < room->n_alarms; i++) {
        names->names[i] = room->name[i];
    }
    struct comparison c = {.room = room, .report = report, .seed = seed, .names = names};
    (void)snprintf(c.period, sizeof c.period, "%lld, %lld, '%s'", (long long)in.t0_us, (long long)in.t1_us,
                   room->position);
    compare_headlines(&c);
    compare_alarms(&c);
    compare_floods(&c);
    compare_held(&c);
    compare_trips(&c, in.trips);
    free(names);
    kpi_report_free(&report);
}

/* ---- random journals ---- */

static int64_t random_step(struct rand *rand, bool busy) {
    static const int64_t edges[] = {0,       0,          1,      S,      2 * S - 1,  2 * S,
                                    10 * S,  10 * S - 1, 20 * S, 60 * S, 60 * S + 1, 60 * S - 1,
                                    600 * S, 5 * S,      3 * S,  9 * S};
    if (busy) {
        return (int64_t)rand_below(rand, (uint64_t)(20 * S));
    }
    switch (rand_below(rand, 12)) {
    case 0:
        return (int64_t)rand_below(rand, (uint64_t)(1200 * S));
    case 1:
        return (int64_t)rand_below(rand, (uint64_t)(6 * 3600 * S));
    case 2:
        return rand_below(rand, 4) == 0 ? (int64_t)rand_below(rand, (uint64_t)(30 * 3600 * S)) : S;
    default:
        return edges[rand_below(rand, COUNT(edges))];
    }
}

/* One that can happen to the alarm now. */
static enum kpi_event_kind random_kind(struct rand *rand, const struct facts *f) {
    if (f->gone || f->disabled) {
        return rand_below(rand, 8) == 0 && f->disabled ? KPI_REMOVE : KPI_ENABLE;
    }
    switch (rand_below(rand, 20)) {
    case 0:
        return f->shelved && rand_below(rand, 4) != 0 ? KPI_UNSHELVE : KPI_SHELVE;
    case 1:
        return f->suppressors > 0 && rand_below(rand, 3) != 0 ? KPI_UNSUPPRESS : KPI_SUPPRESS;
    case 2:
        return f->oos ? KPI_OOS_OFF : rand_below(rand, 2) == 0 ? KPI_OOS_ON : KPI_OTHER;
    case 3:
        return rand_below(rand, 3) == 0 ? KPI_DISABLE : f->shelved ? KPI_UNSHELVE : KPI_OTHER;
    case 4:
        return f->suppressors > 0 ? KPI_UNSUPPRESS : rand_below(rand, 20) == 0 ? KPI_REMOVE : KPI_OTHER;
    case 5:
        return f->active ? KPI_REANNOUNCE : KPI_OTHER;
    case 6:
        return f->active && !f->acked ? KPI_ESCALATE : KPI_OTHER;
    case 7:
        return f->letter != 'A' ? KPI_PRIO : KPI_OTHER;
    case 8:
    case 9:
    case 10:
    case 11:
        return f->acked ? KPI_OTHER : KPI_ACK;
    default:
        return f->active ? KPI_RTN : f->acked ? KPI_RAISE : KPI_RERAISE;
    }
}

/* Records that must not be counted. */
static void add_noise(struct room *r, struct rand *rand, int64_t at_us) {
    uint32_t alarm = (uint32_t)rand_below(rand, r->n_alarms);
    struct kpi_event e = {.at_us = at_us, .src_us = at_us - 5 * S, .priority = 1, .actor_key = 1};
    static const struct {
        const char *kind;
        int flags;
        const char *cause;
    } noise[] = {{"hist_raise", 0, "history"}, {"hist_rtn", 0, "history"}, {"raise", 0, "history"},
                 {"raise", 32, "sample"},      {"raise", 64, "sample"},    {"ack", 64, "operator"}};
    size_t i = rand_below(rand, COUNT(noise));
    write_row(r, alarm, noise[i].kind, &e, noise[i].flags, noise[i].cause);
}

static void random_events(struct room *r, struct rand *rand, size_t n_events) {
    int64_t at_us = EPOCH_US;
    uint64_t busy = 0;
    for (size_t i = 0; i < n_events; i++) {
        busy = busy > 0 ? busy - 1 : rand_below(rand, 60) == 0 ? 30 : 0;
        at_us += random_step(rand, busy > 0);
        uint32_t alarm = (uint32_t)rand_below(rand, rand_below(rand, 2) == 0 ? 1 : r->n_alarms);
        struct kpi_event e = {.at_us = at_us,
                              .src_us = at_us - (int64_t)rand_below(rand, (uint64_t)(3 * S)),
                              .alarm = alarm,
                              .kind = random_kind(rand, &r->facts[alarm])};
        if (e.kind == KPI_ACK) {
            e.actor_key = (int64_t)rand_below(rand, 4);
        } else if (e.kind == KPI_RAISE || e.kind == KPI_RERAISE || e.kind == KPI_PRIO) {
            e.priority = (uint8_t)(1 + rand_below(rand, 4));
        } else if (e.kind == KPI_ESCALATE) {
            e.priority = 1;
        } else if (e.kind == KPI_ENABLE) {
            e.hidden = r->facts[alarm].oos;
        }
        room_add(r, e);
        if (rand_below(rand, 10) == 0) {
            add_noise(r, rand, at_us);
        }
    }
}

static void random_journals_give_the_same_figures(void **state) {
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20260101;
    uint32_t rounds = given != NULL ? 1 : 16;
    static struct room room;
    for (uint32_t i = 0; i < rounds; i++, seed++) {
        struct rand rand;
        rand_seed(&rand, seed);
        room_init(&room, 1 + (uint32_t)rand_below(&rand, ALARMS_MAX), NULL);
        random_events(&room, &rand, 20 + rand_below(&rand, 400));
        room_store(&room);
        run("analyze alarm_journal"); /* else plans are made for an empty one */
        for (uint32_t k = 0; k < 2; k++) {
            size_t from = rand_below(&rand, room.n_events / 2 + 1);
            size_t to = from + rand_below(&rand, room.n_events - from);
            int64_t t0_us = room.events[from].at_us;
            int64_t t1_us = k == 0 ? room.events[room.n_events - 1].at_us + 1 : room.events[to].at_us;
            t0_us -= k == 1 ? (int64_t)rand_below(&rand, (uint64_t)(3600 * S)) : 0;
            int64_t trips[] = {t0_us + (t1_us - t0_us) / 3, room.events[to].at_us};
            compare(
                &room,
                (struct kpi_input){
                    .t0_us = t0_us, .t1_us = t1_us, .trips = trips, .n_trips = 2, .settings = kpi_defaults()},
                seed);
        }
    }
    print_message("last SEED=%llu\n", (unsigned long long)seed - 1);
}

/* ---- cases ---- */

static void compare_case(const char *body) {
    static struct room room;
    struct kpi_case *c = kpi_case_read(body);
    assert_string_equal(c->why, "");
    assert_true(c->n_alarms <= ALARMS_MAX);
    assert_true(c->n_events <= ROOM_EVENTS);
    room_init(&room, c->n_alarms, c->names);
    for (size_t i = 0; i < c->n_events; i++) {
        struct kpi_event e = c->events[i];
        e.at_us += EPOCH_US;
        e.src_us += EPOCH_US;
        room_add(&room, e);
    }
    room_store(&room);
    struct kpi_input in = kpi_case_input(c);
    in.t0_us += EPOCH_US;
    in.t1_us += EPOCH_US;
    in.n_trips = 0;
    compare(&room, in, 0);
    kpi_case_free(&c);
}

static void the_acceptance_cases_hold_in_both(void **state) {
    (void)state;
    char *page = read_file("../shared/cases/alarm-cases.md");
    if (page == NULL) {
        print_message("skipped: ../shared/cases/alarm-cases.md is not beside the checkout\n");
        skip();
    }
    const char *at = page;
    char title[200];
    uint32_t n = 0;
    for (char *body = NULL; (body = kpi_case_next(&at, title, sizeof title)) != NULL; n++) {
        char why[KPI_CASE_WHY] = "";
        if (!kpi_case_run(body, why, sizeof why)) {
            fail_msg("%s: %s", title, why);
        }
        compare_case(body);
        free(body);
    }
    assert_true(n > 0);
    free(page);
}

static void cases_of_the_edges_agree(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "period 0 600\nevents\nexpect\n",
        "period 5 5\nevents\n1 RAISE A\n",
        "period 0 3600\nevents\nevery 60 from 0 count 11 RAISE A low\n700 RAISE B high hidden\n710 RTN B\n",
        "period 0 3600\nevents\nevery 30 from 0 count 3 RAISE A\nevery 20 from 1000 count 50 RAISE B\n",
        "period 0 3600\nevents\n100 RAISE A\n105 RTN A\n165 RAISE A\n170 RTN A\n200 RAISE B\n205 RTN B\n"
        "265.000001 RAISE B\n270 RTN B\n",
        "period 0 3600\nevents\n0 RAISE A\n300 RTN A\n350 RAISE A\n351 RTN A\n",
        "period 0 86400.000001\nevents\n0 RAISE A\n0.000001 RAISE B\n",
        "period 0 345600\nevents\n0 RAISE A\n0 RAISE B\n100000 RTN A\n180000 RTN B\n0 RAISE C\n86400 RTN C\n",
        "period 0 259200\nevents\n0 RAISE A\n80000 SHELVE A\n180000 UNSHELVE A\n190000 SHELVE A\n",
        "period 0 3600\nevents\nevery 2 from 100 count 6 ACK A by=y\nevery 2.1 from 300 count 6 ACK A by=z\n",
        "period 0 3600\nevents\n0 OOS_ON A\n100 DISABLE A\n200 ENABLE A hidden\n300 RAISE A\n400 OOS_OFF A\n",
        "period 0 3600\nevents\nevery 1 from 600 count 12 RAISE A low\nevery 1 from 1200 count 5 RAISE A "
        "low\n"
        "every 1 from 1800 count 4 RAISE A low\nevery 1 from 2400 count 10 RAISE A low\n",
        "period 1000 2000\nevents\n0 SUPPRESS A\n10 UNSUPPRESS A\n1500 SUPPRESS A\n0 SHELVE B\n900 UNSHELVE "
        "B\n",
        "period 3600 7200\nevents\n0 OOS_ON A\n3600 OOS_OFF A\n1800 SHELVE B\n",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        compare_case(bodies[i]);
    }
}

/* ---- what only SQL has ---- */

static void expect_text(const char *sql, const char *expected) {
    PGresult *r = query(sql);
    assert_int_equal(PQntuples(r), 1);
    assert_string_equal(PQgetvalue(r, 0, 0), expected);
    PQclear(r);
}

static void put(const char *kind, const char *name, const char *body) {
    run("select config_apply(gen_random_uuid(), 'anna', 'why', array['%s'], array['%s'], array[%s%s%s], "
        "array[-1])",
        kind, name, body == NULL ? "" : "$$", body == NULL ? "null" : body, body == NULL ? "" : "$$");
}

static void the_master_database_is_counted(void **state) {
    (void)state;
    put("alarm", "c/1",
        "{\"priority\":1,\"position\":\"cfg\",\"cause\":\"x\",\"consequence\":{\"en\":\"y\",\"zh\":\"\"},"
        "\"action\":\"z\",\"time_to_act_s\":60}");
    put("alarm", "c/2",
        "{\"priority\":4,\"position\":\"cfg\",\"cause\":\" \",\"consequence\":\"y\",\"action\":\"z\","
        "\"time_to_act_s\":60}");
    put("alarm", "c/3",
        "{\"priority\":4,\"position\":\"cfg\",\"cause\":\"x\",\"consequence\":\"y\",\"action\":{\"en\":\"\"},"
        "\"time_to_act_s\":60}");
    put("alarm", "c/4",
        "{\"priority\":4,\"position\":\"cfg\",\"cause\":\"x\",\"consequence\":\"y\",\"action\":\"z\"}");
    put("alarm", "c/5", "{\"priority\":1,\"position\":\"cfg\",\"enabled\":false}");
    put("alarm", "c/6", "{\"priority\":1,\"position\":\"elsewhere\"}");
    expect_text("select string_agg(name || '=' || value, ' ') from alarm_kpi_configured('cfg')",
                "configured=4 configured_critical=25 configured_high=0 configured_medium=0 configured_low=75"
                " rationalised=1 rationalised_pct=25");
}

static void changes_are_counted_with_their_review(void **state) {
    (void)state;
#define WHY "\"cause\":\"x\",\"consequence\":\"y\",\"action\":\"z\",\"time_to_act_s\":60"
    put("alarm", "d/1", "{\"limit\":80,\"priority\":2,\"position\":\"chg\"}");
    put("alarm", "d/1", "{\"limit\":80.0,\"priority\":2,\"position\":\"chg\",\"message\":\"new\"}");
    put("alarm", "d/1", "{\"limit\":85,\"priority\":3,\"position\":\"chg\"}");
    put("alarm", "d/1", "{\"limit\":86,\"priority\":3,\"position\":\"chg\"," WHY ",\"reviewed_by\":\"b\"}");
    put("alarm", "d/1", "{\"limit\":87,\"priority\":3,\"position\":\"chg\"," WHY ",\"reviewed_by\":\"b\"}");
    put("alarm", "d/1", NULL);
    put("alarm", "d/1",
        "{\"limit\":87,\"on_delay_s\":5,\"priority\":3,\"position\":\"chg\"," WHY
        ",\"reviewed_by\":\"b\",\"next_review\":\"2027-01-01\"}");
#undef WHY
    expect_text(
        "select string_agg(field || ':' || coalesce(before::text, '') || '>' || after || ' ' || "
        "rationalised, ', ')"
        " from alarm_kpi_changes(0, 4000000000000000, 'chg')",
        "limit:80.0>85 false, priority:2>3 false, limit:85>86 true, limit:86>87 false, on_delay_s:>5 true");
    expect_text("select count(*) from alarm_kpi_changes(0, 1, 'chg')", "0");
}

static void blind_time_is_weighed(void **state) {
    (void)state;
    put("tag", "e/T", "{}");
    put("tag", "e/S", "{}");
    put("tag", "e/N", "{}");
    put("alarm", "e/1", "{\"tag\":\"e/T\",\"position\":\"bl\"}");
    put("alarm", "e/2", "{\"tag\":\"e/T\",\"setpoint\":\"e/S\",\"position\":\"bl\"}");
    put("alarm", "e/3", "{\"tag\":\"e/T\",\"uncertain\":\"bad\",\"position\":\"bl\"}");
    put("alarm", "e/4", "{\"tag\":\"e/N\",\"position\":\"bl\"}");
    put("alarm", "e/5", "{\"expr\":\"1 > 0\",\"position\":\"bl\"}");
    run("insert into sample_row (tag_key, t_us, value, quality)"
        " select k.key, %lld + v.t * 1000000, 1, v.q from config_key k join (values"
        " ('e/T', -50, 128), ('e/T', 10, 0), ('e/T', 20, 64), ('e/T', 40, 192), ('e/T', 50, 0), ('e/T', 100, "
        "128),"
        " ('e/S', 0, 0), ('e/S', 45, 129), ('e/S', 60, 0)) as v(name, t, q) on v.name = k.name and k.kind = "
        "'tag'",
        (long long)EPOCH_US);
    char sql[256];
    (void)snprintf(
        sql, sizeof sql,
        "select string_agg(name || '=' || pct, ' ' order by name) from alarm_kpi_blind(%lld, %lld, 'bl')",
        (long long)EPOCH_US, (long long)(EPOCH_US + 100 * S));
    expect_text(sql, "e/1=20 e/2=30 e/3=40 e/4=100");
}

static void without_a_position_all_count(void **state) {
    (void)state;
    static struct room a;
    static struct room b;
    int64_t at_us = EPOCH_US + 3000 * 86400 * S;
    const struct kpi_event raise = {.at_us = at_us, .src_us = at_us, .priority = 2};
    room_init(&a, 1, NULL);
    room_init(&b, 1, NULL);
    room_add(&a, raise);
    room_store(&a);
    room_add(&b, raise);
    room_store(&b);
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "select string_agg(value::text, ' ') from alarm_kpi(%lld, %lld) where name = 'n'",
                   (long long)at_us, (long long)(at_us + 600 * S));
    expect_text(sql, "2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_of_the_edges_agree),
        cmocka_unit_test(the_acceptance_cases_hold_in_both),
        cmocka_unit_test(random_journals_give_the_same_figures),
        cmocka_unit_test(the_master_database_is_counted),
        cmocka_unit_test(changes_are_counted_with_their_review),
        cmocka_unit_test(blind_time_is_weighed),
        cmocka_unit_test(without_a_position_all_count),
    };
    return cmocka_run_group_tests_name("kpi_sql", tests, start, stop);
}
