#include "server/api/every.h"

#include "server/base/tm.h"

#include <stdlib.h>

/* "15m": a number of a unit. */
static bool read_width(struct slice text, int64_t *ret_us) {
    static const struct {
        char letter;
        int64_t us;
    } units[] = {{'s', TM_SECOND_US}, {'m', TM_MINUTE_US}, {'h', TM_HOUR_US}};
    if (text.n < 2) {
        return false;
    }
    int64_t n = http_parse_length(slice_of(text.p, text.n - 1));
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].letter == text.p[text.n - 1] && n > 0 && n <= INT64_MAX / 4 / units[i].us) {
            *ret_us = n * units[i].us;
            return true;
        }
    }
    return false;
}

/* The next border behind one. */
static int64_t next_edge(int64_t width_us, int64_t t_us) {
    return t_us > INT64_MAX - width_us ? INT64_MAX : t_us + width_us;
}

bool every_read(struct http_request *r, int64_t from_us, int64_t to_us, uint32_t max, int64_t **ret_edges,
                uint32_t *ret_n) {
    struct slice text = {0};
    int64_t width_us = 0;
    if (!http_param(r, "every", &text) || !read_width(text, &width_us)) {
        http_problem(r, 400, "query", "every is the length of an interval: a number of s, m or h, as in 15m");
        return false;
    }
    int64_t *edges = calloc(max, sizeof *edges);
    if (edges == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return false;
    }
    uint32_t n = 0;
    int64_t at_us = from_us;
    for (; at_us < to_us && n < max - 1; at_us = next_edge(width_us, at_us)) {
        edges[n++] = at_us;
    }
    if (at_us < to_us) {
        free(edges);
        http_problem(r, 400, "query", "every: these would be more than %u intervals; ask for longer ones",
                     max - 1);
        return false;
    }
    edges[n++] = to_us;
    *ret_edges = edges;
    *ret_n = n;
    return true;
}
