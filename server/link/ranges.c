#include "server/link/ranges.h"

#include "server/base/check.h"

#include <stdlib.h>

void ranges_done(struct ranges *s) {
    free(s->v);
    *s = (struct ranges){0};
}

/* The first range whose end is at or behind seq: the only one that can hold seq or touch it from the left. */
static uint32_t lower(const struct ranges *s, uint64_t seq) {
    uint32_t lo = 0;
    uint32_t hi = s->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->v[mid].r.end < seq) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static struct marked_range *find(const struct ranges *s, uint64_t seq) {
    uint32_t i = lower(s, seq);
    /* A range that ends just at seq does not hold it, but the next one may. */
    if (i < s->n && s->v[i].r.end == seq) {
        i++;
    }
    return i < s->n && s->v[i].r.first <= seq ? &s->v[i] : NULL;
}

bool ranges_has(const struct ranges *s, uint64_t seq) {
    return find(s, seq) != NULL;
}

static enum status make_room(struct ranges *s) {
    if (s->n < s->cap) {
        return OK;
    }
    if (s->n >= RANGES_MAX) {
        return ERR_FULL;
    }
    uint32_t cap = s->cap == 0 ? 4 : s->cap * 2;
    struct marked_range *v = realloc(s->v, cap * sizeof *v);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    s->v = v;
    s->cap = cap;
    return OK;
}

enum status ranges_add(struct ranges *s, uint64_t first, uint64_t end) {
    CHECK(first < end);
    uint32_t i = lower(s, first);
    uint32_t last = i; /* one behind the last range that melts into the new one */
    while (last < s->n && s->v[last].r.first <= end) {
        last++;
    }
    if (last == i) {
        enum status status = make_room(s);
        if (status != OK) {
            return status;
        }
        memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof *s->v);
        s->n++;
        last = i + 1;
        s->v[i].r = (struct seq_range){first, end};
    }
    s->v[i].r.first = first < s->v[i].r.first ? first : s->v[i].r.first;
    uint64_t old_end = s->v[last - 1].r.end;
    s->v[i].r.end = end > old_end ? end : old_end;
    s->v[i].marked = true;
    s->any_marked = true;
    memmove(s->v + i + 1, s->v + last, (s->n - last) * sizeof *s->v);
    s->n -= last - i - 1;
    return OK;
}

bool ranges_mark(struct ranges *s, uint64_t seq) {
    struct marked_range *r = find(s, seq);
    if (r == NULL) {
        return false;
    }
    r->marked = true;
    s->any_marked = true;
    return true;
}

void ranges_unmark_all(struct ranges *s) {
    for (uint32_t i = 0; i < s->n; i++) {
        s->v[i].marked = false;
    }
    s->any_marked = false;
}

uint32_t ranges_take_marked(struct ranges *s, struct seq_range *ret, uint32_t max) {
    if (!s->any_marked) {
        return 0;
    }
    uint32_t n = 0;
    if (s->v[0].r.first == 0 && n < max) {
        s->v[0].marked = false;
        ret[n++] = s->v[0].r;
    }
    bool left = false;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->v[i].marked && n < max) {
            s->v[i].marked = false;
            ret[n++] = s->v[i].r;
        }
        left = left || s->v[i].marked;
    }
    s->any_marked = left;
    return n;
}

bool ranges_last_missing(const struct ranges *s, uint64_t end, uint64_t *ret_seq) {
    uint64_t at = end;
    for (uint32_t i = s->n; i > 0 && at > 0; i--) {
        const struct seq_range *r = &s->v[i - 1].r;
        if (r->end < at) {
            break;
        }
        at = r->first < at ? r->first : at; /* ranges do not touch: what is below it is missing */
    }
    if (at == 0) {
        return false;
    }
    *ret_seq = at - 1;
    return true;
}
