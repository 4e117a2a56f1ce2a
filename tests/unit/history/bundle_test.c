#include "server/base/rand.h"
#include "server/history/bundle.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

enum { N = 60, CHUNKS = 5 };

static struct chunk_work work;
static struct chunk_sample in[CHUNK_SAMPLES_MAX];
static struct chunk_sample out[CHUNK_SAMPLES_MAX];

static void fill(uint32_t n) {
    struct rand rand;
    rand_seed(&rand, 1);
    for (uint32_t i = 0; i < n; i++) {
        in[i] = (struct chunk_sample){.tag_key = 1 + (int64_t)rand_below(&rand, 9),
                                      .t_us = 1700000000000000 + (int64_t)i * 1000,
                                      .number = (double)rand_below(&rand, 1000) / 10,
                                      .kind = CHUNK_NUMBER};
    }
    in[n / 2].kind = CHUNK_TEXT;
    in[n / 2].number = 0;
    in[n / 2].text = slice_str("text");
}

static void write(struct buf *b, uint32_t n, uint32_t each) {
    bundle_begin(b);
    for (uint32_t i = 0; i < n; i += each) {
        struct buf chunk;
        buf_init(&chunk, 1 << 20);
        chunk_put_columns(&work.columns, in + i, n - i < each ? n - i : each);
        chunk_write_columns_mixed(&chunk, &work);
        bundle_add(b, buf_slice(&chunk));
        buf_done(&chunk);
    }
    assert_false(b->failed);
}

static void assert_read(struct slice bytes, uint32_t n) {
    struct error err;
    uint32_t got = 0;
    assert_int_equal(bundle_read(bytes, &work, out, &got, &err), OK);
    assert_int_equal(got, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(in[i].tag_key == out[i].tag_key && in[i].t_us == out[i].t_us &&
                    in[i].kind == out[i].kind && in[i].number == out[i].number &&
                    slice_eq(in[i].text, out[i].text));
    }
}

static void its_chunks_come_back_as_one(void **state) {
    (void)state;
    static const uint32_t each[] = {1, 7, N / CHUNKS, N};
    fill(N);
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        write(&b, N, each[i]);
        assert_true(bundle_is_mixed(buf_slice(&b)));
        assert_read(buf_slice(&b), N);
        buf_done(&b);
    }
}

static void a_chunk_alone_is_read_too(void **state) {
    (void)state;
    struct buf b;
    fill(N);
    buf_init(&b, 1 << 20);
    chunk_put_columns(&work.columns, in, N);
    chunk_write_columns_mixed(&b, &work);
    assert_true(bundle_is_mixed(buf_slice(&b)));
    assert_read(buf_slice(&b), N);
    buf_clear(&b);
    for (uint32_t i = 0; i < N; i++) {
        in[i].tag_key = 0;
    }
    chunk_write(&b, in, N, &work);
    assert_false(bundle_is_mixed(buf_slice(&b)));
    assert_read(buf_slice(&b), N);
    buf_done(&b);
}

static void more_than_a_chunk_may_have_is_refused(void **state) {
    (void)state;
    struct buf b;
    struct error err;
    uint32_t n = 77;
    fill(CHUNK_SAMPLES_MAX);
    buf_init(&b, 1 << 20);
    write(&b, CHUNK_SAMPLES_MAX, 1000);
    assert_read(buf_slice(&b), CHUNK_SAMPLES_MAX);
    struct buf chunk;
    buf_init(&chunk, 1 << 20);
    chunk_put_columns(&work.columns, in, 1);
    chunk_write_columns_mixed(&chunk, &work);
    bundle_add(&b, buf_slice(&chunk));
    assert_int_equal(bundle_read(buf_slice(&b), &work, out, &n, &err), ERR_TOO_BIG);
    assert_int_equal(n, 77);
    buf_done(&chunk);
    buf_done(&b);
}

/* Of each byte that is another one, and wherever it ends; what comes after its last chunk is a chunk, too. */
static void damage_is_told(void **state) {
    (void)state;
    struct buf b;
    struct error err;
    uint32_t n = 77;
    fill(N);
    buf_init(&b, 1 << 20);
    write(&b, N, N / CHUNKS);
    for (size_t at = BUNDLE_HEAD_BYTES; at < b.n; at++) {
        b.p[at] ^= 0x55;
        assert_int_not_equal(bundle_read(buf_slice(&b), &work, out, &n, &err), OK);
        b.p[at] ^= 0x55;
    }
    size_t whole = 0;
    for (size_t cut = 1; cut < b.n; cut++) {
        uint8_t *exact = malloc(cut);
        assert_non_null(exact);
        memcpy(exact, b.p, cut);
        whole += bundle_read(slice_of((const char *)exact, cut), &work, out, &n, &err) == OK;
        free(exact);
    }
    assert_int_equal(whole, CHUNKS - 1); /* nothing says how many chunks there are: the row's n does */
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_chunks_come_back_as_one),
        cmocka_unit_test(a_chunk_alone_is_read_too),
        cmocka_unit_test(more_than_a_chunk_may_have_is_refused),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
