/* The live socket: wss://…/api/live, subprotocol penstock.v1, session cookie, exact Origin. One JSON object a
 * message, described in the document that GET /api/openapi.json serves (x-live).
 *
 * Two promises. Values are state: each client has one dirty bit a tag and its own rate, and is told the
 * newest when it is due and the last message has gone; a slow one gets fewer, never older. Alarm events are
 * history: every one, in order, numbered; a client that falls behind the ring of 4 096 is told to load again.
 * The end of a sound at a position stands in that order, too: it is told behind the event that it followed.
 * Nobody's slowness is another's: a client that takes nothing for 5 s is closed. */
#ifndef PENSTOCK_API_LIVE_H
#define PENSTOCK_API_LIVE_H

#include "server/api/state.h"
#include "server/api/web.h"

struct live_client;

enum {
    LIVE_SUBS_MAX = 64,
    LIVE_HANDLES_MAX = 20000,
    LIVE_PERIOD_MIN_MS = 200,
    LIVE_PERIOD_DEFAULT_MS = 500,
    LIVE_PERIOD_MAX_MS = 60000,
    LIVE_MESSAGES_PER_S = 50,
    LIVE_SILENCES = MODEL_POSITIONS_MAX + 1, /* of each position, and of all together (the last) */
    LIVE_SNAPSHOT_MAX = 16 * 1024 * 1024,
};

MUSTCHECK enum status live_new(struct api *a, struct live **ret, struct error *err);
void live_free(struct live **l);

/* Who may open one: a WebSocket from our own pages with a valid session. Answers r if not. */
void live_filter(struct live *l, struct http_request *r);
void *live_open(struct live *l, struct web_socket *s, const struct http_request *r);
void live_message(void *client, struct slice text);
enum web_write live_write(void *client, struct web_piece *piece);
void live_closed(void *client);

/* Another revision: all look again. */
void live_view_changed(struct live *l);
void live_tags_changed(struct live *l, const uint32_t *tags, uint32_t n);
void live_alarm(struct live *l, const struct alarm_record *r);
/* The sound at a position (index in the present model; MODEL_NONE: at all) was stopped after the newest event
 * of the journal. */
void live_silence(struct live *l, uint32_t position);
void live_status_changed(struct live *l);
/* The session ended: "bye", then close. */
void live_session_gone(struct live *l, const uint8_t token_hash[TOKEN_HASH_SIZE]);
void live_turn_end(struct live *l, int64_t now_us, int64_t now_mono_us);
/* Says goodbye to all. */
void live_shutdown(struct live *l);
uint32_t live_count(const struct live *l);

#endif
