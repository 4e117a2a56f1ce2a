/* Is the operators' spool as it should be: nothing put aside that nobody has looked at, and room kept for it?
 */
#include "server/app/app.h"
#include "server/base/log.h"
#include "server/base/tm.h"

#include <math.h>

#define EVERY_US (10 * TM_SECOND_US)

static void tell(struct app *a) {
    app_tell_server(a, SERVER_SPOOL_ASIDE, a->spool_watch.asides > 0 ? 1 : 0, (double)NAN, (double)NAN);
}

static void look_at_asides(struct app *a) {
    uint32_t asides = spool_asides(a->spool);
    if (asides != a->spool_watch.asides) {
        a->spool_watch.asides = asides;
        tell(a);
    }
}

static void look_at_room(struct app *a) {
    struct error err;
    bool lacks = spool_keep_room(a->spool, &err) != OK;
    if (lacks && !a->spool_watch.lacks_room) {
        log_event(LOG_WARN, "spool.room_not_kept",
                  "where=%s text=%s kept=%lld wanted=%lld effect=\"on a full disk what operators do may be "
                  "refused while the database is away\"",
                  LOG_Q(slice_str(err.where)), LOG_Q(slice_str(err.text)), (long long)spool_room(a->spool),
                  (long long)SPOOL_ROOM_BYTES);
    } else if (!lacks && a->spool_watch.lacks_room) {
        log_event(LOG_INFO, "spool.room_kept", "kept=%lld", (long long)spool_room(a->spool));
    }
    a->spool_watch.lacks_room = lacks;
}

void spool_watch_turn(struct app *a, int64_t mono_us) {
    if (a->spool == NULL || a->core == NULL || mono_us < a->spool_watch.due_mono_us) {
        return;
    }
    a->spool_watch.due_mono_us = mono_us + EVERY_US;
    look_at_asides(a);
    look_at_room(a);
}

void spool_watch_tell(struct app *a) {
    a->spool_watch.asides = a->spool == NULL ? 0 : spool_asides(a->spool);
    tell(a);
}
