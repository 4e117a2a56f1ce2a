#include "server/app/app.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

#include <math.h>

/* So long after it was last seen the alarm of a broken chain is active: nothing mends it, and whoever looks
 * after it is to be able to be done with it. It stays until it is acknowledged. */
#define BROKEN_FOR_US (10 * TM_MINUTE_US)

enum audit_telling { AUDIT_TELL_CHANGES, AUDIT_TELL_ALWAYS };

static void tell_broken(struct app *a, enum audit_telling telling, const struct audit_report *seal) {
    bool is = seal->broken_us != 0 && clock_wall_us() - seal->broken_us < BROKEN_FOR_US;
    uint8_t level = is ? 1 : 0;
    if (telling == AUDIT_TELL_ALWAYS || level != a->own_levels[SERVER_AUDIT_BROKEN]) {
        app_tell_server(a, SERVER_AUDIT_BROKEN, level, (double)NAN, (double)NAN);
    }
}

static void tell_behind(struct app *a, enum audit_telling telling, int64_t behind_us) {
    uint8_t level = behind_us > AUDITOR_BEHIND_US ? 1 : 0;
    if (telling == AUDIT_TELL_ALWAYS || level != a->own_levels[SERVER_AUDIT_BEHIND]) {
        app_tell_server(a, SERVER_AUDIT_BEHIND, level, (double)behind_us / (double)TM_MINUTE_US,
                        (double)AUDITOR_BEHIND_US / (double)TM_MINUTE_US);
    }
}

/* While the database is away nothing can be sealed or read: that has its own signs. */
static void tell(struct app *a, enum audit_telling telling, const struct audit_report *seal) {
    int64_t behind_us = 0;
    bool known = a->store_state != STORE_AWAY && auditor_behind(a->auditor, clock_wall_us(), &behind_us);
    if (a->core != NULL && known) {
        tell_behind(a, telling, behind_us);
        tell_broken(a, telling, seal);
    }
}

/* The audit keeps it: it goes into the chain that follows, and out with it. */
static void note_break(struct app *a, const struct audit_report *seal) {
    static const struct actor server = {.name = "penstockd"};
    if (seal->breaks != a->audit_breaks) {
        a->audit_breaks = seal->breaks;
        store_audit(a->store, &server, "audit.broken", seal->broken.where, seal->broken.text);
    }
}

void audit_watch_on_report(void *ctx) {
    struct app *a = ctx;
    struct auditor_status now;
    auditor_status(a->auditor, &now);
    note_break(a, &now.seal);
    tell(a, AUDIT_TELL_CHANGES, &now.seal);
}

void audit_watch_tell(struct app *a) {
    struct auditor_status now;
    auditor_status(a->auditor, &now);
    tell(a, AUDIT_TELL_ALWAYS, &now.seal);
}
