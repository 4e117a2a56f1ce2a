/* A DATA body after its prefix. The first byte shifts which alias is of which type. The samples of a body
 * that is taken come back from their own encoding, which is no longer than the body was. */
#include "protocol/msg.h"
#include "tests/fuzz/fuzz.h"

enum { KINDS = VALUE_BYTES + 2 }; /* none, the types, and one of a later version */

static uint8_t type_of(void *ctx, uint32_t alias) {
    const uint8_t *shift = ctx;
    return (uint8_t)((alias + *shift) % KINDS);
}

struct samples {
    uint8_t shift; /* first, for type_of */
    uint32_t n;
    uint32_t cap;
    struct link_sample *v;
};

static enum status keep(void *ctx, const struct link_sample *s, struct error *err) {
    (void)err;
    struct samples *all = ctx;
    CHECK(all->n < LINK_SAMPLES_MAX);
    if (all->n == all->cap) {
        all->cap = all->cap == 0 ? 64 : all->cap * 2;
        all->v = realloc(all->v, all->cap * sizeof *all->v);
        CHECK(all->v != NULL);
    }
    all->v[all->n++] = *s;
    return OK;
}

static void check_same(const struct link_sample *a, const struct link_sample *b) {
    CHECK(a->alias == b->alias && a->type == b->type);
    CHECK(a->quality == b->quality && a->t_us == b->t_us);
    if ((a->quality & LINK_QUALITY_NO_VALUE) != 0) {
        return;
    }
    if (a->type == VALUE_STRING || a->type == VALUE_BYTES) {
        CHECK(slice_eq(a->s, b->s));
    } else {
        CHECK(a->u == b->u); /* floats to the bit */
    }
}

static void check_again(const struct samples *one, size_t n) {
    struct buf b;
    buf_init(&b, LINK_BODY_MAX_HARD);
    data_encode(&b, one->v, one->n);
    CHECK(buf_status(&b, NULL) == OK);
    CHECK(b.n <= n);
    struct samples two = {.shift = one->shift};
    CHECK(data_decode(buf_slice(&b), type_of, keep, &two, NULL) == OK);
    CHECK(one->n == two.n);
    for (uint32_t i = 0; i < one->n; i++) {
        check_same(&one->v[i], &two.v[i]);
    }
    free(two.v);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    if (n == 0) {
        return 0;
    }
    struct samples one = {.shift = p[0]};
    struct error err = {0};
    enum status status = data_decode(slice_of(p + 1, n - 1), type_of, keep, &one, &err);
    if (status != OK) {
        check_refusal(status, &err);
    } else {
        check_again(&one, n - 1);
    }
    free(one.v);
    return 0;
}
