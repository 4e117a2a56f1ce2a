#include "server/app/app.h"
#include "server/base/tm.h"

#include <math.h>

/* Below this PostgreSQL cannot begin a new file of its log: to it the disk is full. */
#define SEGMENT_BYTES (INT64_C(16) << 20)

/* How bad it is, beside how bad it was told to be: at the border it stays what it was. A value below
 * limits[n] is of level n + 1; to leave that level it must come above the limit times `ease`. */
static uint8_t level_of(double value, const double limits[2], double ease, uint8_t before) {
    uint8_t level = 0;
    for (uint8_t i = 0; i < 2; i++) {
        double limit = before > i ? limits[i] * ease : limits[i];
        level = value < limit ? (uint8_t)(i + 1) : level; /* not for NaN */
    }
    return level;
}

static const double free_limits[2] = {10, 5}; /* % */
static const double days_limits[2] = {7, 1};
#define FREE_EASE 1.1
#define DAYS_EASE 1.2

static void tell_free(struct app *a) {
    double percent = a->disk.known ? 100.0 * (double)a->disk.free / (double)a->disk.bytes : (double)NAN;
    uint8_t level = level_of(percent, free_limits, FREE_EASE, a->own_levels[SERVER_DISK_FREE]);
    app_tell_server(a, SERVER_DISK_FREE, level, percent, free_limits[level > 1 ? 1 : 0]);
}

static void tell_forecast(struct app *a) {
    double days = a->disk.full_at_us == 0 ? (double)NAN
                                          : (double)(a->disk.full_at_us - app_now_us(a)) / (double)TM_DAY_US;
    uint8_t level = level_of(days, days_limits, DAYS_EASE, a->own_levels[SERVER_DISK_FORECAST]);
    app_tell_server(a, SERVER_DISK_FORECAST, level, days, days_limits[level > 1 ? 1 : 0]);
}

bool disk_is_full(const struct app *a) {
    return a->store_state == STORE_AWAY &&
           (a->store_error.code == ERR_NO_SPACE || (a->disk.seen && a->disk.free < SEGMENT_BYTES));
}

void disk_tell(struct app *a) {
    uint8_t level = disk_is_full(a) ? 1 : 0;
    if (a->core != NULL && level != a->own_levels[SERVER_DISK_FULL]) {
        app_tell_server(a, SERVER_DISK_FULL, level, (double)NAN, (double)NAN);
    }
}

void disk_tell_all(struct app *a) {
    if (a->disk.known) { /* until then, what was restored stands */
        tell_free(a);
        tell_forecast(a);
    }
    app_tell_server(a, SERVER_DISK_FULL, disk_is_full(a) ? 1 : 0, (double)NAN, (double)NAN);
}

void disk_look(struct app *a, const struct store_disk *disk) {
    a->disk = *disk;
    if (a->core != NULL) {
        disk_tell_all(a);
    }
}
