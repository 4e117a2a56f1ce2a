#include "server/store/hot_bundle.h"

#include "server/base/check.h"
#include "server/history/bundle.h"

#include <stdlib.h>

enum { BYTES_MAX = 512 * 1024 * 1024 };

bool hot_bundles_init(struct hot_bundles *b, uint32_t n) {
    *b = (struct hot_bundles){.v = calloc((size_t)n + 1, sizeof *b->v),
                              .parts = calloc((size_t)n + 1, sizeof *b->parts)};
    buf_init(&b->bytes, BYTES_MAX);
    return b->v != NULL && b->parts != NULL;
}

void hot_bundles_done(struct hot_bundles *b) {
    free(b->v);
    free(b->parts);
    buf_done(&b->bytes);
}

/* What it has when one more joins it. */
static size_t bytes_with(const struct hot_shared *s, const struct hot_row *row) {
    size_t bytes = s->row.data.n + BUNDLE_CHUNK_BYTES + row->data.n;
    return s->n_parts > 1 ? bytes : bytes + BUNDLE_HEAD_BYTES + BUNDLE_CHUNK_BYTES;
}

static bool has_room(const struct hot_shared *s, int64_t gateway_key, const struct hot_row *row) {
    return s->gateway_key == gateway_key && s->row.n + row->n <= CHUNK_SAMPLES_MAX &&
           bytes_with(s, row) <= HOT_BUNDLE_BYTES;
}

static int64_t lower(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void join(struct hot_shared *s, int64_t received_us, const struct hot_row *row) {
    s->row.data.n = bytes_with(s, row);
    s->n_parts++;
    s->received_us = lower(s->received_us, received_us);
    s->row.n += row->n;
    s->row.tag_min = lower(s->row.tag_min, row->tag_min);
    s->row.tag_max = higher(s->row.tag_max, row->tag_max);
    s->row.from_us = lower(s->row.from_us, row->from_us);
    s->row.to_us = higher(s->row.to_us, row->to_us);
}

void hot_bundles_add(struct hot_bundles *b, int64_t gateway_key, int64_t received_us,
                     const struct hot_row *row) {
    b->parts[b->n_parts++] = row->data;
    if (b->n > 0 && has_room(&b->v[b->n - 1], gateway_key, row)) {
        join(&b->v[b->n - 1], received_us, row);
    } else {
        b->v[b->n++] = (struct hot_shared){
            .gateway_key = gateway_key, .received_us = received_us, .n_parts = 1, .row = *row};
    }
}

/* A chunk alone stays where it is. */
bool hot_bundles_end(struct hot_bundles *b) {
    const struct slice *part = b->parts;
    size_t bytes = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        bytes += b->v[i].n_parts > 1 ? b->v[i].row.data.n : 0;
    }
    if (bytes > 0 && buf_reserve(&b->bytes, bytes) == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < b->n; part += b->v[i++].n_parts) {
        struct hot_shared *s = &b->v[i];
        if (s->n_parts == 1) {
            continue;
        }
        s->row.data.p = (const char *)b->bytes.p + b->bytes.n;
        bundle_begin(&b->bytes);
        for (uint32_t k = 0; k < s->n_parts; k++) {
            bundle_add(&b->bytes, part[k]);
        }
    }
    CHECK(b->bytes.n == bytes);
    return true;
}
