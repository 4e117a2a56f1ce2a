/* A chunk of history, or a bundle, with its last CRC made right. What can be read comes back from its own
 * chunk, bit by bit. */
#include "server/base/crc32c.h"
#include "server/history/bundle.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static struct chunk_work work;
static struct chunk_sample first[CHUNK_SAMPLES_MAX];
static struct chunk_sample again[CHUNK_SAMPLES_MAX];

static uint64_t bits_of(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static bool same(const struct chunk_sample *a, const struct chunk_sample *b) {
    return a->tag_key == b->tag_key && a->t_us == b->t_us && a->quality == b->quality && a->kind == b->kind &&
           bits_of(a->number) == bits_of(b->number) && slice_eq(a->text, b->text);
}

static void check_again(uint32_t n, bool mixed) {
    struct buf b;
    uint32_t back = 0;
    buf_init(&b, (size_t)64 << 20);
    if (mixed) {
        chunk_put_columns(&work.columns, first, n);
        chunk_write_columns_mixed(&b, &work);
    } else {
        chunk_write(&b, first, n, &work);
    }
    CHECK(buf_status(&b, NULL) == OK);
    CHECK(chunk_read(buf_slice(&b), &work, again, &back, NULL) == OK);
    CHECK(back == n);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(same(&first[i], &again[i]));
    }
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    uint8_t *bytes = malloc(n + sizeof(uint32_t));
    CHECK(bytes != NULL);
    memcpy(bytes, p, n);
    uint32_t crc = crc32c(0, bytes, n);
    memcpy(bytes + n, &crc, sizeof crc);
    uint32_t count = 0;
    struct slice all = slice_of((const char *)bytes, n + sizeof crc);
    if (bundle_read(all, &work, first, &count, NULL) == OK) {
        check_again(count, bundle_is_mixed(all));
    }
    free(bytes);
    return 0;
}
