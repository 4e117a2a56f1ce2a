#include "protocol/client/losses.h"

#include "protocol/client/file.h"
#include "protocol/limits.h"
#include "server/base/crc32c.h"

#include <stdlib.h>
#include <string.h>

/* The file: "PSLO" | u32 CRC-32C of all that follows | u64 total | u32 n | n entries of 6 words. */
enum { HEAD_SIZE = 20, ENTRY_SIZE = 48 };
static const uint8_t magic[4] = {'P', 'S', 'L', 'O'};

void losses_done(struct losses *l) {
    free(l->v);
    *l = (struct losses){0};
}

bool losses_find_open(const struct losses *l, uint64_t epoch, uint64_t first, uint32_t *ret_i) {
    for (uint32_t i = l->n; i-- > 0;) {
        if (l->v[i].epoch == epoch && l->v[i].told_epoch == 0 && l->v[i].end <= first) {
            *ret_i = i;
            return true;
        }
    }
    return false;
}

void losses_join(struct loss *a, const struct loss *b) {
    if (b->samples > 0) {
        a->from_us = a->samples == 0 || b->from_us < a->from_us ? b->from_us : a->from_us;
        a->to_us = a->samples == 0 || b->to_us > a->to_us ? b->to_us : a->to_us;
    }
    a->samples += b->samples;
    a->end = b->end;
}

/* Forgets the first one that was told. */
static bool forget_told(struct losses *l) {
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->v[i].told_epoch != 0) {
            losses_remove(l, i);
            return true;
        }
    }
    return false;
}

static enum status reserve(struct losses *l, uint32_t n, struct error *err) {
    if (n <= l->cap) {
        return OK;
    }
    uint32_t cap = l->cap == 0 ? 8 : l->cap * 2;
    cap = cap < n ? n : cap;
    struct loss *v = realloc(l->v, cap * sizeof *v);
    if (v == NULL) {
        return error_set(err, ERR_NOMEM, "losses", "no memory for the list of what was lost");
    }
    l->v = v;
    l->cap = cap;
    return OK;
}

enum status losses_push(struct losses *l, const struct loss *loss, struct error *err) {
    if (l->n == LOSSES_MAX && !forget_told(l)) {
        return error_set(err, ERR_FULL, "losses", "%d separate losses wait to be told", LOSSES_MAX);
    }
    enum status st = reserve(l, l->n + 1, err);
    if (st == OK) {
        l->v[l->n++] = *loss;
    }
    return st;
}

void losses_remove(struct losses *l, uint32_t i) {
    memmove(&l->v[i], &l->v[i + 1], (l->n - i - 1) * sizeof *l->v);
    l->n--;
}

enum status losses_copy(const struct losses *l, struct losses *ret, struct error *err) {
    struct losses copy = {.total = l->total};
    enum status st = reserve(&copy, l->n, err);
    if (st != OK) {
        return st;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        copy.v[i] = l->v[i];
    }
    copy.n = l->n;
    *ret = copy;
    return OK;
}

void losses_encode(const struct losses *l, struct buf *out) {
    size_t n = HEAD_SIZE + (size_t)l->n * ENTRY_SIZE;
    uint8_t *p = buf_reserve(out, n);
    if (p == NULL) {
        return;
    }
    memcpy(p, magic, sizeof magic);
    put_u64(p + 8, l->total);
    put_u32(p + 16, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        const struct loss *e = &l->v[i];
        const uint64_t words[] = {e->epoch,          e->first, e->end, e->samples, (uint64_t)e->from_us,
                                  (uint64_t)e->to_us};
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            put_u64(p + HEAD_SIZE + (size_t)i * ENTRY_SIZE + k * 8, words[k]);
        }
    }
    put_u32(p + 4, crc32c(0, p + 8, n - 8));
    out->n += n;
}

/* A tombstone can say it. */
static bool can_be_told(const struct loss *l) {
    return l->first <= l->end && l->from_us <= l->to_us && l->from_us >= LINK_TIME_MIN_US &&
           l->to_us <= LINK_TIME_MAX_US;
}

bool losses_decode(struct slice bytes, struct losses *ret) {
    const uint8_t *p = (const uint8_t *)bytes.p;
    *ret = (struct losses){0};
    if (bytes.n < HEAD_SIZE || memcmp(p, magic, sizeof magic) != 0 ||
        get_u32(p + 4) != crc32c(0, p + 8, bytes.n - 8)) {
        return false;
    }
    uint32_t n = get_u32(p + 16);
    if (n > LOSSES_MAX || bytes.n != HEAD_SIZE + (size_t)n * ENTRY_SIZE || reserve(ret, n, NULL) != OK) {
        return false;
    }
    ret->total = get_u64(p + 8);
    for (; ret->n < n; ret->n++) {
        const uint8_t *e = p + HEAD_SIZE + (size_t)ret->n * ENTRY_SIZE;
        ret->v[ret->n] = (struct loss){.epoch = get_u64(e),
                                       .first = get_u64(e + 8),
                                       .end = get_u64(e + 16),
                                       .samples = get_u64(e + 24),
                                       .from_us = (int64_t)get_u64(e + 32),
                                       .to_us = (int64_t)get_u64(e + 40)};
        if (!can_be_told(&ret->v[ret->n])) {
            losses_done(ret);
            return false;
        }
    }
    return true;
}
