#include "protocol/gateway/json_place.h"

struct scan {
    const char *p;
    const char *end;
    struct json_place at;
};

static char peek(const struct scan *s) {
    if (s->p == s->end) {
        return '\0';
    }
    return *s->p;
}

static void step(struct scan *s) {
    if (s->p == s->end) {
        return;
    }
    unsigned char c = (unsigned char)*s->p++;
    if (c == '\n') {
        s->at = (struct json_place){.line = s->at.line + 1, .column = 1};
    } else if ((c & 0xC0) != 0x80) { /* bytes within a character do not count */
        s->at.column++;
    }
}

static void skip_space(struct scan *s) {
    while (s->p < s->end && strchr(" \t\r\n", *s->p) != NULL) {
        step(s);
    }
}

/* What is between the quotes, escapes as they are. */
static struct slice skip_string(struct scan *s) {
    step(s);
    const char *begin = s->p;
    while (s->p < s->end && *s->p != '"') {
        if (*s->p == '\\') {
            step(s);
        }
        step(s);
    }
    struct slice content = slice_of(begin, (size_t)(s->p - begin));
    step(s);
    return content;
}

static void skip_value(struct scan *s) {
    unsigned depth = 0;
    do {
        skip_space(s);
        char c = peek(s);
        if (c == '"') {
            (void)skip_string(s);
        } else if (c == '{' || c == '[') {
            depth++;
            step(s);
        } else if (c == '}' || c == ']') {
            depth--;
            step(s);
        } else if (c == ',' || c == ':') {
            step(s);
        } else {
            while (s->p < s->end && strchr(",:]} \t\r\n", *s->p) == NULL) {
                step(s);
            }
        }
    } while (depth > 0 && s->p < s->end);
}

/* Cuts the next token off the pointer; false at its end. */
static bool next_token(const char **pointer, struct slice *ret) {
    if (**pointer != '/') {
        return false;
    }
    const char *begin = *pointer + 1;
    size_t n = strcspn(begin, "/");
    *pointer = begin + n;
    *ret = slice_of(begin, n);
    return true;
}

/* token with ~1 for '/' and ~0 for '~' is key */
static bool token_is(struct slice token, struct slice key) {
    size_t k = 0;
    for (size_t i = 0; i < token.n; i++, k++) {
        char c = token.p[i];
        if (c == '~' && i + 1 < token.n) {
            c = token.p[++i] == '1' ? '/' : '~';
        }
        if (k >= key.n || key.p[k] != c) {
            return false;
        }
    }
    return k == key.n;
}

/* Moves to the value of the member; false if there is none. */
static bool enter_member(struct scan *s, struct slice token, struct json_place *ret) {
    step(s);
    for (skip_space(s); peek(s) == '"'; skip_space(s)) {
        struct json_place at = s->at;
        struct slice key = skip_string(s);
        skip_space(s);
        step(s); /* the colon */
        skip_space(s);
        if (token_is(token, key)) {
            *ret = at;
            return true;
        }
        skip_value(s);
        skip_space(s);
        if (peek(s) == ',') {
            step(s);
        }
    }
    return false;
}

static bool enter_element(struct scan *s, struct slice token, struct json_place *ret) {
    size_t index = 0;
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] < '0' || token.p[i] > '9' || index > 1000000) {
            return false;
        }
        index = index * 10 + (size_t)(token.p[i] - '0');
    }
    step(s);
    skip_space(s);
    for (size_t i = 0; i < index && peek(s) != ']' && s->p < s->end; i++) {
        skip_value(s);
        skip_space(s);
        if (peek(s) == ',') {
            step(s);
        }
        skip_space(s);
    }
    if (peek(s) == ']' || s->p == s->end) {
        return false;
    }
    *ret = s->at;
    return true;
}

struct json_place json_place_find(struct slice text, const char *pointer) {
    struct scan s = {.p = text.p, .end = text.p + text.n, .at = {.line = 1, .column = 1}};
    skip_space(&s);
    struct json_place place = s.at;
    struct slice token = {0};
    bool found = true;
    while (found && next_token(&pointer, &token)) {
        if (peek(&s) == '{') {
            found = enter_member(&s, token, &place);
        } else {
            found = peek(&s) == '[' && enter_element(&s, token, &place);
        }
    }
    return place;
}
