#include "server/api/origin.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "https://";
enum { SCHEME_LEN = sizeof scheme - 1 };

static enum status refuse(struct error *err, struct slice text) {
    return error_set(
        err, ERR_INVALID, "origins",
        "\"%.*s\" is no origin; right would be https://NAME or https://NAME:PORT, without a path",
        SLICE_ARG(text));
}

static bool host_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || strchr(".-:[]", c) != NULL;
}

static enum status add(struct origins *o, struct slice text, struct error *err) {
    if (text.n <= SCHEME_LEN || text.n >= ORIGIN_SIZE || strncasecmp(text.p, scheme, SCHEME_LEN) != 0) {
        return refuse(err, text);
    }
    if (o->n == ORIGINS_MAX) {
        return error_set(err, ERR_TOO_BIG, "origins", "at most %d origins are possible", ORIGINS_MAX - 2);
    }
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    char *to = o->v[o->n];
    for (size_t i = 0; i < text.n; i++) {
        to[i] = text.p[i];
        if (to[i] >= 'A' && to[i] <= 'Z') {
            to[i] = lower[to[i] - 'A'];
        }
        if (i >= SCHEME_LEN && (to[i] == '\0' || !host_char(to[i]))) {
            return refuse(err, text);
        }
    }
    size_t n = text.n;
    static const char https_port[] = ":443";
    if (n > SCHEME_LEN + 4 && memcmp(to + n - 4, https_port, 4) == 0) {
        n -= 4;
    }
    to[n] = '\0';
    o->n++;
    return OK;
}

static enum status add_own(struct origins *o, const char *host, uint16_t port, struct error *err) {
    char text[ORIGIN_SIZE];
    bool v6 = strchr(host, ':') != NULL;
    int n = snprintf(text, sizeof text, "https://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
    if (n < 0 || (size_t)n >= sizeof text) {
        return error_set(err, ERR_TOO_BIG, "address", "an address has fewer than 240 characters");
    }
    return add(o, slice_of(text, (size_t)n), err);
}

enum status origins_init(struct origins *o, const char *address, uint16_t port, const char *list,
                         struct error *err) {
    o->n = 0;
    enum status status = add_own(o, address, port, err);
    if (status == OK) {
        status = add_own(o, "localhost", port, err);
    }
    const char *p = list == NULL ? "" : list;
    while (status == OK && *p != '\0') {
        size_t n = strcspn(p, ",");
        struct slice text = slice_of(p, n);
        while (text.n > 0 && *text.p == ' ') {
            text = slice_of(text.p + 1, text.n - 1);
        }
        while (text.n > 0 && text.p[text.n - 1] == ' ') {
            text.n--;
        }
        status = text.n == 0 ? OK : add(o, text, err);
        p += n + (p[n] == ',' ? 1 : 0);
    }
    return status;
}

/* The default port may be said or not. */
static struct slice without_default_port(struct slice text) {
    if (text.n > 4 && memcmp(text.p + text.n - 4, ":443", 4) == 0) {
        text.n -= 4;
    }
    return text;
}

static bool same(const char *own, struct slice text) {
    return strlen(own) == text.n && strncasecmp(own, text.p, text.n) == 0;
}

bool origins_has(const struct origins *o, struct slice origin) {
    struct slice text = without_default_port(origin);
    for (uint32_t i = 0; i < o->n; i++) {
        if (same(o->v[i], text)) {
            return true;
        }
    }
    return false;
}

bool origins_has_host(const struct origins *o, struct slice host) {
    struct slice text = without_default_port(host);
    for (uint32_t i = 0; i < o->n; i++) {
        if (text.n > 0 && same(o->v[i] + SCHEME_LEN, text)) {
            return true;
        }
    }
    return false;
}
