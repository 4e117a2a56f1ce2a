/* What became of the records that gateways numbered: stored, in quarantine, dropped at the site, waiting,
 * lost. */
#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

#include <inttypes.h>
#include <stdio.h>

enum { DAYS_DEFAULT = 7 };

static void key_number(struct buf *out, const char *key, int64_t v) {
    buf_printf(out, ",\"%s\":%" PRId64, key, v);
}

static void write_balance(struct buf *out, const struct ledger_balance *b) {
    buf_printf(out, "{\"produced\":%" PRId64, b->produced);
    key_number(out, "stored", b->stored);
    key_number(out, "quarantined", b->quarantined);
    key_number(out, "replayed", b->replayed);
    key_number(out, "duplicates", b->duplicates);
    key_number(out, "conflicts", b->conflicts);
    key_number(out, "dropped", b->dropped);
    key_number(out, "waiting", b->waiting);
    key_number(out, "lost", b->lost);
    buf_printf(out, ",\"balanced\":%s}", b->balanced ? "true" : "false");
}

static void write_counts(struct buf *out, const struct ledger_day *d) {
    buf_printf(out, "\"produced\":%" PRId64, d->produced);
    key_number(out, "stored", d->stored);
    key_number(out, "quarantined", d->quarantined);
    key_number(out, "duplicates", d->duplicates);
    key_number(out, "conflicts", d->conflicts);
    key_number(out, "dropped", d->dropped);
    key_number(out, "dropped_samples", d->dropped_samples);
    key_number(out, "samples", d->samples);
}

/* 0 is a time only where a site told it. */
static void write_gap_time(struct buf *out, const char *key, int64_t us, bool always) {
    buf_printf(out, ",\"%s\":", key);
    if (us != 0 || always) {
        view_time(out, us);
    } else {
        buf_text(out, "null");
    }
}

/* Of a restore nobody can say which numbers it has cost; what was dropped has the times that the site told.
 */
static void write_gap(struct buf *out, const struct ledger_gap *g) {
    bool dropped = slice_is(g->state, "dropped");
    buf_text(out, "{\"state\":");
    buf_json_string(out, g->state);
    if (slice_is(g->state, "restored")) {
        buf_text(out, ",\"epoch\":null,\"first\":null,\"end\":null");
    } else {
        buf_printf(out, ",\"epoch\":\"%016" PRIx64 "\"", g->epoch);
        key_number(out, "first", g->first);
        key_number(out, "end", g->end);
    }
    if (dropped) {
        key_number(out, "samples", g->samples);
    } else {
        buf_text(out, ",\"samples\":null");
    }
    write_gap_time(out, "from", g->from_us, dropped);
    write_gap_time(out, "to", g->to_us, dropped);
    buf_byte(out, '}');
}

static void write_clock(struct buf *out, const struct ledger_clock *c) {
    buf_text(out, "{\"kind\":");
    buf_json_string(out, c->kind);
    buf_text(out, ",\"from\":");
    view_time(out, c->from_us);
    buf_text(out, ",\"to\":");
    view_time(out, c->to_us);
    bool session = slice_is(c->kind, "session");
    if (session) {
        buf_text(out, ",\"epoch\":null,\"first\":null,\"last\":null");
    } else {
        buf_printf(out, ",\"epoch\":\"%016" PRIx64 "\"", c->epoch);
        key_number(out, "first", c->first);
        key_number(out, "last", c->last);
    }
    buf_text(out, ",\"offset_ms\":");
    if (slice_is(c->kind, "unsynced")) {
        buf_text(out, "null");
    } else {
        buf_json_number(out, (double)c->offset_us / 1000.0);
    }
    if (session) {
        buf_text(out, ",\"error_ms\":");
        buf_json_number(out, (double)c->error_us / 1000.0);
        view_string(out, "source", c->source);
        buf_printf(out, ",\"off\":%s}", c->off ? "true" : "false");
    } else {
        buf_text(out, ",\"error_ms\":null,\"source\":null,\"off\":null}");
    }
}

static void on_ledger(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    /* The head was written when it was asked: the period's end may have been "now". */
    uint32_t day = 0;
    for (uint32_t i = 0; i < reply->ledger.n_balances; i++) {
        const struct ledger_balance *b = &reply->ledger.balances[i];
        buf_text(&r->out, i > 0 ? ",{\"gateway\":" : "{\"gateway\":");
        buf_json_string(&r->out, b->gateway);
        buf_text(&r->out, ",\"period\":{");
        struct ledger_day none = {0};
        bool has = day < reply->ledger.n_days && slice_eq(reply->ledger.days[day].gateway, b->gateway);
        write_counts(&r->out, has ? &reply->ledger.days[day] : &none);
        day += has ? 1 : 0;
        buf_text(&r->out, "},\"all\":");
        write_balance(&r->out, b);
        buf_byte(&r->out, '}');
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}

static void on_gateway_ledger(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK || reply->ledger.n_balances == 0) {
        http_failed(r, reply->status == OK ? ERR_NOT_FOUND : reply->status, &reply->error);
        return;
    }
    for (uint32_t i = 0; i < reply->ledger.n_days; i++) {
        const struct ledger_day *d = &reply->ledger.days[i];
        buf_text(&r->out, i > 0 ? ",{\"day\":" : "{\"day\":");
        buf_json_string(&r->out, d->day);
        buf_byte(&r->out, ',');
        write_counts(&r->out, d);
        buf_byte(&r->out, '}');
    }
    buf_text(&r->out, "],\"all\":");
    write_balance(&r->out, &reply->ledger.balances[0]);
    buf_text(&r->out, ",\"gaps\":[");
    for (uint32_t i = 0; i < reply->ledger.n_gaps; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_gap(&r->out, &reply->ledger.gaps[i]);
    }
    buf_text(&r->out, "],\"clock\":[");
    for (uint32_t i = 0; i < reply->ledger.n_clocks; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_clock(&r->out, &reply->ledger.clocks[i]);
    }
    bool more = reply->ledger.n_gaps == LEDGER_GAPS_MAX || reply->ledger.n_clocks == LEDGER_CLOCKS_MAX;
    buf_printf(&r->out, "],\"more\":%s}", more ? "true" : "false");
    http_json(r, 200);
}

/* Without from and to, the last days up to and with today. Days are of UTC. */
static bool read_span(struct http_request *r, struct request *q) {
    int64_t today_us = clock_wall_us() / TM_DAY_US * TM_DAY_US;
    q->ledger.to_us = today_us + TM_DAY_US;
    if (!http_param_time(r, "to", &q->ledger.to_us)) {
        http_problem(r, 400, "query", "from and to are RFC 3339 times or microseconds");
        return false;
    }
    q->ledger.from_us = q->ledger.to_us - DAYS_DEFAULT * TM_DAY_US;
    if (!http_param_time(r, "from", &q->ledger.from_us) || q->ledger.from_us >= q->ledger.to_us ||
        q->ledger.from_us < 0 || q->ledger.to_us - q->ledger.from_us > LEDGER_DAYS_MAX * TM_DAY_US) {
        http_problem(r, 400, "query",
                     "from and to are RFC 3339 times or microseconds, from before to, at most %d days apart",
                     LEDGER_DAYS_MAX);
        return false;
    }
    return true;
}

static void write_span(struct http_request *r, const struct request *q) {
    buf_text(&r->out, "{\"from\":");
    view_time(&r->out, q->ledger.from_us);
    buf_text(&r->out, ",\"to\":");
    view_time(&r->out, q->ledger.to_us);
}

void rest_ledger(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_LEDGER, .actor = api_actor(r)};
    if (read_span(r, &q)) {
        write_span(r, &q);
        buf_text(&r->out, ",\"gateways\":[");
        api_ask_for(a, r, &q, on_ledger);
    }
}

void rest_gateway_ledger(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_LEDGER, .actor = api_actor(r)};
    if (r->vars[0].n >= sizeof q.ledger.gateway) {
        http_failed(r, ERR_NOT_FOUND, NULL);
        return;
    }
    (void)snprintf(q.ledger.gateway, sizeof q.ledger.gateway, "%.*s", SLICE_ARG(r->vars[0]));
    if (read_span(r, &q)) {
        write_span(r, &q);
        buf_text(&r->out, ",\"gateway\":");
        buf_json_string(&r->out, r->vars[0]);
        buf_text(&r->out, ",\"days\":[");
        api_ask_for(a, r, &q, on_gateway_ledger);
    }
}
