#include "protocol/gateway/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { LINE_MAX_SIZE = 1024 * 1024, ROWS_MAX = 10000000, CLOCK_SET_US = 100000 };

struct replay {
    double *times_s; /* from the first row on */
    double *values;  /* n_rows * n_tags */
    uint64_t n_rows;
    uint64_t cap_rows;
    uint32_t n_tags;
    double step_s; /* the pause before the recording starts again */
    double speed;
    bool loop;
    uint64_t rows_left;
    uint64_t next; /* row */
    /* The moment of data second 0 of the present round, on both clocks, in microseconds with a fraction. */
    double base_mono_us;
    double apart_us; /* wall minus mono, as it was when the clock was last seen to be set */
};

/* Splits at the first comma; returns the cell, *rest is what follows, NULL after the last. */
static struct slice next_cell(const char **rest) {
    const char *p = *rest;
    const char *comma = strchr(p, ',');
    size_t n = comma != NULL ? (size_t)(comma - p) : strlen(p);
    *rest = comma != NULL ? comma + 1 : NULL;
    return slice_of(p, n);
}

/* False if there is more in the cell than a number. An empty cell and "NaN" give NaN. */
static bool parse_cell(struct slice cell, double *ret) {
    char text[64];
    if (cell.n >= sizeof text) {
        return false;
    }
    memcpy(text, cell.p, cell.n);
    text[cell.n] = '\0';
    if (cell.n == 0) {
        *ret = NAN;
        return true;
    }
    char *end = NULL;
    errno = 0;
    *ret = strtod(text, &end);
    return *end == '\0' && end != text;
}

struct columns {
    uint32_t n;
    int64_t time;   /* index of the time column */
    int64_t *place; /* for each tag, its column */
};

static enum status read_head(const struct replay_config *cfg, const char *line, struct columns *ret,
                             struct error *err) {
    ret->time = -1;
    for (uint32_t t = 0; t < cfg->n_tags; t++) {
        ret->place[t] = -1;
    }
    const char *rest = line;
    while (rest != NULL) {
        struct slice cell = next_cell(&rest);
        ret->time = slice_is(cell, cfg->time_column) ? (int64_t)ret->n : ret->time;
        for (uint32_t t = 0; t < cfg->n_tags; t++) {
            ret->place[t] = slice_is(cell, cfg->tags[t].column) ? (int64_t)ret->n : ret->place[t];
        }
        ret->n++;
    }
    if (ret->time < 0) {
        return error_set(err, ERR_INVALID, cfg->file,
                         "there is no column \"%s\" (time_column) in the first line", cfg->time_column);
    }
    for (uint32_t t = 0; t < cfg->n_tags; t++) {
        if (ret->place[t] < 0) {
            return error_set(err, ERR_INVALID, cfg->file, "there is no column \"%s\" for the tag \"%.*s\"",
                             cfg->tags[t].column, SLICE_ARG(cfg->tags[t].def.name));
        }
    }
    return OK;
}

static enum status grow(struct replay *r, struct error *err) {
    if (r->n_rows < r->cap_rows) {
        return OK;
    }
    uint64_t cap = r->cap_rows == 0 ? 1024 : r->cap_rows * 2;
    double *times = cap <= ROWS_MAX ? realloc(r->times_s, cap * sizeof *times) : NULL;
    if (times != NULL) {
        r->times_s = times;
    }
    double *values = times != NULL ? realloc(r->values, cap * r->n_tags * sizeof *values) : NULL;
    if (values == NULL) {
        return error_set(err, ERR_NOMEM, "replay", "no memory for more than %" PRIu64 " rows", r->n_rows);
    }
    r->values = values;
    r->cap_rows = cap;
    return OK;
}

static enum status read_row(struct replay *r, const struct columns *c, const char *line, const char *where,
                            struct error *err) {
    enum status st = grow(r, err);
    if (st != OK) {
        return st;
    }
    double time_s = NAN;
    double *values = r->values + r->n_rows * r->n_tags;
    for (uint32_t t = 0; t < r->n_tags; t++) {
        values[t] = NAN;
    }
    const char *rest = line;
    uint32_t column = 0;
    for (; rest != NULL; column++) {
        struct slice cell = next_cell(&rest);
        double value = NAN;
        bool is_time = (int64_t)column == c->time;
        bool wanted = is_time;
        for (uint32_t t = 0; t < r->n_tags; t++) {
            wanted = wanted || c->place[t] == (int64_t)column;
        }
        if (wanted && !parse_cell(cell, &value)) {
            return error_set(err, ERR_INVALID, where, "column %" PRIu32 ": \"%.*s\" is no number", column + 1,
                             (int)(cell.n < 40 ? cell.n : 40), cell.p);
        }
        time_s = is_time ? value : time_s;
        for (uint32_t t = 0; t < r->n_tags; t++) {
            values[t] = c->place[t] == (int64_t)column ? value : values[t];
        }
    }
    if (column != c->n) {
        return error_set(err, ERR_INVALID, where, "%" PRIu32 " columns, the first line has %" PRIu32, column,
                         c->n);
    }
    if (!isfinite(time_s) || (r->n_rows > 0 && time_s <= r->times_s[r->n_rows - 1])) {
        return error_set(err, ERR_INVALID, where, "the time must be there and rise from row to row");
    }
    r->times_s[r->n_rows++] = time_s;
    return OK;
}

/* Reads one line without its end. False at the end of the file. */
static bool read_line(gzFile in, char *line) {
    if (gzgets(in, line, LINE_MAX_SIZE) == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

static enum status read_lines(const struct replay_config *cfg, struct replay *r, gzFile in, char *line,
                              struct error *err) {
    struct columns c = {.place = calloc(cfg->n_tags, sizeof(int64_t))};
    if (c.place == NULL) {
        return error_set(err, ERR_NOMEM, cfg->file, "no memory");
    }
    enum status st = OK;
    if (read_line(in, line)) {
        st = read_head(cfg, line, &c, err);
    } else {
        st = error_set(err, ERR_INVALID, cfg->file, "the file is empty or cannot be read");
    }
    for (uint64_t n = 2; st == OK && read_line(in, line); n++) {
        char where[160];
        (void)snprintf(where, sizeof where, "%.120s:%" PRIu64, cfg->file, n);
        if (line[0] != '\0') {
            st = read_row(r, &c, line, where, err);
        }
    }
    free(c.place);
    int code = 0;
    const char *reason = gzerror(in, &code);
    if (st == OK && code != Z_OK && code != Z_STREAM_END) {
        st = error_set(err, ERR_IO, cfg->file, "cannot be read to its end: %s", reason);
    }
    return st;
}

/* Drops the rows before start.offset_s and counts times from the first that stays. */
static enum status cut_start(const struct replay_config *cfg, struct replay *r, struct error *err) {
    uint64_t first = 0;
    while (first < r->n_rows && r->times_s[first] - r->times_s[0] < cfg->offset_s) {
        first++;
    }
    if (first == r->n_rows) {
        return error_set(err, ERR_INVALID, cfg->file, "there is no row at or after start.offset_s (%g)",
                         cfg->offset_s);
    }
    r->next = first;
    double base = r->times_s[0];
    for (uint64_t i = 0; i < r->n_rows; i++) {
        r->times_s[i] -= base;
    }
    r->step_s = r->n_rows > 1 ? r->times_s[1] : 1;
    return OK;
}

enum status replay_new(const struct replay_config *cfg, struct replay **ret, struct error *err) {
    struct replay *r = calloc(1, sizeof *r);
    char *line = malloc(LINE_MAX_SIZE);
    gzFile in = gzopen(cfg->file, "rb");
    enum status st = OK;
    if (r == NULL || line == NULL) {
        st = error_set(err, ERR_NOMEM, cfg->file, "no memory");
    } else if (in == NULL) {
        st = error_set(err, ERR_IO, cfg->file, "cannot be opened: %s", strerrordesc_np(errno));
    } else {
        r->n_tags = cfg->n_tags;
        r->speed = cfg->speed;
        r->loop = cfg->loop;
        r->rows_left = cfg->rows;
        st = read_lines(cfg, r, in, line, err);
    }
    if (st == OK) {
        st = cut_start(cfg, r, err);
    }
    if (in != NULL) {
        (void)gzclose(in);
    }
    free(line);
    if (st != OK) {
        replay_free(&r);
        return st;
    }
    *ret = r;
    return OK;
}

void replay_free(struct replay **r) {
    if (*r == NULL) {
        return;
    }
    free((*r)->times_s);
    free((*r)->values);
    free(*r);
    *r = NULL;
}

static double due_us(const struct replay *r) {
    return r->base_mono_us + r->times_s[r->next] * 1e6 / r->speed;
}

void replay_start(struct replay *r, int64_t mono_us) {
    r->base_mono_us = (double)mono_us - r->times_s[r->next] * 1e6 / r->speed;
}

int64_t replay_next_mono_us(const struct replay *r) {
    return r->rows_left == 0 ? INT64_MAX : (int64_t)ceil(due_us(r));
}

bool replay_take(struct replay *r, int64_t wall_us, int64_t mono_us, int64_t *ret_t_us,
                 const double **ret_values) {
    if (mono_us < replay_next_mono_us(r)) {
        return false;
    }
    double apart_us = (double)(wall_us - mono_us);
    if (fabs(apart_us - r->apart_us) > CLOCK_SET_US) {
        r->apart_us = apart_us;
    }
    /* Whole microseconds: a double carries them exactly until the year 2255. */
    *ret_t_us = (int64_t)(due_us(r) + r->apart_us);
    *ret_values = r->values + r->next * r->n_tags;
    r->rows_left--;
    r->next++;
    if (r->next == r->n_rows) {
        r->base_mono_us += (r->times_s[r->n_rows - 1] + r->step_s) * 1e6 / r->speed;
        r->next = 0;
        r->rows_left = r->loop ? r->rows_left : 0;
    }
    return true;
}
