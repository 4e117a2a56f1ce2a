#include "server/store/roller.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/core/quality.h"
#include "server/store/lock.h"
#include "server/store/rollup_sql.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    DAYS_MAX = 8,     /* of one tag at once: they are read together */
    GRACE_MIN = 10,   /* so long after its end an hour is over for the packer, too */
    MARKS_MAX = 4096, /* looked at in one turn */
};

struct roller {
    struct chunk_work work;
    struct chunk_sample chunk[CHUNK_SAMPLES_MAX];
    struct aggregate intervals[ROLLUP_INTERVALS_MAX];
    struct aggregate_sample *v; /* of the tag, ascending in time */
    size_t n;
    size_t cap;
    struct buf bytes;
};

struct mark {
    int64_t day_us;
    int32_t changes;
};

/* One tag's work. */
struct tag_roll {
    struct roller *r;
    struct blocking *b;
    struct roller_tag tag;
    int64_t now_us;
    int64_t kept_us;     /* samples before may be gone … */
    int64_t any_kept_us; /* … and before this, too, if the tag was of another class once */
    struct mark marks[DAYS_MAX];
    uint32_t n;
};

enum status roller_new(struct roller **ret, struct error *err) {
    struct roller *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return error_set(err, ERR_NOMEM, "rollups", "no memory");
    }
    buf_init(&r->bytes, ROLLUP_BYTES_MAX);
    *ret = r;
    return OK;
}

void roller_free(struct roller **roller) {
    if (*roller != NULL) {
        free((*roller)->v);
        buf_done(&(*roller)->bytes);
        free(*roller);
    }
    *roller = NULL;
}

/* --- samples ---------------------------------------------------------------------------------------------
 */

static enum status reserve(struct roller *r, size_t more, struct error *err) {
    if (r->n + more <= r->cap) {
        return OK;
    }
    size_t cap = (r->n + more) * 2;
    struct aggregate_sample *v = realloc(r->v, cap * sizeof *v);
    if (v == NULL) {
        return error_set(err, ERR_NOMEM, "rollups", "no memory for %zu samples", cap);
    }
    r->v = v;
    r->cap = cap;
    return OK;
}

static enum status take_chunk(struct roller *r, struct slice bytes, struct error *err) {
    uint32_t n = 0;
    enum status status = chunk_read(bytes, &r->work, r->chunk, &n, err);
    if (status == OK) {
        status = reserve(r, n, err);
    }
    for (uint32_t i = 0; i < n && status == OK; i++) {
        const struct chunk_sample *s = &r->chunk[i];
        r->v[r->n++] = (struct aggregate_sample){
            .t_us = s->t_us, .value = s->kind == CHUNK_NUMBER ? s->number : NAN, .quality = s->quality};
    }
    return status;
}

static enum status load_samples(struct tag_roll *t, struct error *err) {
    PGresult *rows = NULL;
    int64_t from_us = t->marks[0].day_us;
    int64_t to_us = t->marks[t->n - 1].day_us + ROLLUP_DAY_US;
    t->r->n = 0;
    enum status status = rollup_ask_chunks(t->b, t->tag.tag_key, from_us, to_us, &rows, err);
    if (status != OK) {
        return status;
    }
    for (int row = 0; row < PQntuples(rows) && status == OK; row++) {
        /* The newest chunk before, and the newest one with a value, may be the same. */
        if (row == 0 || pg_get_i64(rows, row, 0) != pg_get_i64(rows, row - 1, 0)) {
            status = take_chunk(t->r, pg_get_slice(rows, row, 1), err);
        }
    }
    PQclear(rows);
    return status;
}

/* How many samples lie before t_us. */
static size_t samples_before(const struct roller *r, int64_t t_us) {
    size_t low = 0;
    size_t high = r->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->v[mid].t_us < t_us) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* --- digests ----------------------------------------------------------------------------------------------
 */

static uint64_t mixed(uint64_t h, uint64_t x) {
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static uint64_t mixed_sample(uint64_t h, const struct aggregate_sample *s) {
    uint64_t bits = 0;
    memcpy(&bits, &s->value, sizeof bits);
    return mixed(mixed(mixed(h, (uint64_t)s->t_us), bits), s->quality);
}

/* --- one day ----------------------------------------------------------------------------------------------
 */

/* The samples of a day are v[first..end); until_us is where its rollup ends. */
struct day {
    int64_t day_us;
    int64_t until_us;
    size_t first;
    size_t end;
    int64_t number; /* the newest sample with a value before first; -1: none */
};

/* The newest sample with a value before v[end]; -1: none. */
static int64_t newest_number(const struct roller *r, size_t end) {
    int64_t number = (int64_t)end - 1;
    while (number >= 0 && (isnan(r->v[number].value) || quality_is_bad(r->v[number].quality))) {
        number--;
    }
    return number;
}

static struct day day_of(const struct tag_roll *t, int64_t day_us) {
    const struct roller *r = t->r;
    int64_t over_us = t->now_us - GRACE_MIN * TM_MINUTE_US;
    int64_t end_us = day_us + ROLLUP_DAY_US;
    struct day d = {.day_us = day_us,
                    .until_us = over_us >= end_us ? end_us : over_us - over_us % TM_HOUR_US,
                    .first = samples_before(r, day_us),
                    .end = samples_before(r, end_us)};
    d.number = newest_number(r, d.first);
    return d;
}

/* Of v[at] as seen from behind: with it goes the newest one that has a value. */
static int64_t digest_before(const struct roller *r, size_t at, int64_t number) {
    if (at == 0) {
        return 0;
    }
    uint64_t digest = mixed_sample(1, &r->v[at - 1]);
    return (int64_t)(number >= 0 ? mixed_sample(digest, &r->v[number]) : digest);
}

static int64_t digest_after(const struct roller *r, size_t at) {
    return at < r->n ? (int64_t)mixed_sample(1, &r->v[at]) : 0;
}

static void fill_row(const struct tag_roll *t, const struct day *d, struct rollup_row *row) {
    const struct roller *r = t->r;
    *row = (struct rollup_row){.tag_key = t->tag.tag_key,
                               .day_us = d->day_us,
                               .until_us = d->until_us,
                               .rule = rollup_rule_id(&t->tag.rule),
                               .n = (int64_t)(d->end - d->first),
                               .before_us = d->first > 0 ? r->v[d->first - 1].t_us : INT64_MIN,
                               .number_us = d->number >= 0 ? r->v[d->number].t_us : INT64_MIN,
                               .first_us = r->v[d->first].t_us,
                               .last_us = r->v[d->end - 1].t_us,
                               .after_us = d->end < r->n ? r->v[d->end].t_us : INT64_MAX,
                               .before = digest_before(r, d->first, d->number),
                               .after = digest_after(r, d->end)};
    uint64_t digest = mixed(mixed((uint64_t)row->before, (uint64_t)row->after), (uint64_t)d->until_us);
    digest = mixed(digest, (uint64_t)row->rule);
    for (size_t i = d->first; i < d->end; i++) {
        digest = mixed_sample(digest, &r->v[i]);
    }
    row->digest = (int64_t)digest;
}

/* The intervals of a level; how many they are. */
static uint32_t roll_level(struct tag_roll *t, const struct day *d, enum rollup_level level) {
    struct roller *r = t->r;
    int64_t width_us = rollup_width_us(level);
    uint32_t count = (uint32_t)((d->until_us - d->day_us) / width_us); /* at most a day of minutes */
    uint32_t k = 0;
    struct aggregator g;
    aggregate_begin(&g, &t->tag.rule, d->day_us, d->day_us + width_us);
    if (d->number >= 0) {
        aggregate_add(&g, &r->v[d->number]);
    }
    size_t end = d->end < r->n ? d->end + 1 : d->end; /* with the first one behind the day */
    for (size_t i = d->first > 0 ? d->first - 1 : 0; i < end && k < count; i++) {
        aggregate_add(&g, &r->v[i]);
        while (g.closed && k < count) {
            r->intervals[k++] = g.sum;
            aggregate_next(&g, d->day_us + (k + 1) * width_us);
            aggregate_add(&g, &r->v[i]);
        }
    }
    while (k < count) {
        aggregate_end(&g, d->until_us);
        r->intervals[k++] = g.sum;
        aggregate_next(&g, d->day_us + (k + 1) * width_us);
    }
    return count;
}

static enum status write_day(struct tag_roll *t, const struct day *d, const struct rollup_row *row,
                             struct error *err) {
    enum status status = OK;
    for (int level = ROLLUP_MINUTE; level <= ROLLUP_HOUR && status == OK; level++) {
        if (!rollup_wanted((enum rollup_level)level, row->n)) {
            status = rollup_forget(t->b, row->tag_key, (enum rollup_level)level, row->day_us, err);
            continue;
        }
        uint32_t n = roll_level(t, d, (enum rollup_level)level);
        buf_clear(&t->r->bytes);
        rollup_write(&t->r->bytes, t->r->intervals, n, t->tag.rule.n_states, &t->r->work);
        status = buf_status(&t->r->bytes, err);
        if (status == OK) {
            status = rollup_put(t->b, row, (enum rollup_level)level, buf_slice(&t->r->bytes), err);
        }
        if (status == OK && level == ROLLUP_HOUR) {
            status = rollup_put_hours(t->b, row, t->r->intervals, n, err);
        }
    }
    return status;
}

/* Nothing is left of the day: its samples were taken away. */
static enum status forget_day(struct tag_roll *t, int64_t day_us, struct error *err) {
    struct rollup_row row = {.tag_key = t->tag.tag_key, .day_us = day_us};
    enum status status = OK;
    for (int level = ROLLUP_MINUTE; level <= ROLLUP_HOUR && status == OK; level++) {
        status = rollup_forget(t->b, row.tag_key, (enum rollup_level)level, day_us, err);
    }
    return status == OK ? rollup_put_hours(t->b, &row, NULL, 0, err) : status;
}

/* The days before and behind that go on with this one's samples, if they were rolled up with others. */
static enum status mark_neighbours(struct tag_roll *t, const struct day *d, struct error *err) {
    const struct roller *r = t->r;
    enum status status = OK;
    if (d->first > 0) {
        status = rollup_mark_if_after(t->b, t->tag.tag_key, rollup_day_us(r->v[d->first - 1].t_us),
                                      digest_after(r, d->first), err);
    }
    if (status == OK && d->end < r->n) {
        status = rollup_mark_if_before(t->b, t->tag.tag_key, rollup_day_us(r->v[d->end].t_us),
                                       digest_before(r, d->end, newest_number(r, d->end)), err);
    }
    return status;
}

/* The rollup of a day whose samples were dropped is all that is left of them. */
static enum status is_all_there(const struct tag_roll *t, const struct day *d, bool *ret, struct error *err) {
    int64_t n = 0;
    enum status status =
        d->day_us < t->any_kept_us ? rollup_get_n(t->b, t->tag.tag_key, d->day_us, &n, err) : OK;
    *ret = d->day_us >= t->kept_us && n <= (int64_t)(d->end - d->first);
    return status;
}

static enum status roll_day(struct tag_roll *t, const struct mark *m, struct error *err) {
    struct day d = day_of(t, m->day_us);
    int64_t digest = 0;
    bool over = d.until_us >= d.day_us + ROLLUP_DAY_US;
    bool all = false;
    enum status status = is_all_there(t, &d, &all, err);
    if (status == OK && !all) {
        return rollup_unmark(t->b, t->tag.tag_key, m->day_us, m->changes, err);
    }
    if (status != OK) {
        return status;
    }
    if (d.first == d.end) {
        status = forget_day(t, d.day_us, err);
    } else if (d.until_us > d.day_us) {
        struct rollup_row row;
        fill_row(t, &d, &row);
        status = rollup_get_digest(t->b, row.tag_key, row.day_us, &digest, err);
        if (status == OK && digest != row.digest) {
            status = write_day(t, &d, &row, err);
        }
    }
    if (status == OK) {
        status = mark_neighbours(t, &d, err);
    }
    if (status == OK && over) {
        return rollup_unmark(t->b, t->tag.tag_key, m->day_us, m->changes, err);
    }
    return status == OK ? rollup_keep_mark(t->b, t->tag.tag_key, m->day_us, m->changes, t->now_us, err)
                        : status;
}

/* --- tags --------------------------------------------------------------------------------------------------
 */

/* Whoever writes chunks meanwhile waits, and marks them behind this (rollup_mark in the database). */
static enum status begin_alone(struct blocking *b, struct error *err) {
    enum status status = blocking_do(b, "begin; set local plan_cache_mode = force_generic_plan", err);
    struct pg_args *args = blocking_args(b);
    pg_arg_i32(args, LOCK_CLASS);
    pg_arg_i32(args, LOCK_MARKS);
    return status == OK ? blocking_tell(b, "select pg_advisory_xact_lock($1, $2)", err) : status;
}

static enum status roll_tag(struct tag_roll *t, struct error *err) {
    enum status status = begin_alone(t->b, err);
    if (status == OK) {
        status = rollup_get_kept(t->b, t->tag.tag_key, &t->kept_us, &t->any_kept_us, err);
    }
    if (status == OK) {
        status = load_samples(t, err);
    }
    for (uint32_t i = 0; i < t->n && status == OK; i++) {
        status = roll_day(t, &t->marks[i], err);
    }
    if (status == OK) {
        status = blocking_do(t->b, "commit", err);
    }
    return status;
}

static struct aggregate_rule rule_of(const struct roller_tag *tags, size_t n, int64_t tag_key) {
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (tags[mid].tag_key < tag_key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < n && tags[low].tag_key == tag_key ? tags[low].rule : (struct aggregate_rule){0};
}

/* The marks of the next tag from *row on that lie close enough together. */
static void take_marks(struct tag_roll *t, const PGresult *rows, int *row) {
    t->tag.tag_key = pg_get_i64(rows, *row, 0);
    t->n = 0;
    while (*row < PQntuples(rows) && pg_get_i64(rows, *row, 0) == t->tag.tag_key) {
        int64_t day_us = pg_get_i64(rows, *row, 1);
        if (t->n > 0 && day_us >= t->marks[0].day_us + DAYS_MAX * ROLLUP_DAY_US) {
            return;
        }
        t->marks[t->n++] = (struct mark){.day_us = day_us, .changes = pg_get_i32(rows, *row, 2)};
        (*row)++;
    }
}

/* OK if the others can go on: the marks of this one are still there. */
static enum status left_alone(struct tag_roll *t, enum status status, const struct error *why, bool *damaged,
                              struct error *err) {
    bool damage = status == ERR_INVALID || status == ERR_UNSUPPORTED;
    blocking_rollback(t->b);
    if (status == ERR_CONFLICT) {
        return OK;
    }
    if (!damage || !*damaged) {
        (void)error_set(err, damage ? ERR_INVALID : status, "rollups", "tag key %" PRId64 ": %s",
                        t->tag.tag_key, why->text);
    }
    *damaged = *damaged || damage;
    return damage ? OK : status;
}

enum status roller_turn(struct roller *r, struct blocking *b, const struct roller_task *task,
                        uint32_t *ret_done, struct error *err) {
    PGresult *rows = NULL;
    enum status status = rollup_ask_marks(b, task->now_us, GRACE_MIN * TM_MINUTE_US, MARKS_MAX, &rows, err);
    *ret_done = 0;
    if (status != OK) {
        return status;
    }
    bool damaged = false;
    for (int row = 0; row < PQntuples(rows) && *ret_done < task->most && status == OK;) {
        struct tag_roll t = {.r = r, .b = b, .now_us = task->now_us};
        struct error why = {0};
        take_marks(&t, rows, &row);
        t.tag.rule = rule_of(task->tags, task->n_tags, t.tag.tag_key);
        status = roll_tag(&t, &why);
        *ret_done += status == OK || status == ERR_CONFLICT;
        status = status == OK ? OK : left_alone(&t, status, &why, &damaged, err);
    }
    PQclear(rows);
    return status == OK && damaged ? ERR_INVALID : status;
}

enum status roller_mark_rules(struct blocking *b, const struct roller_tag *tags, size_t n_tags,
                              struct error *err) {
    int64_t *keys = calloc(n_tags + 1, sizeof *keys);
    int64_t *rules = calloc(n_tags + 1, sizeof *rules);
    enum status status = OK;
    if (keys == NULL || rules == NULL) {
        status = error_set(err, ERR_NOMEM, "rollups", "no memory for %zu tags", n_tags);
        goto out;
    }
    for (size_t i = 0; i < n_tags; i++) {
        keys[i] = tags[i].tag_key;
        rules[i] = rollup_rule_id(&tags[i].rule);
    }
    status = rollup_mark_rules(b, keys, rules, n_tags, err);
out:
    free(keys);
    free(rules);
    return status;
}
