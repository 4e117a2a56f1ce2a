#include "server/history/growth.h"

#include <math.h>
#include <stdlib.h>

#define DAY_US INT64_C(86400000000)
enum { SLOPES_MAX = GROWTH_USED_MAX * (GROWTH_USED_MAX - 1) / 2, YEARS_100_DAYS = 36525 };

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n) {
    qsort(v, n, sizeof *v, compare);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

double growth_of(const struct growth_point *v, size_t n) {
    if (n < GROWTH_POINTS_MIN || v[n - 1].t_us - v[0].t_us < GROWTH_SPAN_MIN_US) {
        return (double)NAN;
    }
    struct growth_point used[GROWTH_USED_MAX];
    size_t n_used = n < GROWTH_USED_MAX ? n : GROWTH_USED_MAX;
    for (size_t i = 0; i < n_used; i++) {
        used[i] = v[i * (n - 1) / (n_used - 1)]; /* the first and the last are among them */
    }
    double slopes[SLOPES_MAX];
    size_t n_slopes = 0;
    for (size_t i = 0; i < n_used; i++) {
        for (size_t k = i + 1; k < n_used; k++) {
            int64_t span_us = used[k].t_us - used[i].t_us;
            if (span_us > 0) {
                slopes[n_slopes++] =
                    (double)(used[k].bytes - used[i].bytes) * (double)DAY_US / (double)span_us;
            }
        }
    }
    return n_slopes == 0 ? (double)NAN : median(slopes, n_slopes);
}

double growth_fastest(const struct growth_point *v, size_t n) {
    size_t first = 0;
    while (first < n && v[first].t_us < v[n - 1].t_us - DAY_US) {
        first++;
    }
    double all = growth_of(v, n);
    double day = growth_of(v + first, n - first);
    return isnan(day) || all > day ? all : day;
}

int64_t growth_full_us(int64_t now_us, int64_t free, double bytes_day) {
    double days = (double)free / bytes_day;
    return bytes_day > 0 && days < YEARS_100_DAYS ? now_us + (int64_t)(days * (double)DAY_US) : 0;
}
