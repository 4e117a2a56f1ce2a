#include "tests/cases/case_file.h"

bool case_take_line(struct slice *left, struct slice *ret) {
    if (left->n == 0) {
        return false;
    }
    const char *end = memchr(left->p, '\n', left->n);
    size_t n = end == NULL ? left->n : (size_t)(end - left->p);
    *ret = slice_of(left->p, n);
    if (ret->n > 0 && ret->p[ret->n - 1] == '\r') {
        ret->n--;
    }
    *left = end == NULL ? (struct slice){0} : slice_of(end + 1, left->n - n - 1);
    return true;
}

static struct slice trim(struct slice s) {
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s = slice_of(s.p + 1, s.n - 1);
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

static struct slice first_word(struct slice s) {
    size_t n = 0;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t') {
        n++;
    }
    return slice_of(s.p, n);
}

/* Length of the fence that the line begins with, at least three of ` or ~; else 0. */
static size_t fence(struct slice line) {
    size_t n = 0;
    while (n < line.n && (line.p[0] == '`' || line.p[0] == '~') && line.p[n] == line.p[0]) {
        n++;
    }
    return n >= 3 ? n : 0;
}

void case_file_init(struct case_file *f, struct slice text) {
    *f = (struct case_file){.left = text, .line = 1};
}

static bool take(struct case_file *f, struct slice *ret) {
    if (!case_take_line(&f->left, ret)) {
        return false;
    }
    f->line++;
    return true;
}

/* Everything up to the closing fence. */
static bool take_block(struct case_file *f, struct slice opening, struct slice *ret) {
    size_t n = fence(opening);
    const char *start = f->left.p;
    struct slice line = {0};
    while (take(f, &line)) {
        struct slice t = trim(line);
        if (fence(t) >= n && t.p[0] == opening.p[0] && fence(t) == t.n) {
            *ret = slice_of(start, (size_t)(line.p - start));
            return true;
        }
    }
    return false;
}

bool case_file_next(struct case_file *f, struct case_block *ret, const char **ret_fault) {
    struct slice raw = {0};
    while (take(f, &raw)) {
        struct slice line = trim(raw);
        if (line.n > 0 && line.p[0] == '#') {
            while (line.n > 0 && line.p[0] == '#') {
                line = slice_of(line.p + 1, line.n - 1);
            }
            f->title = trim(line);
            continue;
        }
        size_t n = fence(line);
        if (n == 0) {
            continue;
        }
        struct slice info = first_word(trim(slice_of(line.p + n, line.n - n)));
        *ret = (struct case_block){.title = f->title, .id = first_word(f->title), .line = f->line};
        if (!take_block(f, line, &ret->text)) {
            *ret_fault = "a block is not closed";
            return false;
        }
        if (slice_is(info, "case") || slice_is(info, "kpi")) {
            ret->kind = slice_is(info, "case") ? CASE_STORY : CASE_KPI;
            return true;
        }
    }
    return false;
}
