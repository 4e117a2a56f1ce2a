#include "server/api/live_priv.h"
#include "server/api/login.h"
#include "server/api/route.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <stdlib.h>
#include <string.h>

static const int64_t SLOW_US = 5000000;
static const int64_t BEAT_US = 1000000;
static const int64_t COUNTS_US = 1000000;

enum { CLOSE_GOING_AWAY = 1001, CLOSE_POLICY = 1008, CLOSE_SLOW = 4008, CLOSE_SESSION = 4001 };

enum status live_new(struct api *a, struct live **ret, struct error *err) {
    struct live *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return error_set(err, ERR_NOMEM, "live", "out of memory");
    }
    l->api = a;
    ring_init(&l->ring, 0);
    buf_init(&l->scratch, (size_t)64 * 1024);
    *ret = l;
    return OK;
}

static void client_free(struct live_client *c) {
    struct live *l = c->live;
    login_socket_closed(l->api->login, c->token_hash);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        l->clients = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    l->n_clients--;
    live_drop_subs(c);
    conflate_done(&c->tags);
    buf_done(&c->out);
    buf_done(&c->errors);
    free(c);
}

void live_free(struct live **l) {
    if (*l == NULL) {
        return;
    }
    struct live_client *next = NULL;
    for (struct live_client *c = (*l)->clients; c != NULL; c = next) {
        next = c->next;
        client_free(c);
    }
    ring_done(&(*l)->ring);
    buf_done(&(*l)->scratch);
    free(*l);
    *l = NULL;
}

uint32_t live_count(const struct live *l) {
    return l->n_clients;
}

void live_want_write(struct live_client *c) {
    if (c->waiting_mono_us == 0) {
        c->waiting_mono_us = clock_mono_us();
    }
    web_socket_want_write(c->socket);
}

/* --- open and close */

void live_filter(struct live *l, struct http_request *r) {
    struct api *a = l->api;
    if (strcmp(r->path, "/api/live") != 0) {
        http_problem(r, 404, "not_found", "the live socket is /api/live");
    } else if (!origins_has(&a->origins, slice_str(r->origin))) {
        /* A browser sends it always; without it, it is not one of our pages. */
        http_problem(r, 403, "origin", "the live socket is for this server's own pages");
    } else if (a->stopping || a->core == NULL) {
        http_header(r, "Retry-After: 1");
        http_problem(r, 503, "starting", "the server is starting");
    } else if (!login_peek(a->login, r)) {
        http_problem(r, 401, "no_session", "log in first: POST /api/session");
    } else if (r->who.user.must_change_password) {
        http_problem(r, 403, "must_change_password", "set a password first: PUT /api/session/password");
    } else if (!route_allows(ACCESS_VIEWER, r->who.user.role)) {
        http_problem(r, 403, "denied", "this role may not look");
    } else if (!login_socket_room(a->login, r->who.token_hash)) {
        http_header(r, "Retry-After: 1");
        http_problem(r, 429, "too_many", "at most %d live sockets a session", LOGIN_SOCKETS_MAX);
    }
}

void *live_open(struct live *l, struct web_socket *s, const struct http_request *r) {
    struct live_client *c = calloc(1, sizeof *c);
    if (c == NULL || conflate_init(&c->tags, core_model(l->api->core)->n_tags, NULL) != OK ||
        !login_socket_opened(l->api->login, r->who.token_hash)) {
        if (c != NULL) {
            conflate_done(&c->tags);
        }
        free(c);
        return NULL;
    }
    c->live = l;
    c->socket = s;
    c->user = r->who.user;
    memcpy(c->token_hash, r->who.token_hash, sizeof c->token_hash);
    buf_init(&c->out, LIVE_SNAPSHOT_MAX);
    buf_init(&c->errors, (size_t)16 * 1024);
    c->alarm_sent = l->ring.newest;
    c->silence_sent = l->n_silences;
    c->wants_status = true;
    c->wants_counts = true;
    c->next = l->clients;
    if (l->clients != NULL) {
        l->clients->prev = c;
    }
    l->clients = c;
    l->n_clients++;
    live_want_write(c);
    return c;
}

void live_closed(void *client) {
    client_free(client);
}

void live_message(void *client, struct slice text) {
    struct live_client *c = client;
    if (!c->saying_bye) {
        live_handle(c, text, clock_mono_us());
    }
}

/* --- what to send next */

static bool values_due(const struct live_client *c, int64_t now_mono_us) {
    return c->tags.n_dirty > 0 && now_mono_us - c->values_mono_us >= (int64_t)live_period_ms(c) * 1000;
}

/* The earliest stop of a sound that it does not know of, once it knows the event before it. */
static uint32_t silence_due(const struct live_client *c) {
    const struct live *l = c->live;
    uint32_t found = LIVE_SILENCES;
    for (uint32_t i = 0; i < LIVE_SILENCES && c->silence_sent < l->n_silences; i++) {
        if (l->silences[i].number > c->silence_sent && l->silences[i].after <= c->alarm_sent &&
            (found == LIVE_SILENCES || l->silences[i].number < l->silences[found].number)) {
            found = i;
        }
    }
    return found;
}

static bool anything_due(const struct live_client *c, int64_t now_mono_us) {
    if (c->out.n > c->sent || c->bye != NULL || c->resync != NULL || !c->said_hello || c->wants_status ||
        c->wants_counts || c->errors.n > 0 || c->alarm_sent < c->live->ring.newest ||
        silence_due(c) < LIVE_SILENCES || values_due(c, now_mono_us) ||
        now_mono_us - c->beat_mono_us >= BEAT_US) {
        return true;
    }
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i].wants_snapshot) {
            return true;
        }
    }
    return false;
}

static void next_error(struct live_client *c) {
    size_t n = strlen((const char *)c->errors.p);
    buf_append(&c->out, c->errors.p, n);
    buf_consume(&c->errors, n + 1);
}

static bool next_snapshot(struct live_client *c, int64_t now_us, int64_t now_mono_us) {
    for (uint32_t i = 0; i < c->n_subs; i++) {
        if (c->subs[i].wants_snapshot) {
            c->subs[i].wants_snapshot = false;
            live_write_snapshot(c, &c->subs[i], &c->out, now_us);
            c->values_mono_us = now_mono_us;
            return true;
        }
    }
    return false;
}

/* The next event, or the news that it is no longer there. */
static void next_alarm(struct live_client *c) {
    struct slice text;
    if (ring_get(&c->live->ring, c->alarm_sent + 1, &text)) {
        buf_append(&c->out, text.p, text.n);
        c->alarm_sent++;
        return;
    }
    c->alarm_sent = c->live->ring.newest;
    c->silence_sent = c->live->n_silences;
    buf_text(&c->out, "{\"op\":\"resync\",\"why\":\"overflow\"}");
}

/* Control before alarms before values: a full screen of numbers never holds up a bell. */
static void compose(struct live_client *c, int64_t now_us, int64_t now_mono_us) {
    uint32_t silence = LIVE_SILENCES;
    buf_clear(&c->out);
    c->sent = 0;
    if (c->bye != NULL) {
        buf_printf(&c->out, "{\"op\":\"bye\",\"why\":\"%s\"}", c->bye);
        c->saying_bye = true;
    } else if (!c->said_hello) {
        live_write_hello(c, &c->out, now_us);
        c->said_hello = true;
    } else if (c->wants_status) {
        live_write_status(c->live, &c->out, now_us);
        c->wants_status = false;
    } else if (c->resync != NULL) {
        buf_printf(&c->out, "{\"op\":\"resync\",\"why\":\"%s\"}", c->resync);
        c->resync = NULL;
        c->alarm_sent = c->live->ring.newest;
        c->silence_sent = c->live->n_silences;
    } else if (now_mono_us - c->beat_mono_us >= BEAT_US) {
        live_write_beat(c, &c->out, now_us);
        c->beat_mono_us = now_mono_us;
    } else if (c->errors.n > 0) {
        next_error(c);
    } else if ((silence = silence_due(c)) < LIVE_SILENCES) {
        live_write_silence(c->live, silence, &c->out);
        c->silence_sent = c->live->silences[silence].number;
    } else if (c->alarm_sent < c->live->ring.newest) {
        next_alarm(c);
    } else if (c->wants_counts) {
        live_write_counts(c->live, &c->out);
        c->wants_counts = false;
    } else if (!next_snapshot(c, now_us, now_mono_us) && values_due(c, now_mono_us)) {
        live_write_values(c, &c->out, now_us);
        c->values_mono_us = now_mono_us;
    }
}

static uint16_t close_code(const char *bye) {
    if (strcmp(bye, "session") == 0) {
        return CLOSE_SESSION;
    }
    return strcmp(bye, "shutdown") == 0 ? CLOSE_GOING_AWAY : CLOSE_SLOW;
}

enum web_write live_write(void *client, struct web_piece *piece) {
    struct live_client *c = client;
    int64_t now_mono_us = clock_mono_us();
    c->waiting_mono_us = 0;
    if (c->sent == c->out.n) {
        if (c->saying_bye) {
            piece->close_code = close_code(c->bye);
            piece->close_text = c->bye;
            return WEB_CLOSE;
        }
        compose(c, clock_wall_us(), now_mono_us);
    }
    if (c->out.failed) {
        /* Out of memory: what was being told is lost, so this picture is no longer whole. */
        piece->close_code = CLOSE_POLICY;
        piece->close_text = "memory";
        return WEB_CLOSE;
    }
    size_t rest = c->out.n - c->sent;
    if (rest == 0) {
        return WEB_IDLE;
    }
    piece->n = rest < WEB_PIECE_MAX ? rest : WEB_PIECE_MAX;
    memcpy(piece->to, c->out.p + c->sent, piece->n);
    piece->first = c->sent == 0;
    c->sent += piece->n;
    piece->last = c->sent == c->out.n;
    piece->more = c->saying_bye || anything_due(c, now_mono_us);
    if (piece->more) {
        c->waiting_mono_us = now_mono_us;
    }
    return WEB_WROTE;
}

/* --- what changes */

void live_view_changed(struct live *l) {
    uint32_t n_tags = l->api->core == NULL ? 0 : core_model(l->api->core)->n_tags;
    uint64_t seq = l->api->core == NULL ? 0 : core_journal_seq(l->api->core);
    if (l->ring.n == 0 && l->clients == NULL) {
        /* Before the first event the stream stands where the journal does. */
        l->ring.newest = seq;
    }
    memset(l->silences, 0, sizeof l->silences); /* positions may be others: all load again */
    for (struct live_client *c = l->clients; c != NULL; c = c->next) {
        live_drop_subs(c);
        conflate_done(&c->tags);
        c->resync = "config";
        if (conflate_init(&c->tags, n_tags, NULL) != OK) {
            c->bye = "slow";
        }
        live_want_write(c);
    }
}

void live_tags_changed(struct live *l, const uint32_t *tags, uint32_t n) {
    for (struct live_client *c = l->clients; c != NULL; c = c->next) {
        if (c->n_handles == 0) {
            continue;
        }
        for (uint32_t i = 0; i < n; i++) {
            conflate_mark(&c->tags, tags[i]);
        }
    }
}

void live_alarm(struct live *l, const struct alarm_record *r) {
    buf_clear(&l->scratch);
    live_write_alarm(l, r, &l->scratch);
    if (l->scratch.failed || ring_put(&l->ring, r->seq, buf_slice(&l->scratch)) != OK) {
        ring_done(&l->ring);
        l->ring.newest = r->seq;
        log_event(LOG_ERROR, "live.memory", "text=\"no memory for an alarm event; all screens load again\"");
    }
}

void live_silence(struct live *l, uint32_t position) {
    uint32_t which = position < MODEL_POSITIONS_MAX ? position : MODEL_POSITIONS_MAX;
    uint64_t after = l->api->core == NULL ? 0 : core_journal_seq(l->api->core);
    l->silences[which] = (struct live_silence){.number = ++l->n_silences, .after = after};
}

void live_status_changed(struct live *l) {
    l->status_changed = true;
}

static bool same_counts(const struct core_counts *a, const struct core_counts *b) {
    return memcmp(a->unacked, b->unacked, sizeof a->unacked) == 0 && a->active == b->active &&
           a->shelved == b->shelved && a->suppressed == b->suppressed &&
           a->out_of_service == b->out_of_service && a->disabled == b->disabled &&
           a->untrusted == b->untrusted && a->flood == b->flood && a->flooded == b->flooded;
}

/* True when the counts are others than those that were told, once a second at most. */
static bool counts_changed(struct live *l, int64_t now_mono_us) {
    if (l->api->core == NULL || now_mono_us - l->counts_mono_us < COUNTS_US) {
        return false;
    }
    struct core_counts counts = core_counts(l->api->core);
    if (same_counts(&counts, &l->counts)) {
        return false;
    }
    l->counts = counts;
    l->counts_mono_us = now_mono_us;
    return true;
}

void live_session_gone(struct live *l, const uint8_t token_hash[TOKEN_HASH_SIZE]) {
    for (struct live_client *c = l->clients; c != NULL; c = c->next) {
        if (memcmp(c->token_hash, token_hash, TOKEN_HASH_SIZE) == 0 && c->bye == NULL) {
            c->bye = "session";
            live_want_write(c);
        }
    }
}

void live_turn_end(struct live *l, int64_t now_us, int64_t now_mono_us) {
    (void)now_us;
    struct live_client *next = NULL;
    bool counted = counts_changed(l, now_mono_us);
    for (struct live_client *c = l->clients; c != NULL; c = next) {
        next = c->next;
        if (c->waiting_mono_us != 0 && now_mono_us - c->waiting_mono_us > SLOW_US) {
            log_event(LOG_WARN, "live.slow", "peer=%s user=%s", web_socket_peer(c->socket),
                      LOG_Q(slice_str(c->user.name)));
            web_socket_drop(c->socket);
            client_free(c);
            continue;
        }
        c->wants_status = c->wants_status || l->status_changed;
        c->wants_counts = c->wants_counts || counted;
        if (c->waiting_mono_us == 0 && anything_due(c, now_mono_us)) {
            live_want_write(c);
        }
    }
    l->status_changed = false;
}

void live_shutdown(struct live *l) {
    for (struct live_client *c = l->clients; c != NULL; c = c->next) {
        c->bye = "shutdown";
        live_want_write(c);
    }
}
