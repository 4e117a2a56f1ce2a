#include "server/store/hot.h"

#include "server/base/check.h"

#include <stdlib.h>

enum {
    SAMPLE_BYTES = 48, /* most that one takes in a chunk, without its text */
    ROW_BYTES = 256,   /* the chunk's head and its row */
    TOTAL_MAX = 512 * 1024 * 1024,
};

_Static_assert((int)LINK_STRING_MAX <= (int)CHUNK_TEXT_MAX, "a chunk has every text that the link has");

struct hot *hot_new(void) {
    struct hot *h = calloc(1, sizeof *h);
    if (h != NULL) {
        buf_init(&h->bytes, TOTAL_MAX);
    }
    return h;
}

void hot_free(struct hot **hot) {
    struct hot *h = *hot;
    if (h == NULL) {
        return;
    }
    buf_done(&h->bytes);
    free(h);
    *hot = NULL;
}

static void widen(struct hot_row *row, const struct stored_sample *s) {
    row->tag_min = s->tag_key < row->tag_min ? s->tag_key : row->tag_min;
    row->tag_max = s->tag_key > row->tag_max ? s->tag_key : row->tag_max;
    row->from_us = s->t_us < row->from_us ? s->t_us : row->from_us;
    row->to_us = s->t_us > row->to_us ? s->t_us : row->to_us;
}

static struct hot_row put_all(struct chunk_columns *c, const struct stored_sample *v, uint32_t n) {
    struct hot_row row = {
        .n = n, .tag_min = v[0].tag_key, .tag_max = v[0].tag_key, .from_us = v[0].t_us, .to_us = v[0].t_us};
    uint32_t numbers = 0;
    uint32_t texts = 0;
    for (uint32_t i = 0; i < n; i++) {
        c->tags[i] = v[i].tag_key;
        c->times[i] = v[i].t_us;
        c->qualities[i] = v[i].quality;
        c->kinds[i] = CHUNK_NOTHING;
        if (v[i].text.p != NULL) {
            c->kinds[i] = CHUNK_TEXT;
            c->texts[texts++] = v[i].text;
        } else if ((v[i].quality & QUALITY_NO_VALUE) == 0) {
            c->kinds[i] = CHUNK_NUMBER;
            c->numbers[numbers++] = v[i].value;
        }
        widen(&row, &v[i]);
    }
    c->n = n;
    c->n_numbers = numbers;
    c->n_texts = texts;
    return row;
}

/* Its bytes are what the buffer grows by: only when that is done they stay where they are. */
static struct hot_row write_row(struct hot *h, const struct stored_sample *v, uint32_t n) {
    size_t before = h->bytes.n;
    struct hot_row row = put_all(&h->work.columns, v, n);
    chunk_write_columns_mixed(&h->bytes, &h->work);
    row.data.n = h->bytes.n - before;
    return row;
}

bool hot_write(struct hot *h, const struct stored_sample *v, uint32_t n) {
    CHECK(n <= LINK_SAMPLES_MAX);
    buf_clear(&h->bytes);
    h->n_rows = 0;
    for (uint32_t at = 0, count = 0; at < n; at += count) {
        count = n - at < CHUNK_SAMPLES_MAX ? n - at : CHUNK_SAMPLES_MAX;
        h->rows[h->n_rows++] = write_row(h, v + at, count);
    }
    const uint8_t *p = h->bytes.p;
    for (uint32_t i = 0; i < h->n_rows && !h->bytes.failed; i++) {
        h->rows[i].data.p = (const char *)p;
        p += h->rows[i].data.n;
    }
    return !h->bytes.failed;
}

size_t hot_bytes_max(uint32_t n, size_t texts) {
    return ((size_t)n / CHUNK_SAMPLES_MAX + 1) * ROW_BYTES + (size_t)n * SAMPLE_BYTES + texts;
}
