/* Until when everything of a gateway has come and is committed, for those who read history. */
#include "server/base/tm.h"
#include "server/link/session_internal.h"

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

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

/* Its next sample cannot be older, as far as its clock is known. */
static int64_t heard_us(const struct session *s) {
    const struct link_status *status = &s->status;
    int64_t error_us = status->clock_measure_us > 0 ? status->clock_measure_us : 0;
    int64_t behind_us = 0;
    int64_t ret_us = status->last_seen_us - SESSION_COLLECTS_US;
    if (__builtin_sub_overflow(error_us, status->clock_offset_us, &behind_us) ||
        (behind_us > 0 && __builtin_sub_overflow(ret_us, behind_us, &ret_us))) {
        return 0;
    }
    return ret_us < 0 ? 0 : ret_us;
}

int64_t session_complete_us(const struct session *s) {
    int64_t ret_us = earlier(heard_us(s), waiting_us(s));
    for (uint32_t i = 0; i < s->n_flights; i++) {
        ret_us = earlier(ret_us, s->flights[i].oldest_us);
    }
    return ret_us;
}

void session_complete_before(struct session *s, int64_t complete_us) {
    s->complete_before_us = complete_us;
}

int64_t session_oldest_us(const struct sample *v, uint32_t n, int64_t received_us) {
    int64_t ret_us = INT64_MAX;
    for (uint32_t i = 0; i < n; i++) {
        ret_us = earlier(ret_us, v[i].t_us < TM_YEAR_2000_US ? received_us : earlier(v[i].t_us, received_us));
    }
    return ret_us;
}
