#include "protocol/enrol.h"

#include "protocol/wire.h"
#include "server/base/check.h"

#include <stdio.h>

enum { SECRET_CHARS = 26, AUTHORITY_CHARS = 32, BITS = 5 };

static const char prefix[] = "PSK1-";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

bool enrol_is_name(struct slice name) {
    if (name.n == 0 || name.n > LINK_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '_' || c == '-')) {
            return false;
        }
    }
    return true;
}

/* The last character's unused bits are 0. */
static void write_base32(const uint8_t *p, size_t n, char *ret, size_t chars) {
    CHECK(p != NULL);
    for (size_t i = 0; i < chars; i++) {
        uint32_t v = 0;
        for (size_t bit = i * BITS; bit < (i + 1) * BITS; bit++) {
            uint32_t one = bit / 8 < n ? (uint32_t)(p[bit / 8] >> (7 - bit % 8)) & 1U : 0;
            v = v << 1 | one;
        }
        ret[i] = alphabet[v];
    }
}

static int base32_value(char c) {
    if (c >= 'a' && c <= 'z') {
        return c - 'a';
    }
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* False: another character, or bits beyond n bytes that are not 0. */
static bool read_base32(struct slice text, uint8_t *ret, size_t n) {
    memset(ret, 0, n);
    for (size_t i = 0; i < text.n; i++) {
        int v = base32_value(text.p[i]);
        if (v < 0) {
            return false;
        }
        for (size_t k = 0; k < BITS; k++) {
            size_t bit = i * BITS + k;
            unsigned one = (unsigned)v >> (BITS - 1 - k) & 1U;
            if (bit / 8 < n) {
                ret[bit / 8] = (uint8_t)(ret[bit / 8] | one << (7 - bit % 8));
            } else if (one != 0) {
                return false;
            }
        }
    }
    return true;
}

void enrol_token_format(const struct enrol_token *t, char ret[ENROL_TOKEN_TEXT_SIZE]) {
    CHECK(enrol_is_name(slice_str(t->name)));
    char secret[SECRET_CHARS + 1] = {0};
    char authority[AUTHORITY_CHARS + 1] = {0};
    write_base32(t->secret, sizeof t->secret, secret, SECRET_CHARS);
    write_base32(t->authority, sizeof t->authority, authority, AUTHORITY_CHARS);
    (void)snprintf(ret, ENROL_TOKEN_TEXT_SIZE, "%s%s-%s-%s", prefix, t->name, secret, authority);
}

static struct slice without_blanks(struct slice text) {
    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\n' || text.p[0] == '\r' || text.p[0] == '\t')) {
        text.p++;
        text.n--;
    }
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\n' ||
                          text.p[text.n - 1] == '\r' || text.p[text.n - 1] == '\t')) {
        text.n--;
    }
    return text;
}

/* The two last parts have fixed lengths, so that a name may have any number of '-'. */
enum status enrol_token_parse(struct slice text, struct enrol_token *ret, struct error *err) {
    enum { PREFIX = sizeof prefix - 1, TAIL = 1 + SECRET_CHARS + 1 + AUTHORITY_CHARS };
    static const char what[] = "must be PSK1-NAME-SECRET-AUTHORITY, as the server has shown it";
    struct enrol_token t = {.name = ""};
    text = without_blanks(text);
    if (text.n < PREFIX + 1 + TAIL || memcmp(text.p, prefix, PREFIX) != 0) {
        return error_set(err, ERR_INVALID, "token", "%s", what);
    }
    struct slice name = slice_of(text.p + PREFIX, text.n - PREFIX - TAIL);
    const char *tail = name.p + name.n;
    if (!enrol_is_name(name) || tail[0] != '-' || tail[1 + SECRET_CHARS] != '-' ||
        !read_base32(slice_of(tail + 1, SECRET_CHARS), t.secret, sizeof t.secret) ||
        !read_base32(slice_of(tail + 2 + SECRET_CHARS, AUTHORITY_CHARS), t.authority, sizeof t.authority)) {
        return error_set(err, ERR_INVALID, "token", "%s; a character is wrong or missing", what);
    }
    memcpy(t.name, name.p, name.n);
    *ret = t;
    return OK;
}

enum status enrol_decode(struct slice body, struct msg_enrol *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "ENROL", err);
    struct msg_enrol m = {.name = reader_text(&r, "name", LINK_NAME_MAX)};
    if (reader_ok(&r) && !enrol_is_name(m.name)) {
        reader_fail(&r, 0, ERR_INVALID, "name must have 1 to %d of A-Z a-z 0-9 . _ -", LINK_NAME_MAX);
    }
    m.secret = reader_counted(&r, "secret", ENROL_SECRET_SIZE);
    if (reader_ok(&r) && m.secret.n != ENROL_SECRET_SIZE) {
        reader_fail(&r, r.at, ERR_INVALID, "secret has %zu bytes, must have %d", m.secret.n,
                    ENROL_SECRET_SIZE);
    }
    m.request = reader_counted(&r, "request", ENROL_REQUEST_MAX);
    if (reader_ok(&r) && m.request.n == 0) {
        reader_fail(&r, r.at, ERR_INVALID, "the request is empty");
    }
    tlv_skip(&r);
    enum status status = reader_done(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void enrol_encode(struct buf *out, const struct msg_enrol *m) {
    CHECK(enrol_is_name(m->name));
    CHECK(m->secret.n == ENROL_SECRET_SIZE);
    CHECK(m->request.n > 0 && m->request.n <= ENROL_REQUEST_MAX);
    write_counted(out, m->name);
    write_counted(out, m->secret);
    write_counted(out, m->request);
}
