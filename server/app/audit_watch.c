#include "server/app/app.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

enum audit_telling { AUDIT_TELL_CHANGES, AUDIT_TELL_ALWAYS };

/* While the database is away nothing can be sealed or read: that has its own signs. */
static void tell(struct app *a, enum audit_telling telling) {
    int64_t behind_us = 0;
    bool known = a->store_state != STORE_AWAY && auditor_behind(a->auditor, clock_wall_us(), &behind_us);
    uint8_t level = behind_us > AUDITOR_BEHIND_US ? 1 : 0;
    if (a->core == NULL || !known ||
        (telling == AUDIT_TELL_CHANGES && level == a->own_levels[SERVER_AUDIT_BEHIND])) {
        return;
    }
    app_tell_server(a, SERVER_AUDIT_BEHIND, level, (double)behind_us / (double)TM_MINUTE_US,
                    (double)AUDITOR_BEHIND_US / (double)TM_MINUTE_US);
}

void audit_watch_on_report(void *ctx) {
    tell(ctx, AUDIT_TELL_CHANGES);
}

void audit_watch_tell(struct app *a) {
    tell(a, AUDIT_TELL_ALWAYS);
}
