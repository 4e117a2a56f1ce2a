/* Covers: packing.c, packing_chunks.c, packing_plan.c, packing_sql.c. What is stored after all of it must be,
 * bit by bit, what a map from tag and time to the newest sample says. */
#include "server/base/rand.h"
#include "server/core/quality.h"
#include "server/history/bundle.h"
#include "server/history/pack.h"
#include "server/store/hot.h"
#include "server/store/packing.h"
#include "server/store/pgvalue.h"
#include "tests/unit/store/rig.h"

#include <math.h>
#include <signal.h>

#define T0 (INT64_C(700) * PACK_PERIOD_US)
enum { TAGS = 24, TEXT_MAX = 12, STEP_SAMPLES = 400 };

static struct pgtest pg;

/* --- the model ----------------------------------------------------------------------------------------- */

struct entry {
    int64_t tag_key;
    int64_t t_us;
    uint32_t order;
    uint8_t kind;
    uint8_t quality;
    uint8_t text_n;
    bool weak;
    char text[TEXT_MAX];
    uint64_t bits;
};

struct model_of {
    struct entry *v;
    uint32_t n;
    uint32_t cap;
    int64_t live_us[TAGS]; /* of each tag the time of its newest sample */
};

static struct entry *model_add(struct model_of *m) {
    if (m->n == m->cap) {
        m->cap = m->cap == 0 ? 1024 : m->cap * 2;
        m->v = realloc(m->v, m->cap * sizeof *m->v);
        assert_non_null(m->v);
    }
    struct entry *e = &m->v[m->n];
    memset(e, 0, sizeof *e);
    e->order = m->n++;
    return e;
}

static int by_key(const void *a, const void *b) {
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->tag_key != y->tag_key) {
        return x->tag_key < y->tag_key ? -1 : 1;
    }
    if (x->t_us != y->t_us) {
        return x->t_us < y->t_us ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

/* Of each tag and time one: the last strong one, else the first weak one. */
static void model_settle(struct model_of *m) {
    uint32_t kept = 0;
    qsort(m->v, m->n, sizeof *m->v, by_key);
    for (uint32_t i = 0; i < m->n; i++) {
        struct entry *last = kept == 0 ? NULL : &m->v[kept - 1];
        if (last == NULL || last->tag_key != m->v[i].tag_key || last->t_us != m->v[i].t_us) {
            m->v[kept++] = m->v[i];
        } else if (!m->v[i].weak) {
            *last = m->v[i];
        }
    }
    m->n = kept;
}

/* --- samples ------------------------------------------------------------------------------------------- */

static double number_of(struct rand *r) {
    static const double odd[] = {0.0, -0.0, 5e-324, 1e308, -1e-300, 9007199254740993.0, INFINITY};
    switch (rand_below(r, 4)) {
    case 0:
        return (double)(int64_t)rand_below(r, 2000) / 100;
    case 1:
        return odd[rand_below(r, COUNT(odd))];
    case 2:
        return 21.5;
    default:
        return (double)rand_below(r, UINT64_C(1) << 53) / 3;
    }
}

/* Mostly the next second of its tag; else some time ago, up to two periods, or a time that it has already. */
static int64_t time_of(struct rand *r, struct model_of *m, uint32_t tag) {
    int64_t *live_us = &m->live_us[tag];
    switch (rand_below(r, 12)) {
    case 0:
        return *live_us - (int64_t)rand_below(r, 2 * (uint64_t)PACK_PERIOD_US);
    case 1:
        return *live_us - (int64_t)rand_below(r, 600) * 1000000;
    case 2:
        *live_us += (int64_t)rand_below(r, 3) * INT64_C(3000000000);
        return *live_us;
    default:
        *live_us += 1000000;
        return *live_us;
    }
}

static struct stored_sample sample_of(struct rand *r, struct model_of *m, bool weak) {
    struct entry *e = model_add(m);
    uint32_t tag = (uint32_t)rand_below(r, TAGS);
    uint64_t kind = rand_below(r, 20);
    *e = (struct entry){.tag_key = tag + 1,
                        .t_us = time_of(r, m, tag),
                        .order = e->order,
                        .weak = weak,
                        .kind = CHUNK_NUMBER};
    e->quality = rand_below(r, 30) == 0 ? (uint8_t)(rand_below(r, 256) & ~(uint64_t)QUALITY_NO_VALUE) : 0;
    struct stored_sample s = {.tag_key = e->tag_key, .t_us = e->t_us};
    if (kind == 0) {
        e->kind = CHUNK_NOTHING;
        e->quality = QUALITY_BAD | QUALITY_NO_VALUE;
    } else if (kind == 1) {
        e->kind = CHUNK_TEXT;
        e->text_n = (uint8_t)rand_below(r, TEXT_MAX);
        for (uint32_t i = 0; i < e->text_n; i++) {
            e->text[i] = (char)rand_below(r, 256);
        }
        s.text = slice_of(e->text, e->text_n);
    } else {
        s.value = number_of(r);
        s.value = weak && isinf(s.value) ? 7 : s.value; /* the quarantine's replay keeps none */
        memcpy(&e->bits, &s.value, sizeof e->bits);
    }
    s.quality = e->quality;
    return s;
}

/* --- the database -------------------------------------------------------------------------------------- */

static void put(PGconn *conn, const char *sql, const struct pg_args *a) {
    const char *values[PG_ARGS_MAX] = {NULL};
    int formats[PG_ARGS_MAX] = {0};
    for (int i = 0; i < a->n; i++) {
        values[i] = (const char *)a->data.p + a->offsets[i];
        formats[i] = 1;
    }
    PGresult *r = PQexecParams(conn, sql, a->n, a->types, values, a->lengths, formats, 1);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
    PQclear(r);
}

static void put_row(PGconn *conn, const struct hot_row *row) {
    struct pg_args args;
    pg_args_init(&args, 1 << 22);
    pg_arg_i32(&args, (int32_t)row->n);
    pg_arg_i64(&args, row->tag_min);
    pg_arg_i64(&args, row->tag_max);
    pg_arg_i64(&args, row->from_us);
    pg_arg_i64(&args, row->to_us);
    pg_arg_bytes(&args, row->data.p, row->data.n);
    put(conn,
        "insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data)"
        " values (1, 5, $1, $2, $3, $4, $5, $6)",
        &args);
    pg_args_done(&args);
}

static void put_hot(PGconn *conn, struct hot *hot, const struct stored_sample *v, uint32_t n) {
    assert_true(hot_write(hot, v, n));
    for (uint32_t i = 0; i < hot->n_rows; i++) {
        put_row(conn, &hot->rows[i]);
    }
}

/* The same in one row of several chunks. */
static void put_bundle(PGconn *conn, struct hot *hot, const struct stored_sample *v, uint32_t n,
                       uint32_t each) {
    struct buf b;
    buf_init(&b, 1 << 22);
    assert_true(hot_write(hot, v, n));
    struct hot_row row = hot->rows[0];
    bundle_begin(&b);
    for (uint32_t i = 0; i < n; i += each) {
        assert_true(hot_write(hot, v + i, n - i < each ? n - i : each));
        bundle_add(&b, hot->rows[0].data);
    }
    row.data = buf_slice(&b);
    put_row(conn, &row);
    buf_done(&b);
}

static void put_loose(PGconn *conn, const struct stored_sample *s) {
    struct pg_args args;
    pg_args_init(&args, 4096);
    pg_arg_i64(&args, s->tag_key);
    pg_arg_i64(&args, s->t_us);
    pg_array_f64_begin(&args);
    if (s->text.p != NULL || (s->quality & QUALITY_NO_VALUE) != 0) {
        pg_array_null(&args);
    } else {
        pg_array_f64(&args, s->value);
    }
    pg_array_end(&args);
    pg_arg_i32(&args, s->quality);
    pg_array_bytes_begin(&args);
    if (s->text.p == NULL) {
        pg_array_null(&args);
    } else {
        pg_array_bytes(&args, s->text.p, s->text.n);
    }
    pg_array_end(&args);
    put(conn,
        "insert into sample_row (tag_key, t_us, value, quality, bytes) values ($1, $2, ($3::float8[])[1], $4,"
        " ($5::bytea[])[1]) on conflict do nothing",
        &args);
    pg_args_done(&args);
}

struct world {
    struct rand rand;
    struct model_of model;
    struct hot *hot;
    PGconn *conn;
};

static struct world *world_new(const char *name) {
    struct world *w = calloc(1, sizeof *w);
    uint64_t seed = unit_seed();
    print_message("%s: SEED=%llu\n", name, (unsigned long long)seed);
    rand_seed(&w->rand, seed);
    rig_migrate(&pg);
    w->hot = hot_new();
    w->conn = PQconnectdb(pg.conninfo);
    assert_int_equal(PQstatus(w->conn), CONNECTION_OK);
    pgtest_do(&pg, "insert into retention_class (class, name) values (2, 'long')");
    for (int i = 0; i < TAGS; i++) {
        w->model.live_us[i] = T0 + (int64_t)rand_below(&w->rand, 3) * PACK_PERIOD_US - 100 * INT64_C(1000000);
    }
    return w;
}

static void world_free(struct world *w) {
    PQfinish(w->conn);
    hot_free(&w->hot);
    free(w->model.v);
    free(w);
}

static void some_arrive(struct world *w) {
    static struct stored_sample v[3000];
    uint32_t n = 1 + (uint32_t)rand_below(&w->rand, rand_below(&w->rand, 4) == 0 ? COUNT(v) : 60);
    for (uint32_t i = 0; i < n; i++) {
        /* A text of the model moves with its array: only then it is taken. */
        v[i] = sample_of(&w->rand, &w->model, false);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct entry *e = &w->model.v[w->model.n - n + i];
        v[i].text.p = e->kind == CHUNK_TEXT ? e->text : NULL;
    }
    if (rand_below(&w->rand, 2) == 0) {
        put_bundle(w->conn, w->hot, v, n, 1 + (uint32_t)rand_below(&w->rand, n));
    } else {
        put_hot(w->conn, w->hot, v, n);
    }
    for (uint64_t more = rand_below(&w->rand, 8); more > 0; more--) {
        struct stored_sample s = sample_of(&w->rand, &w->model, true);
        put_loose(w->conn, &s);
    }
    if (rand_below(&w->rand, 4) == 0) {
        pgtest_do(&pg,
                  "insert into tag_class values (%d, 2) on conflict (tag_key) do update set class = 3 - "
                  "tag_class.class",
                  (int)rand_below(&w->rand, TAGS) + 1);
    }
}

/* Until nothing waits. A connection that was ended may still be going. */
static void pack_all(struct packing *p) {
    struct packing_done done = {.rows = 1};
    while (done.rows > 0) {
        struct error err;
        enum status status = packing_step(p, &done, &err);
        if (status == ERR_CONFLICT) {
            done.rows = 1;
            (void)usleep(5000);
        } else if (status != OK) {
            fail_msg("%s: %s", err.where, err.text);
        }
    }
}

/* --- the comparison ------------------------------------------------------------------------------------- */

static void expect_sample(const struct entry *e, const struct chunk_sample *s) {
    uint64_t bits = 0;
    memcpy(&bits, &s->number, sizeof bits);
    bool same = e->t_us == s->t_us && e->kind == s->kind && e->quality == s->quality &&
                (s->kind != CHUNK_NUMBER || bits == e->bits) &&
                (s->kind != CHUNK_TEXT || slice_eq(s->text, slice_of(e->text, e->text_n)));
    if (!same) {
        fail_msg("tag %lld: at %lld kind %u quality %u bits %llx, expected at %lld %u %u %llx",
                 (long long)e->tag_key, (long long)s->t_us, s->kind, s->quality, (unsigned long long)bits,
                 (long long)e->t_us, e->kind, e->quality, (unsigned long long)e->bits);
    }
}

static void expect_number(const PGresult *r, int row, int column, bool any, double number) {
    assert_int_equal(pg_is_null(r, row, column), !any);
    double told = pg_get_f64(r, row, column);
    uint64_t bits[2] = {0};
    memcpy(&bits[0], &told, sizeof bits[0]);
    memcpy(&bits[1], &number, sizeof bits[1]);
    assert_true(!any || bits[0] == bits[1]);
}

/* The columns are what a recount says. */
static void expect_columns(const PGresult *r, int row, const struct chunk_sample *v, uint32_t n) {
    struct chunk_sample first = {0}, last = {0}, min = {0}, max = {0};
    int usable = 0, bad = 0;
    uint8_t worst = v[0].quality;
    for (uint32_t i = 0; i < n; i++) {
        bad += quality_is_bad(v[i].quality);
        worst = (v[i].quality & 0xC0) > (worst & 0xC0) ? v[i].quality : worst;
        if (v[i].kind == CHUNK_NUMBER && !quality_is_bad(v[i].quality)) {
            first = usable == 0 ? v[i] : first;
            min = usable == 0 || v[i].number < min.number ? v[i] : min;
            max = usable == 0 || v[i].number > max.number ? v[i] : max;
            last = v[i];
            usable++;
        }
    }
    assert_int_equal(pg_get_i16(r, row, 3), n);
    assert_int_equal(pg_get_i16(r, row, 4), usable);
    assert_int_equal(pg_get_i16(r, row, 5), bad);
    expect_number(r, row, 6, usable > 0, first.number);
    expect_number(r, row, 7, usable > 0, last.number);
    expect_number(r, row, 8, usable > 0, min.number);
    expect_number(r, row, 9, usable > 0, max.number);
    if (usable > 0) {
        assert_int_equal(pg_get_i64(r, row, 10), min.t_us);
        assert_int_equal(pg_get_i64(r, row, 11), max.t_us);
    }
    assert_int_equal(pg_get_i16(r, row, 12), worst);
    assert_true(pg_get_i64(r, row, 1) == v[0].t_us && pg_get_i64(r, row, 2) == v[n - 1].t_us);
    assert_true(pack_period(v[0].t_us) == pack_period(v[n - 1].t_us));
}

static void expect_model(struct world *w) {
    static struct chunk_work work;
    static struct chunk_sample v[CHUNK_SAMPLES_MAX];
    model_settle(&w->model);
    PGresult *r =
        PQexecParams(w->conn,
                     "select tag_key, from_us, to_us, n, usable, bad, first, last, min, max, min_us,"
                     " max_us, worst, data from sample_chunk order by tag_key, from_us",
                     0, NULL, NULL, NULL, NULL, 1);
    assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    uint32_t at = 0;
    for (int row = 0; row < PQntuples(r); row++) {
        uint32_t n = 0;
        struct error err;
        assert_int_equal(chunk_read(pg_get_slice(r, row, 13), &work, v, &n, &err), OK);
        expect_columns(r, row, v, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(at < w->model.n && w->model.v[at].tag_key == pg_get_i64(r, row, 0));
            expect_sample(&w->model.v[at++], &v[i]);
        }
    }
    assert_int_equal(at, w->model.n);
    print_message("%u samples in %d chunks\n", at, PQntuples(r));
    PQclear(r);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_hot"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_row"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_damaged"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_chunk c cross join lateral"
                                        " generate_series(c.from_us - c.from_us %% 86400000000, c.to_us,"
                                        " 86400000000) as d(day_us)"
                                        " left join rollup_dirty r using (tag_key, day_us)"
                                        " where r.tag_key is null"),
                     0);
}

/* --- tests --------------------------------------------------------------------------------------------- */

static void whatever_comes_in_whatever_order_is_stored_as_it_is(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, STEP_SAMPLES, NULL);
    for (int round = 0; round < 150; round++) {
        struct packing_done done;
        struct error err;
        some_arrive(w);
        for (uint64_t steps = rand_below(&w->rand, 3); steps > 0; steps--) {
            assert_int_equal(packing_step(p, &done, &err), OK);
        }
    }
    pack_all(p);
    expect_model(w);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), w->model.n);
    packing_free(&p);
    world_free(w);
}

/* Triggers that end the packer's connection at a place of its transaction, once. */
static const char *const places[] = {
    "create trigger f before delete on sample_row for each statement execute function fault()",
    "create trigger f after delete on sample_row for each statement execute function fault()",
    "create trigger f before delete on sample_hot for each statement execute function fault()",
    "create trigger f after delete on sample_hot for each statement execute function fault()",
    "create trigger f before delete on sample_chunk for each statement execute function fault()",
    "create trigger f after delete on sample_chunk for each statement execute function fault()",
    "create trigger f before insert on sample_chunk for each statement execute function fault()",
    "create trigger f after insert on sample_chunk for each statement execute function fault()",
    ("create constraint trigger f after insert on sample_chunk initially deferred for each row"
     " execute function fault()"),
};

static void a_connection_that_ends_at_any_statement_leaves_nothing_half(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, STEP_SAMPLES, NULL);
    pgtest_do(&pg,
              "create function fault() returns trigger language plpgsql security definer as $$ begin"
              " perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(5); return null; end $$");
    for (size_t i = 0; i < COUNT(places); i++) {
        struct packing_done done;
        struct error err;
        some_arrive(w);
        some_arrive(w);
        pgtest_do(&pg, "%s", places[i]);
        if (packing_step(p, &done, &err) != ERR_UNAVAILABLE) {
            fail_msg("nothing happened: %s", places[i]);
        }
        const char *on = strstr(places[i], " on ");
        pgtest_do(&pg, "drop trigger f%.*s", (int)strcspn(on + 4, " ") + 4, on);
        pack_all(p);
    }
    expect_model(w);
    packing_free(&p);
    world_free(w);
}

static int64_t oldest_hot(void) {
    return pgtest_number(&pg, "select coalesce(min(id), -1) from sample_hot");
}

/* A process that packs is killed after a random time, again and again, each third one not before it has
 * packed something; samples come meanwhile. */
static void a_killed_packer_loses_and_repeats_nothing(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    for (int round = 0; round < 25; round++) {
        some_arrive(w);
        some_arrive(w);
        int64_t oldest = oldest_hot();
        pid_t child = fork();
        if (child == 0) {
            struct packing *p = packing_new(pg.server, STEP_SAMPLES, NULL);
            for (;;) {
                struct packing_done done;
                struct error err;
                if (packing_step(p, &done, &err) != OK) {
                    (void)usleep(5000); /* the one before is not gone yet */
                }
            }
        }
        while (pgtest_number(&pg, "select count(*) from pg_stat_activity where application_name = "
                                  "'penstock packer' and xact_start is not null") == 0 &&
               pgtest_number(&pg, "select count(*) from sample_hot") > 0) {
        }
        while (round % 3 == 0 && oldest_hot() == oldest) {
        }
        (void)usleep((useconds_t)rand_below(&w->rand, 60000));
        some_arrive(w);
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    struct packing *p = packing_new(pg.server, 0, NULL);
    struct error err = {.code = ERR_CONFLICT};
    struct packing_done done;
    while (packing_step(p, &done, &err) == ERR_CONFLICT) {
        (void)usleep(20000); /* the last one's connection is not gone yet */
    }
    pack_all(p);
    expect_model(w);
    packing_free(&p);
    world_free(w);
}

/* A crash of PostgreSQL takes back a packing whose commit was not on the disk yet: its rows are there again,
 * older than the rest of their round. */
static void rows_that_a_crash_brings_back_are_packed_before_younger_ones(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, 1, NULL);
    for (int i = 0; i < 3; i++) {
        const struct stored_sample s = {.tag_key = 1, .t_us = T0, .value = i};
        put_hot(w->conn, w->hot, &s, 1);
    }
    pgtest_do(&pg, "create table before as select * from sample_hot where id = 1");
    struct packing_done done;
    struct packing_waiting waiting;
    struct error err;
    assert_int_equal(packing_step(p, &done, &err), OK);
    assert_int_equal(done.rows, 1);
    assert_true(packing_is_begun(p));
    pgtest_do(&pg, "delete from sample_chunk");
    pgtest_do(&pg, "insert into sample_hot overriding system value select * from before");
    pgtest_do(&pg, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name = 'penstock packer'");
    assert_int_equal(packing_look(p, &waiting, &err), ERR_UNAVAILABLE);
    pack_all(p);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_hot"), 0);
    assert_int_equal(pgtest_number(&pg, "select value::bigint from sample"), 2);
    packing_free(&p);
    world_free(w);
}

/* Small chunks behind each other become one, however many there are: a sample is written again as often as
 * its chunk doubles. */
static void samples_that_come_one_by_one_lie_in_few_chunks(void **state) {
    (void)state;
    enum { N = 200 };
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, 0, NULL);
    uint64_t read = 0;
    for (int i = 0; i < N; i++) {
        const struct stored_sample s = {.tag_key = 1, .t_us = T0 + i * INT64_C(1000000), .value = i};
        struct packing_done done;
        struct error err;
        put_hot(w->conn, w->hot, &s, 1);
        assert_int_equal(packing_step(p, &done, &err), OK);
        assert_int_equal(done.samples, 1);
        read += done.chunks_read;
    }
    assert_true(pgtest_number(&pg, "select count(*) from sample_chunk") <= 8);
    assert_true(read > 0 && read <= N);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), N);
    packing_free(&p);
    world_free(w);
}

static void what_is_damaged_is_put_aside_and_the_rest_goes_on(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, 0, NULL);
    const struct stored_sample first[] = {{.tag_key = 1, .t_us = T0, .value = 1},
                                          {.tag_key = 2, .t_us = T0, .value = 2}};
    put_hot(w->conn, w->hot, first, 2);
    pack_all(p);
    pgtest_do(&pg,
              "update sample_chunk set data = set_byte(data, 3, get_byte(data, 3) # 1) where tag_key = 1");
    const struct stored_sample next[] = {{.tag_key = 1, .t_us = T0 + 1, .value = 3},
                                         {.tag_key = 2, .t_us = T0 + 1, .value = 4}};
    put_hot(w->conn, w->hot, next, 2);
    put_hot(w->conn, w->hot, next, 2);
    pgtest_do(
        &pg,
        "update sample_hot set data = '\\x7f', received_us = 77 where id = (select max(id) from sample_hot)");
    struct packing_done done;
    struct error err;
    assert_int_equal(packing_step(p, &done, &err), OK);
    assert_int_equal(done.damaged, 2);
    assert_non_null(strstr(done.damage, "gateway key 1 received at 77"));
    assert_int_equal(pgtest_number(&pg, "select sum(value)::bigint from sample"), 2 + 3 + 4);
    assert_int_equal(
        pgtest_number(&pg,
                      "select count(*) from sample_damaged where source = 'hot' and n = 2 and data = '\\x7f'"
                      " and gateway_key = 1 and received_us = 77 and tag_key is null and reason <> ''"),
        1);
    assert_int_equal(
        pgtest_number(&pg,
                      "select count(*) from sample_damaged where source = 'chunk' and n = 1 and class = 1"
                      " and tag_key = 1 and from_us = %lld and to_us = from_us and length(data) > 10"
                      " and gateway_key is null and reason <> ''",
                      (long long)T0),
        1);
    pack_all(p);
    packing_free(&p);
    world_free(w);
}

/* Something that fails whatever is tried: a row that may not be deleted. */
static void a_row_that_nothing_can_be_done_with_is_skipped_in_the_end(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, 100, NULL);
    for (int i = 0; i < 5; i++) {
        const struct stored_sample s = {.tag_key = 1, .t_us = T0 + i, .value = i};
        put_hot(w->conn, w->hot, &s, 1);
    }
    pgtest_do(&pg, "create function bad() returns trigger language plpgsql as $$ begin if old.id = 3 then "
                   "raise exception 'torn'"
                   " using errcode = 'XX001'; end if; return old; end $$");
    pgtest_do(&pg, "create trigger bad before delete on sample_hot for each row execute function bad()");
    const struct stored_sample loose = {.tag_key = 2, .t_us = T0, .value = 9};
    bool told = false;
    for (int i = 0; i < 12; i++) {
        struct packing_done done;
        struct error err;
        enum status status = packing_step(p, &done, &err);
        while (status == ERR_CONFLICT) {
            (void)usleep(10000); /* its own connection of before is not gone yet */
            status = packing_step(p, &done, &err);
        }
        told = told || (status == ERR_INVALID && strstr(err.text, "row 3 of sample_hot is skipped") != NULL);
    }
    assert_true(told);
    put_loose(w->conn, &loose);
    struct packing_done done;
    assert_int_equal(packing_step(p, &done, NULL), OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_hot"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), 6);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_row"), 0); /* these are not guilty */
    packing_free(&p);
    world_free(w);
}

/* On a slow disk a transaction of full size takes longer than a statement may. */
static void what_takes_too_long_is_done_in_smaller_steps(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, 100, NULL);
    for (int i = 0; i < 60; i++) {
        const struct stored_sample s = {.tag_key = i + 1, .t_us = T0 + i, .value = i};
        put_hot(w->conn, w->hot, &s, 1);
    }
    pgtest_do(&pg, "create function slow() returns trigger language plpgsql as $$ begin"
                   " if (select count(*) from fresh) > 20 then"
                   " raise exception 'canceling statement due to statement timeout' using errcode = '57014';"
                   " end if; return null; end $$");
    pgtest_do(&pg, "create trigger slow after insert on sample_chunk referencing new table as fresh"
                   " for each statement execute function slow()");
    for (int i = 0; i < 12; i++) {
        struct packing_done done;
        (void)!packing_step(p, &done, NULL);
    }
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_hot"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_chunk"), 60);
    packing_free(&p);
    world_free(w);
}

static void there_is_one_packer_at_a_time(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *a = packing_new(pg.server, 0, NULL);
    struct packing *b = packing_new(pg.server, 0, NULL);
    struct packing_waiting waiting;
    struct error err;
    assert_int_equal(packing_look(a, &waiting, &err), OK);
    assert_true(waiting.oldest_us == 0 && waiting.rows == 0 && !waiting.loose);
    assert_int_equal(packing_look(b, &waiting, &err), ERR_CONFLICT);
    packing_free(&a);
    const struct stored_sample s = {.tag_key = 1, .t_us = T0, .value = 1};
    put_hot(w->conn, w->hot, &s, 1);
    put_loose(w->conn, &s);
    while (packing_look(b, &waiting, &err) == ERR_CONFLICT) {
        (void)usleep(10000); /* a's connection is not gone yet */
    }
    assert_true(waiting.oldest_us == 5 && waiting.rows == 1 && waiting.loose);
    packing_free(&b);
    world_free(w);
}

static void old_records_are_deleted_when_their_samples_are_packed(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, 0, NULL);
    pgtest_do(
        &pg,
        "insert into ingest_batch select 1, 9, i, 1, 17, 1, 1, 1000 + i, 'x' from generate_series(0, 9) i");
    pgtest_do(&pg, "insert into gateway_epoch values (1, 9, '{[0,10)}')");
    pgtest_do(&pg,
              "insert into quarantine (gateway_key, epoch, seq, crc, received_us, code, reason, body) values"
              " (1, 9, 1, 1, 1001, 7, '', 'x')");
    pgtest_do(&pg,
              "insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data)"
              " values (1, 1004, 1, 1, 1, %lld, %lld, 'x')",
              (long long)T0, (long long)T0);
    int64_t n = 0;
    struct error err;
    assert_int_equal(packing_prune(p, 1007, &n, &err), OK);
    assert_int_equal(n, 3); /* 0, 2 and 3: 1 is in quarantine, the samples of 4 wait */
    pgtest_do(&pg, "delete from sample_hot");
    assert_int_equal(packing_prune(p, 1007, &n, &err), OK);
    assert_int_equal(n, 3);
    assert_int_equal(packing_prune(p, 1007, &n, &err), OK);
    assert_int_equal(n, 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch where seq in (1, 7, 8, 9)"), 4);
    assert_int_equal(
        pgtest_number(&pg, "select records from ingest_pruned where (gateway_key, epoch) = (1, 9)"), 6);
    packing_free(&p);
    world_free(w);
}

/* What they contain is nowhere else. */
static void records_of_samples_that_were_put_aside_are_kept(void **state) {
    (void)state;
    struct world *w = world_new(__func__);
    struct packing *p = packing_new(pg.server, 0, NULL);
    pgtest_do(&pg, "insert into ingest_batch select g, 9, i, 1, 17, 1, 1, 1000 + i, 'x'"
                   " from generate_series(1, 2) g cross join generate_series(0, 9) i");
    pgtest_do(&pg,
              "insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data)"
              " values (1, 1004, 1, 1, 1, %lld, %lld, 'x')",
              (long long)T0, (long long)T0);
    struct packing_done done;
    struct error err;
    int64_t n = 0;
    assert_int_equal(packing_step(p, &done, &err), OK);
    assert_int_equal(done.damaged, 1);
    assert_int_equal(packing_prune(p, 1010, &n, &err), OK);
    assert_int_equal(n, 14);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from ingest_batch where gateway_key = 1 and seq >= 4"), 6);
    pgtest_do(&pg, "delete from sample_damaged");
    assert_int_equal(packing_prune(p, 1010, &n, &err), OK);
    assert_int_equal(n, 6);
    packing_free(&p);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_comes_in_whatever_order_is_stored_as_it_is),
        cmocka_unit_test(a_connection_that_ends_at_any_statement_leaves_nothing_half),
        cmocka_unit_test(a_killed_packer_loses_and_repeats_nothing),
        cmocka_unit_test(rows_that_a_crash_brings_back_are_packed_before_younger_ones),
        cmocka_unit_test(samples_that_come_one_by_one_lie_in_few_chunks),
        cmocka_unit_test(what_is_damaged_is_put_aside_and_the_rest_goes_on),
        cmocka_unit_test(a_row_that_nothing_can_be_done_with_is_skipped_in_the_end),
        cmocka_unit_test(what_takes_too_long_is_done_in_smaller_steps),
        cmocka_unit_test(there_is_one_packer_at_a_time),
        cmocka_unit_test(old_records_are_deleted_when_their_samples_are_packed),
        cmocka_unit_test(records_of_samples_that_were_put_aside_are_kept),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
