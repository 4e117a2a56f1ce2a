/* The chunks of server/history, as SQL reads them (migrations/0010): the same samples, however they were
 * packed. */
#include "server/base/rand.h"
#include "server/history/bundle.h"
#include "tests/unit/store/rig.h"

#include <math.h>

static struct pgtest pg;
static struct chunk_work work;
static struct chunk_sample in[CHUNK_SAMPLES_MAX];
static PGconn *conn;

/* Every NaN is the same to PostgreSQL. */
static void same_number(const char *text, double number) {
    double got = strtod(text, NULL);
    if (isnan(number)) {
        assert_true(isnan(got));
        return;
    }
    assert_memory_equal(&got, &number, sizeof got);
}

static void same_sample(const PGresult *r, int row, const struct chunk_sample *s) {
    assert_int_equal(PQgetisnull(r, row, 0), s->tag_key == 0);
    assert_true(s->tag_key == 0 || strtoll(PQgetvalue(r, row, 0), NULL, 10) == s->tag_key);
    assert_true(strtoll(PQgetvalue(r, row, 1), NULL, 10) == s->t_us);
    assert_int_equal(PQgetisnull(r, row, 2), s->kind != CHUNK_NUMBER);
    assert_int_equal(PQgetisnull(r, row, 3), s->kind != CHUNK_TEXT);
    if (s->kind == CHUNK_NUMBER) {
        same_number(PQgetvalue(r, row, 2), s->number);
    }
    if (s->kind == CHUNK_TEXT) {
        assert_true(slice_eq(slice_str(PQgetvalue(r, row, 3)), s->text));
    }
    assert_int_equal(strtol(PQgetvalue(r, row, 4), NULL, 10), s->quality);
}

/* Mixed chunks of `each` samples, together if there are several. */
static void write_mixed(struct buf *b, uint32_t n, uint32_t each) {
    if (n <= each) {
        chunk_put_columns(&work.columns, in, n);
        chunk_write_columns_mixed(b, &work);
        return;
    }
    bundle_begin(b);
    for (uint32_t i = 0; i < n; i += each) {
        struct buf chunk;
        buf_init(&chunk, 1 << 20);
        chunk_put_columns(&work.columns, in + i, n - i < each ? n - i : each);
        chunk_write_columns_mixed(&chunk, &work);
        bundle_add(b, buf_slice(&chunk));
        buf_done(&chunk);
    }
}

/* each: 0 is not mixed. */
static void read_by_sql(uint32_t n, uint32_t each) {
    struct buf b;
    buf_init(&b, 1 << 20);
    if (each > 0) {
        write_mixed(&b, n, each);
    } else {
        chunk_write(&b, in, n, &work);
    }
    assert_false(b.failed);
    const char *values[] = {(const char *)b.p};
    const int lengths[] = {(int)b.n};
    const int formats[] = {1};
    PGresult *r = PQexecParams(conn,
                               "select tag_key, t_us, value, convert_from(bytes, 'UTF8'), quality"
                               "  from chunk_read($1::bytea)",
                               1, NULL, values, lengths, formats, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    assert_int_equal(PQntuples(r), n);
    for (uint32_t i = 0; i < n; i++) {
        same_sample(r, (int)i, &in[i]);
    }
    PQclear(r);
    buf_done(&b);
}

static double any_number(struct rand *r, uint64_t style, double last) {
    uint64_t bits = rand_u64(r);
    double v = 0;
    switch (style) {
    case 0:
        return (double)(int64_t)rand_below(r, 100000) / 1000 - 50;
    case 1:
        return (double)(float)((double)rand_below(r, 4000) / 10);
    case 2:
        return last + rand_unit(r) * 1e-9;
    case 3:
        return last;
    case 4:
        memcpy(&v, &bits, sizeof v);
        return v;
    case 5:
        return (double)(int64_t)rand_below(r, 1000) * 0.0123456789 - 40;
    case 6:
        return -0.0;
    case 7:
        return 5e-324 * (double)rand_below(r, 5);
    default:
        return floor(last) + 1;
    }
}

static void make_chunk(struct rand *r, uint32_t n) {
    static const struct slice texts[] = {{"", 0},
                                         {"open", 4},
                                         {"half \xC3\xB6"
                                          "pen",
                                          10},
                                         {"shut", 4}};
    static const int64_t steps_us[] = {1, 1000, 1000000, 900000000};
    uint64_t style = rand_below(r, 9);
    uint64_t rare = 1 + rand_below(r, 40);
    uint64_t mixture = rand_below(r, 3);
    int64_t step_us = steps_us[rand_below(r, COUNT(steps_us))];
    int64_t t_us = INT64_C(1764000000000000);
    double last = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool odd = rand_below(r, rare) == 0;
        t_us += odd ? 1 + (int64_t)(rand_u64(r) >> 22) : step_us;
        last = any_number(r, odd ? rand_below(r, 9) : style, last);
        in[i] = (struct chunk_sample){.t_us = t_us,
                                      .number = last,
                                      .text = texts[rand_below(r, COUNT(texts))],
                                      .quality = (uint8_t)(odd ? rand_below(r, 256) : 0),
                                      .kind = CHUNK_NUMBER};
        if (mixture == 2 || (mixture == 1 && odd)) {
            in[i].kind = (uint8_t)rand_below(r, 3);
        }
    }
}

static void sql_reads_what_was_packed(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, unit_seed());
    for (int round = 0; round < 300; round++) {
        uint32_t n = 1 + (uint32_t)rand_below(&r, round % 30 == 0 ? 1000 : 80);
        make_chunk(&r, n);
        read_by_sql(n, 0);
        for (uint32_t i = 0; i < n; i++) {
            in[i].tag_key = 1 + (int64_t)rand_below(&r, 50);
            in[i].t_us -= (int64_t)rand_below(&r, 1000);
        }
        read_by_sql(n, n);
        read_by_sql(n, 1 + (uint32_t)rand_below(&r, n));
    }
}

static void what_is_no_chunk_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"'\\x0900'",       "'\\x01'",           "'\\x0101ff000100'", "'\\x03'",
                                      "'\\x0300000000'", "'\\x030100000002'", "'\\x03ffffffff02'"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char sql[128];
        (void)snprintf(sql, sizeof sql, "select * from chunk_read(%s::bytea)", bad[i]);
        PGresult *r = PQexec(conn, sql);
        assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
        PQclear(r);
    }
}

/* Every byte but the first, which says what it is, with one of its bits turned round. */
static void expect_each_damage(struct rand *rand, struct buf *b, const char *told) {
    static const char sql[] = "select * from chunk_read($1::bytea, 'this one')";
    const char *values[] = {(const char *)b->p};
    const int lengths[] = {(int)b->n};
    const int formats[] = {1};
    for (size_t i = 1; i < b->n; i++) {
        uint8_t bit = (uint8_t)(1U << rand_below(rand, 8));
        b->p[i] ^= bit;
        PGresult *r = PQexecParams(conn, sql, 1, NULL, values, lengths, formats, 0);
        assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
        assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "XX001");
        assert_non_null(strstr(PQresultErrorMessage(r), told));
        PQclear(r);
        b->p[i] ^= bit;
    }
}

static void a_damaged_chunk_is_refused_by_name(void **state) {
    (void)state;
    struct rand rand;
    struct buf b;
    rand_seed(&rand, unit_seed());
    make_chunk(&rand, 40);
    buf_init(&b, 1 << 20);
    chunk_write(&b, in, 40, &work);
    expect_each_damage(&rand, &b, "this one is damaged: its CRC is");
    buf_clear(&b);
    write_mixed(&b, 40, 8);
    expect_each_damage(&rand, &b, "this one is damaged: ");
    buf_done(&b);
}

static int start(void **state) {
    (void)state;
    pgtest_start(&pg);
    rig_migrate(&pg);
    conn = PQconnectdb(pg.conninfo);
    return 0;
}

static int stop(void **state) {
    (void)state;
    PQfinish(conn);
    pgtest_stop(&pg);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_reads_what_was_packed),
        cmocka_unit_test(what_is_no_chunk_is_refused),
        cmocka_unit_test(a_damaged_chunk_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
