#include "server/core/gateway_health.h"

#include "server/base/tm.h"

#include <math.h>
#include <string.h>

#define PREFIX    "_gateway."
#define DEVICE_UP ".up"

static const char *const names[GATEWAY_FIGURES] = {
    [GATEWAY_LINK] = "link",
    [GATEWAY_BUFFER_RECORDS] = "buffer_records",
    [GATEWAY_BUFFER_BYTES] = "buffer_bytes",
    [GATEWAY_OLDEST_S] = "oldest_s",
    [GATEWAY_LOST] = "lost",
    [GATEWAY_CLOCK_OFFSET_MS] = "clock_offset_ms",
    [GATEWAY_CERTIFICATE_DAYS] = "certificate_days",
};

/* Integers beyond this are not exact as numbers of JSON, and no figure comes near. */
static const double figure_max = 9007199254740992.0;

bool gateway_health_is_name(struct slice name) {
    return name.n > sizeof PREFIX - 1 && memcmp(name.p, PREFIX, sizeof PREFIX - 1) == 0;
}

const char *gateway_figure_name(enum gateway_figure figure) {
    return names[figure];
}

static void take_figure(struct gateway_health *h, int figure, const double *value, int64_t t_us) {
    h->told_us[figure] = t_us;
    h->known[figure] = value != NULL && fabs(*value) <= figure_max;
    h->figures[figure] = h->known[figure] ? (int64_t)*value : 0;
}

static void take_device(struct gateway_health *h, struct slice name, const double *value) {
    uint32_t i = 0;
    while (i < h->n_devices && !slice_is(name, h->devices[i].name)) {
        i++;
    }
    if (value == NULL || (i == h->n_devices && i == GATEWAY_DEVICES_MAX)) {
        return;
    }
    if (i == h->n_devices) {
        memcpy(h->devices[i].name, name.p, name.n);
        h->devices[i].name[name.n] = '\0';
        h->n_devices++;
    }
    h->devices[i].up = *value != 0;
}

static bool is_device(struct slice name, struct slice *ret) {
    size_t end = sizeof DEVICE_UP - 1;
    if (name.n <= end || name.n - end > GATEWAY_DEVICE_NAME_MAX ||
        memcmp(name.p + name.n - end, DEVICE_UP, end) != 0) {
        return false;
    }
    *ret = slice_of(name.p, name.n - end);
    return true;
}

void gateway_health_take(struct gateway_health *h, struct slice name, const double *value, int64_t t_us,
                         int64_t now_us) {
    struct slice device;
    if (!gateway_health_is_name(name)) {
        return;
    }
    struct slice rest = slice_of(name.p + (sizeof PREFIX - 1), name.n - (sizeof PREFIX - 1));
    for (int i = 0; i < GATEWAY_FIGURES; i++) {
        if (slice_is(rest, names[i])) {
            take_figure(h, i, value, t_us);
            h->at_us = now_us;
            return;
        }
    }
    if (is_device(rest, &device)) {
        take_device(h, device, value);
        h->at_us = now_us;
    }
}

/* Its age is told in whole seconds, and a figure stands for as long as no other is told. */
int64_t gateway_health_oldest_us(const struct gateway_health *h) {
    int64_t age_s = h->figures[GATEWAY_OLDEST_S];
    int64_t t_us = h->told_us[GATEWAY_OLDEST_S];
    if (!h->known[GATEWAY_OLDEST_S] || age_s <= 0 || age_s + 1 >= t_us / TM_SECOND_US) {
        return 0;
    }
    return t_us - (age_s + 1) * TM_SECOND_US;
}
