/* Until when everything of a gateway has come, for those who read history: what has come and is not committed
 * yet is read, too (store/reader.h). */
#include "server/base/tm.h"
#include "server/link/session_internal.h"

/* The oldest sample that is still at the site, INT64_MAX: none that is worth a word. What the gateway tells
 * of itself counts if it is newer than its HELLO. A moment's worth of live samples always waits there. */
static int64_t waiting_us(const struct session *s) {
    const struct gateway_health *h = &s->status.health;
    int64_t told_us = h->told_us[GATEWAY_OLDEST_S];
    if (!h->known[GATEWAY_OLDEST_S] || told_us < s->hello_us) {
        int64_t oldest_us = s->tells_oldest ? s->status.oldest_sample_us : s->complete_before_us;
        return s->awaits_backlog && (oldest_us > 0 || !s->tells_oldest) ? oldest_us : INT64_MAX;
    }
    int64_t oldest_us = gateway_health_oldest_us(h);
    bool usual = !s->awaits_backlog && told_us - oldest_us <= SESSION_COLLECTS_US + TM_SECOND_US;
    return oldest_us == 0 || usual ? INT64_MAX : oldest_us;
}

/* When it was heard last and could say all that it had: while records wait for their acknowledgement its
 * window may be full, and what it measured since the last of them waits there, however often it answers;
 * unless it has told what waits since then, by a snapshot, which needs no window. */
static int64_t free_us(const struct session *s) {
    const struct gateway_health *h = &s->status.health;
    int64_t seen_us = s->status.last_seen_us;
    bool told = h->known[GATEWAY_OLDEST_S] && h->at_us > s->receipt_us;
    return s->n_flights > 0 && !told && s->receipt_us < seen_us ? s->receipt_us : seen_us;
}

/* Its next sample cannot be older, as far as its clock is known. */
static int64_t heard_us(const struct session *s) {
    const struct link_status *status = &s->status;
    int64_t error_us = status->clock_measure_us > 0 ? status->clock_measure_us : 0;
    int64_t behind_us = 0;
    int64_t ret_us = free_us(s) - SESSION_COLLECTS_US;
    if (__builtin_sub_overflow(error_us, status->clock_offset_us, &behind_us) ||
        (behind_us > 0 && __builtin_sub_overflow(ret_us, behind_us, &ret_us))) {
        return 0;
    }
    return ret_us < 0 ? 0 : ret_us;
}

int64_t session_complete_us(const struct session *s) {
    int64_t last_us = heard_us(s);
    int64_t oldest_us = waiting_us(s);
    return oldest_us < last_us ? oldest_us : last_us;
}

void session_complete_before(struct session *s, int64_t complete_us) {
    s->complete_before_us = complete_us;
}
