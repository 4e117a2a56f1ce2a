#include "server/store/checkpoint.h"

#include "server/base/check.h"
#include "server/base/log.h"

#include <math.h>
#include <stdlib.h>

struct checkpoint {
    struct checkpoint_config cfg;
    bool open;
    bool dead;
    struct alarm_accumulator *v;
    uint32_t n;
    uint32_t cap;
    uint32_t stored; /* so many of v are */
    uint32_t in_flight;
    bool replaced; /* what is under way belongs to a former checkpoint */
    int64_t at_us;
    uint64_t retry_ms;
    struct error trouble; /* code OK: none */
};

/* By alarm_accumulator_pk. An amount that did not change is not written anew. */
static const char sql[] =
    "insert into alarm_accumulator (alarm_key, amount, at_us)"
    " select u.alarm_key, u.amount, $3 from unnest($1::bigint[], $2::double precision[]) as u(alarm_key, "
    "amount)"
    " on conflict (alarm_key) do update set amount = excluded.amount, at_us = excluded.at_us"
    " where alarm_accumulator.at_us <= excluded.at_us and alarm_accumulator.amount <> excluded.amount";

static void refused(struct checkpoint *c, const struct pg_answer *answer) {
    c->retry_ms = uv_now(c->cfg.loop) + CHECKPOINT_RETRY_MS;
    if (answer->outcome == PG_REFUSED && pg_refusal(answer) != PG_REFUSAL_LATER) {
        c->dead = true;
        c->cfg.fatal(c->cfg.ctx, &answer->error);
        return;
    }
    struct error trouble = pg_trouble(&answer->error);
    if (pg_is_news(&c->trouble, &trouble)) {
        log_event(LOG_WARN, "checkpoint.retry", "text=%s", LOG_Q(slice_str(answer->error.text)));
    }
    c->trouble = trouble;
}

static void on_done(void *ctx, struct pg_answer *answer) {
    struct checkpoint *c = ctx;
    uint32_t n = c->in_flight;
    c->in_flight = 0;
    if (answer->outcome != PG_DONE) {
        refused(c, answer);
    } else {
        c->trouble = (struct error){0};
        c->stored += c->replaced ? 0 : n;
    }
    c->replaced = false;
    checkpoint_turn_end(c);
}

void checkpoint_turn_end(struct checkpoint *c) {
    if (!c->open || c->dead || c->in_flight > 0 || c->stored == c->n || !pg_has_room(c->cfg.pg) ||
        uv_now(c->cfg.loop) < c->retry_ms) {
        return;
    }
    uint32_t left = c->n - c->stored;
    c->in_flight = left > CHECKPOINT_GROUP_MAX ? CHECKPOINT_GROUP_MAX : left;
    const struct alarm_accumulator *v = c->v + c->stored;
    struct pg_args args;
    pg_args_init(&args, 256 + (size_t)CHECKPOINT_GROUP_MAX * 24);
    pg_array_i64_begin(&args);
    for (uint32_t i = 0; i < c->in_flight; i++) {
        pg_array_i64(&args, v[i].alarm_key);
    }
    pg_array_end(&args);
    pg_array_f64_begin(&args);
    for (uint32_t i = 0; i < c->in_flight; i++) {
        pg_array_f64(&args, v[i].amount);
    }
    pg_array_end(&args);
    pg_arg_i64(&args, c->at_us);
    pg_begin(c->cfg.pg, PG_WRITE, on_done, c);
    pg_send(c->cfg.pg, sql, &args);
    pg_end(c->cfg.pg);
    pg_args_done(&args);
    pg_flush(c->cfg.pg);
}

enum status checkpoint_new(const struct checkpoint_config *cfg, struct checkpoint **ret, struct error *err) {
    struct checkpoint *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    c->cfg = *cfg;
    *ret = c;
    return OK;
}

void checkpoint_open(struct checkpoint *c) {
    c->open = true;
    c->retry_ms = 0;
    checkpoint_turn_end(c);
}

void checkpoint_down(struct checkpoint *c) {
    c->open = false;
}

void checkpoint_put(struct checkpoint *c, const struct alarm_accumulator *v, uint32_t n, int64_t at_us) {
    if (n > c->cap) {
        struct alarm_accumulator *more = realloc(c->v, n * sizeof *more);
        if (more == NULL) {
            log_event(LOG_WARN, "checkpoint.skipped", "text=\"no memory for %u accumulators\"", n);
            return;
        }
        c->v = more;
        c->cap = n;
    }
    c->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (isfinite(v[i].amount)) {
            c->v[c->n++] = v[i];
        }
    }
    c->stored = 0;
    c->at_us = at_us;
    c->replaced = c->in_flight > 0;
}

bool checkpoint_is_empty(const struct checkpoint *c) {
    return c->in_flight == 0 && (c->stored == c->n || c->dead);
}

void checkpoint_free(struct checkpoint **checkpoint) {
    struct checkpoint *c = *checkpoint;
    if (c == NULL) {
        return;
    }
    CHECK(c->in_flight == 0);
    free(c->v);
    free(c);
    *checkpoint = NULL;
}
