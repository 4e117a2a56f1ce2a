#include "server/history/scale.h"

#include <math.h>
#include <stdbool.h>

/* As a part of the largest number: by how much a difference may be wrong, and the least step that is
 * believed. A double resolves 2^-53. */
#define BLUR_SHARE 0x1p-51
#define STEP_SHARE 0x1p-30

/* A step, and by how much it may be wrong. */
struct step {
    double size; /* 0: none yet */
    double error;
    double blur; /* of a difference */
    double least;
};

/* The step from two lengths that have it in common (Euclid). What is left over is as wrong as both together,
 * the second one as often as it was taken. False if they have none that can be believed. */
static bool divide(struct step *s, double a, double a_error, double b, double b_error) {
    for (;;) {
        double count = rint(a / b);
        double rest = fabs(a - count * b);
        double rest_error = a_error + count * b_error;
        if (rest <= 2 * rest_error) {
            s->size = b;
            s->error = b_error;
            return true;
        }
        if (rest < s->least) {
            return false;
        }
        a = b;
        a_error = b_error;
        b = rest;
        b_error = rest_error;
    }
}

/* Takes a further difference. */
static bool take(struct step *s, double difference) {
    double before = s->size;
    if (before != 0 && !divide(s, difference, s->blur, before, s->error)) {
        return false;
    }
    s->size = before == 0 ? difference : s->size;
    s->error = before == 0 ? s->blur : s->error;
    double count = rint(difference / s->size);
    if (s->blur < s->error * count) { /* a longer way tells it better */
        s->size = difference / count;
        s->error = s->blur / count;
    }
    return true;
}

/* The number next to 0, where doubles are finest: all others are counted from it. NaN: some are not finite.
 */
static double anchor_of(const double *v, uint32_t n, double *ret_most) {
    double anchor = v[0];
    double most = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) {
            return (double)NAN;
        }
        anchor = fabs(v[i]) < fabs(anchor) ? v[i] : anchor;
        most = fabs(v[i]) > most ? fabs(v[i]) : most;
    }
    *ret_most = most;
    return anchor;
}

struct scale scale_guess(const double *v, uint32_t n) {
    static const struct scale none = {.step = 0};
    double most = 0;
    if (n < SCALE_NUMBERS_MIN) {
        return none;
    }
    double anchor = anchor_of(v, n, &most);
    struct step s = {.blur = most * BLUR_SHARE, .least = most * STEP_SHARE};
    if (isnan(anchor) || !isfinite(most * 2)) {
        return none;
    }
    for (uint32_t i = 1; i < n; i++) {
        double difference = fabs(v[i] - v[i - 1]);
        if (difference > s.least && !take(&s, difference)) {
            return none;
        }
    }
    for (uint32_t i = 0; i < n && s.size > 0; i++) {
        double way = fabs(v[i] - anchor);
        if (way > s.least && !take(&s, way)) {
            return none;
        }
    }
    return (struct scale){.step = s.size, .offset = anchor};
}
