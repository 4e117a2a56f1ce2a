/* How far samples are on their way into chunks, as an alarm of the server's own. */
#include "server/app/app.h"
#include "server/base/tm.h"

/* PACKER_AFTER_S is usual. At the border the alarm stays what it was. */
#define LATE_MIN    20.0
#define IN_TIME_MIN 15.0

static int64_t since_us(int64_t now_us, int64_t from_us) {
    return from_us != 0 && from_us < now_us ? now_us - from_us : 0;
}

/* When it cannot even be seen what waits, something does; but what is not stored does not wait for this. */
int64_t packing_lag_us(struct app *a) {
    int64_t now_us = app_now_us(a);
    int64_t waits_us = since_us(now_us, a->packing.oldest_us);
    int64_t fails_us = a->store_state == STORE_AWAY ? 0 : since_us(now_us, a->packing.failing_us);
    return waits_us > fails_us ? waits_us : fails_us;
}

static void tell(struct app *a, uint8_t level, double lag_min) {
    app_tell_server(a, SERVER_HISTORY, level, lag_min, LATE_MIN);
}

void packing_tell_all(struct app *a) {
    if (a->packing_known) { /* until then, what was restored stands */
        tell(a, a->own_levels[SERVER_HISTORY], (double)packing_lag_us(a) / (double)TM_MINUTE_US);
    }
}

void packing_take(struct app *a, const struct store_packing *s) {
    static const struct actor server = {.name = "penstockd"};
    a->packing = *s;
    a->packing.damage = NULL; /* lent for the call */
    if (s->damage != NULL) {
        store_audit(a->store, &server, "history.damaged", "history", s->damage);
    }
    double lag_min = (double)packing_lag_us(a) / (double)TM_MINUTE_US;
    uint8_t before = a->own_levels[SERVER_HISTORY];
    uint8_t level = lag_min > (before > 0 ? IN_TIME_MIN : LATE_MIN) ? 1 : 0;
    if (a->core != NULL && (!a->packing_known || level != before)) {
        a->packing_known = true;
        tell(a, level, lag_min);
    }
}
