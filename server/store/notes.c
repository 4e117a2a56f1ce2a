#include "server/store/notes.h"

#include "server/base/check.h"
#include "server/base/log.h"

#include <stdlib.h>

struct said {
    int64_t gateway_key;
    int64_t epoch; /* 64-bit unsigned numbers as the same bits, see migrations/0002 */
    int64_t oldest;
    int64_t next;
    int64_t session;
    int64_t said_us;
    int16_t place;
};

struct notes {
    struct said *said;
    uint32_t n_said;
    uint32_t cap_said;
    struct store_repeat *repeats;
    uint32_t n_repeats;
    uint32_t cap_repeats;
    struct store_clock *clocks;
    uint32_t n_clocks;
    uint32_t cap_clocks;
    uint64_t repeats_due_ms; /* and of clocks */
    uint32_t sent_said;      /* under way: the first of each */
    uint32_t sent_repeats;
    uint32_t sent_clocks;
    bool sent;
    bool hurry;
    uint64_t sent_ms;
    uint64_t retry_ms; /* nothing is sent before */
    uint64_t left_out;
    void (*on_sent)(void *ctx);
    void *ctx;
};

static const char lazy_sql[] = "select set_config('synchronous_commit', 'off', true)";

/* By gateway_said_pk and gateway_day_pk. Of several HELLOs the newest session stands. */
static const char said_sql[] =
    "with h as materialized ("
    "  select distinct on (gateway_key, epoch) *"
    "    from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], "
    "$7::bigint[])"
    "      as u(gateway_key, epoch, place, oldest, next, session, said_us)"
    "   order by gateway_key, epoch, session desc),"
    " counted as ("
    "  insert into gateway_day (gateway_key, epoch, day, next)"
    "  select gateway_key, epoch, ledger_day(said_us), next from h order by 1, 2, 3"
    "  on conflict (gateway_key, epoch, day) do update set next = excluded.next"
    "   where gateway_day.next < excluded.next)"
    " insert into gateway_said (gateway_key, epoch, place, oldest, next, session, said_us)"
    " select gateway_key, epoch, place, oldest, next, session, said_us from h order by 1, 2"
    " on conflict (gateway_key, epoch) do update"
    "    set place = excluded.place, oldest = excluded.oldest, next = excluded.next, session = "
    "excluded.session,"
    "        said_us = excluded.said_us"
    "  where gateway_said.session <= excluded.session";

/* By gateway_repeat_pk. */
static const char repeats_sql[] =
    "insert into gateway_repeat (session, day, gateway_key, n)"
    " select session, date '1970-01-01' + day::integer, gateway_key, max(n)"
    "   from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as u(session, day, gateway_key, "
    "n)"
    "  group by 1, 2, 3 order by 3, 2, 1"
    " on conflict (gateway_key, day, session) do update set n = greatest(gateway_repeat.n, excluded.n)";

/* By gateway_clock_session_pk. Of several of a session, the newest; the array is enum clock_source. */
static const char clocks_sql[] =
    "insert into gateway_clock_session (gateway_key, session, source, said_error_us, offset_us, error_us, "
    "worst_us, "
    "off, from_us, to_us)"
    " select distinct on (gateway_key, session) gateway_key, session, (array['none', 'ntp', 'ptp', "
    "'gnss'])[source + 1],"
    "        said_error_us, offset_us, error_us, worst_us, off <> 0, from_us, to_us"
    "   from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], "
    "$7::bigint[],"
    "               $8::bigint[], $9::bigint[], $10::bigint[])"
    "        with ordinality as u(gateway_key, session, source, said_error_us, offset_us, error_us, "
    "worst_us, off, "
    "from_us, to_us, place)"
    "  order by gateway_key, session, to_us desc, place desc"
    " on conflict (gateway_key, session) do update"
    "    set source = excluded.source, said_error_us = excluded.said_error_us, offset_us = "
    "excluded.offset_us,"
    "        error_us = excluded.error_us, worst_us = excluded.worst_us, off = excluded.off, to_us = "
    "excluded.to_us"
    "  where gateway_clock_session.to_us <= excluded.to_us";

struct notes *notes_new(void) {
    struct notes *n = calloc(1, sizeof *n);
    if (n != NULL) {
        n->repeats_due_ms = UINT64_MAX;
    }
    return n;
}

void notes_free(struct notes **n) {
    if (*n != NULL) {
        free((*n)->said);
        free((*n)->repeats);
        free((*n)->clocks);
        free(*n);
        *n = NULL;
    }
}

/* Room for one more; NULL: it is left out. */
static void *grow(struct notes *n, void *v, uint32_t count, uint32_t *cap, size_t size) {
    if (count < *cap) {
        return v;
    }
    uint32_t wanted = *cap == 0 ? 64 : *cap * 2;
    void *more = count >= NOTES_MAX ? NULL : realloc(v, wanted * size);
    if (more == NULL) {
        n->left_out++;
        return NULL;
    }
    *cap = wanted;
    return more;
}

void notes_said(struct notes *n, int64_t gateway_key, uint64_t session, const struct msg_epoch *epochs,
                uint32_t n_epochs, int64_t said_us) {
    for (uint32_t i = 0; i < n_epochs; i++) {
        struct said *v = grow(n, n->said, n->n_said, &n->cap_said, sizeof *v);
        if (v == NULL) {
            return;
        }
        n->said = v;
        /* What is beyond all that can be stored never comes: the session refuses such numbers. */
        v[n->n_said++] = (struct said){.gateway_key = gateway_key,
                                       .epoch = (int64_t)epochs[i].epoch,
                                       .oldest = pg_seq(epochs[i].oldest_unacked),
                                       .next = pg_seq(epochs[i].next_seq),
                                       .session = (int64_t)session,
                                       .said_us = said_us,
                                       .place = (int16_t)(i + 1)}; /* LINK_EPOCHS_MAX at most */
    }
}

void notes_repeated(struct notes *n, const struct store_repeat *r, uint64_t now_ms) {
    struct store_repeat *v = grow(n, n->repeats, n->n_repeats, &n->cap_repeats, sizeof *v);
    if (v == NULL) {
        return;
    }
    n->repeats = v;
    v[n->n_repeats++] = *r;
    n->repeats_due_ms = n->repeats_due_ms == UINT64_MAX ? now_ms + NOTES_EVERY_MS : n->repeats_due_ms;
}

void notes_clock(struct notes *n, const struct store_clock *c, uint64_t now_ms) {
    struct store_clock *v = grow(n, n->clocks, n->n_clocks, &n->cap_clocks, sizeof *v);
    if (v == NULL) {
        return;
    }
    n->clocks = v;
    v[n->n_clocks++] = *c;
    n->repeats_due_ms = n->repeats_due_ms == UINT64_MAX ? now_ms + NOTES_EVERY_MS : n->repeats_due_ms;
}

bool notes_is_empty(const struct notes *n) {
    return n->n_said == 0 && n->n_repeats == 0 && n->n_clocks == 0;
}

uint64_t notes_due_ms(const struct notes *n) {
    if (n->sent) {
        return UINT64_MAX;
    }
    uint64_t due_ms = n->n_said > 0 || (n->hurry && !notes_is_empty(n)) ? 0 : n->repeats_due_ms;
    return due_ms > n->retry_ms ? due_ms : n->retry_ms; /* UINT64_MAX: there is nothing */
}

void notes_hurry(struct notes *n) {
    n->hurry = true;
}

static void forget_first(void *v, uint32_t *n, uint32_t first, size_t size) {
    if (first > 0) {
        memmove(v, (char *)v + first * size, (*n - first) * size);
        *n -= first;
    }
}

static bool is_for_good(const struct pg_answer *answer) {
    return answer->outcome == PG_DONE ||
           (answer->outcome == PG_REFUSED && pg_refusal(answer) != PG_REFUSAL_LATER);
}

static void on_done(void *ctx, struct pg_answer *answer) {
    struct notes *n = ctx;
    n->sent = false;
    n->retry_ms = answer->outcome == PG_REFUSED ? n->sent_ms + NOTES_RETRY_MS : 0;
    if (is_for_good(answer)) { /* else the same again */
        forget_first(n->said, &n->n_said, n->sent_said, sizeof *n->said);
        forget_first(n->repeats, &n->n_repeats, n->sent_repeats, sizeof *n->repeats);
        forget_first(n->clocks, &n->n_clocks, n->sent_clocks, sizeof *n->clocks);
    }
    if (answer->outcome == PG_REFUSED && is_for_good(answer)) {
        log_event(LOG_WARN, "ledger.left_out", "hellos=%u repeats=%u clocks=%u text=%s", n->sent_said,
                  n->sent_repeats, n->sent_clocks, LOG_Q(slice_str(answer->error.text)));
    }
    if (n->left_out > 0) {
        log_event(LOG_WARN, "ledger.left_out", "notes=%llu text=\"more than can wait\"",
                  (unsigned long long)n->left_out);
        n->left_out = 0;
    }
    n->repeats_due_ms = n->n_repeats == 0 && n->n_clocks == 0 ? UINT64_MAX : 0;
    n->on_sent(n->ctx);
}

/* One array of the jobs: the same member of each row. */
static void said_numbers(struct pg_args *args, const struct notes *n, size_t offset) {
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n->sent_said; i++) {
        int64_t v = 0;
        memcpy(&v, (const char *)&n->said[i] + offset, sizeof v);
        pg_array_i64(args, v);
    }
    pg_array_end(args);
}

static void send_said(const struct notes *n, struct pg *pg, struct pg_args *args) {
    said_numbers(args, n, offsetof(struct said, gateway_key));
    said_numbers(args, n, offsetof(struct said, epoch));
    pg_array_i16_begin(args);
    for (uint32_t i = 0; i < n->sent_said; i++) {
        pg_array_i16(args, n->said[i].place);
    }
    pg_array_end(args);
    said_numbers(args, n, offsetof(struct said, oldest));
    said_numbers(args, n, offsetof(struct said, next));
    said_numbers(args, n, offsetof(struct said, session));
    said_numbers(args, n, offsetof(struct said, said_us));
    pg_send(pg, said_sql, args);
    pg_args_clear(args);
}

static void send_repeats(const struct notes *n, struct pg *pg, struct pg_args *args) {
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n->sent_repeats; i++) {
        pg_array_i64(args, (int64_t)n->repeats[i].session);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n->sent_repeats; i++) {
        pg_array_i64(args, n->repeats[i].day);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n->sent_repeats; i++) {
        pg_array_i64(args, n->repeats[i].gateway_key);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n->sent_repeats; i++) {
        pg_array_i64(args, (int64_t)n->repeats[i].n);
    }
    pg_array_end(args);
    pg_send(pg, repeats_sql, args);
    pg_args_clear(args);
}

static void clock_numbers(struct pg_args *args, const struct notes *n, size_t offset) {
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n->sent_clocks; i++) {
        int64_t v = 0;
        memcpy(&v, (const char *)&n->clocks[i] + offset, sizeof v);
        pg_array_i64(args, v);
    }
    pg_array_end(args);
}

static void send_clocks(const struct notes *n, struct pg *pg, struct pg_args *args) {
    static const size_t columns[] = {
        offsetof(struct store_clock, gateway_key), offsetof(struct store_clock, session),
        offsetof(struct store_clock, source),      offsetof(struct store_clock, said_error_us),
        offsetof(struct store_clock, offset_us),   offsetof(struct store_clock, error_us),
        offsetof(struct store_clock, worst_us),    offsetof(struct store_clock, off),
        offsetof(struct store_clock, from_us),     offsetof(struct store_clock, to_us)};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        clock_numbers(args, n, columns[i]);
    }
    pg_send(pg, clocks_sql, args);
    pg_args_clear(args);
}

void notes_send(struct notes *n, struct pg *pg, uint64_t now_ms, void (*on_sent)(void *ctx), void *ctx) {
    CHECK(!n->sent);
    CHECK(!notes_is_empty(n));
    struct pg_args args;
    pg_args_init(&args, (size_t)NOTES_ROWS_MAX * 160 + 4096);
    n->sent = true;
    n->sent_ms = now_ms;
    n->on_sent = on_sent;
    n->ctx = ctx;
    n->sent_said = n->n_said < NOTES_ROWS_MAX ? n->n_said : NOTES_ROWS_MAX;
    n->sent_repeats = n->n_repeats < NOTES_ROWS_MAX ? n->n_repeats : NOTES_ROWS_MAX;
    n->sent_clocks = n->n_clocks < NOTES_ROWS_MAX ? n->n_clocks : NOTES_ROWS_MAX;
    pg_begin(pg, PG_WRITE, on_done, n);
    pg_send(pg, lazy_sql, NULL);
    if (n->sent_said > 0) {
        send_said(n, pg, &args);
    }
    if (n->sent_repeats > 0) {
        send_repeats(n, pg, &args);
    }
    if (n->sent_clocks > 0) {
        send_clocks(n, pg, &args);
    }
    pg_end(pg);
    pg_args_done(&args);
}
