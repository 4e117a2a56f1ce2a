#include "server/app/audit_verify.h"

#include "server/chain/verify.h"
#include "server/store/chain_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 1000, POINTS_AT_ONCE = 100 };

struct walk {
    const struct audit_verify *cfg;
    struct chain_db *db;
    struct verify verify;
    struct point points[POINTS_AT_ONCE]; /* of the database */
    uint32_t n_points;
    uint32_t next_point;
    int64_t points_upto; /* those behind it were not asked for yet */
    bool points_ended;
    size_t next_anchor;
    struct audit_verified done;
};

/* The next checkpoint of the database, or NULL behind the last one. */
static enum status borrow_point(struct walk *w, const struct point **ret, struct error *err) {
    if (w->next_point == w->n_points && !w->points_ended) {
        w->next_point = 0;
        w->n_points = 0;
        enum status status =
            chain_db_points(w->db, w->points_upto, w->points, POINTS_AT_ONCE, &w->n_points, err);
        if (status != OK) {
            return status;
        }
        w->points_ended = w->n_points < POINTS_AT_ONCE;
        w->points_upto = w->n_points > 0 ? w->points[w->n_points - 1].pos : w->points_upto;
    }
    *ret = w->next_point < w->n_points ? &w->points[w->next_point] : NULL;
    return OK;
}

/* All checkpoints up to this place, those of the file too. */
static enum status take_points(struct walk *w, int64_t upto, struct error *err) {
    const struct point *p = NULL;
    enum status status = borrow_point(w, &p, err);
    while (status == OK && p != NULL && p->pos <= upto) {
        status = verify_point(&w->verify, p, w->cfg->keys, err);
        w->next_point++;
        w->done.n_points++;
        status = status == OK ? borrow_point(w, &p, err) : status;
    }
    while (status == OK && w->next_anchor < w->cfg->n_anchors &&
           w->cfg->anchors[w->next_anchor].pos <= upto) {
        status = verify_point(&w->verify, &w->cfg->anchors[w->next_anchor], w->cfg->keys, err);
        w->next_anchor++;
        w->done.n_anchors++;
    }
    return status;
}

static enum status on_row(void *ctx, const struct chain_seal *seal, const struct chain_row *row,
                          struct error *err) {
    struct walk *w = ctx;
    enum status status = verify_seal(&w->verify, seal, row, err);
    return status == OK ? take_points(w, seal->pos, err) : status;
}

static enum status on_unsealed(void *ctx, int source, int64_t row_id, int64_t at_us, struct error *err) {
    const struct walk *w = ctx;
    return verify_unsealed(&w->verify, source, row_id, at_us, err);
}

static enum status look_at_waiting(struct walk *w, int source, struct error *err) {
    struct chain_waiting first;
    enum status status = chain_db_waiting(w->db, source, &first, err);
    if (status != OK || first.row_id == 0) {
        return status;
    }
    int64_t as_of_us = w->cfg->as_of_us;
    struct error waits = {.code = OK};
    status = verify_waiting(&w->verify, source, first.row_id, first.at_us,
                            as_of_us != 0 ? as_of_us : first.now_us, as_of_us != 0 ? &waits : err);
    if (as_of_us == 0) {
        return status;
    }
    if (w->done.waits.code == OK) {
        w->done.waits = waits;
    }
    return OK;
}

/* What the chain should have, and has not. */
static enum status look_beyond(struct walk *w, struct error *err) {
    int64_t exported = 0;
    enum status status = chain_db_farthest(w->db, &exported, err);
    status = status == OK ? verify_exported(&w->verify, exported, err) : status;
    for (int source = CHAIN_REVISION; source <= CHAIN_JOURNAL && status == OK; source++) {
        status = chain_db_unsealed(w->db, source, w->verify.newest[source], on_unsealed, w, err);
        status = status == OK ? look_at_waiting(w, source, err) : status;
    }
    return status;
}

static enum status walk_to_end(struct walk *w, struct error *err) {
    while (w->next_anchor < w->cfg->n_anchors && w->cfg->anchors[w->next_anchor].pos < w->cfg->from) {
        w->next_anchor++;
    }
    int64_t n = ROWS_AT_ONCE;
    enum status status = chain_db_snapshot(w->db, err);
    while (status == OK && n == ROWS_AT_ONCE) {
        status = chain_db_read(w->db, w->verify.pos, ROWS_AT_ONCE, on_row, w, &n, err);
    }
    status = status == OK ? take_points(w, INT64_MAX, err) : status; /* beyond the end there may be none */
    if (status == OK && w->cfg->keys != NULL) {
        status = verify_signed(&w->verify, err);
    }
    return status == OK ? look_beyond(w, err) : status;
}

enum status audit_verify(const struct audit_verify *cfg, struct audit_verified *ret, struct error *err) {
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return error_set(err, ERR_NOMEM, "verify", "no memory");
    }
    w->cfg = cfg;
    w->points_upto = cfg->from - 1;
    verify_init(&w->verify, cfg->from);
    enum status status = chain_db_open(cfg->conninfo, "penstock audit verify", NULL, &w->db, err);
    status = status == OK ? walk_to_end(w, err) : status;
    chain_db_close(&w->db);
    if (status == OK) {
        w->done.first_pos = cfg->from;
        w->done.pos = w->verify.pos;
        w->done.sealed_us = w->verify.sealed_us;
        w->done.point_pos = w->verify.point_pos;
        w->done.point_us = w->verify.point_us;
        *ret = w->done;
    }
    free(w);
    return status;
}

/* --- a file of checkpoints --- */

struct anchors {
    struct point *v;
    size_t n;
    size_t cap;
};

static enum status keep(struct anchors *a, const struct point *p, struct error *err) {
    if (a->n == a->cap) {
        size_t cap = a->cap == 0 ? 1024 : a->cap * 2;
        struct point *v = realloc(a->v, cap * sizeof *v);
        if (v == NULL) {
            return error_set(err, ERR_NOMEM, "checkpoints", "no memory for %zu of them", cap);
        }
        a->v = v;
        a->cap = cap;
    }
    a->v[a->n++] = *p;
    return OK;
}

static enum status read_lines(FILE *in, const char *file, struct anchors *a, struct error *err) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = 0;
    long number = 0;
    enum status status = OK;
    while (status == OK && (n = getline(&line, &cap, in)) > 0) {
        struct point p;
        number++;
        bool ended = line[n - 1] == '\n'; /* a last line without an end is still being written */
        enum status got = ended ? point_parse(slice_of(line, (size_t)n - 1), &p, err) : ERR_NOT_FOUND;
        if (got == OK) {
            status = keep(a, &p, err);
        } else if (got != ERR_NOT_FOUND) {
            char where[160];
            (void)snprintf(where, sizeof where, "%s line %ld", file, number);
            status = error_set(err, ERR_INVALID, where, "is a broken checkpoint");
        }
    }
    if (status == OK && ferror(in) != 0) {
        status = error_set(err, ERR_IO, file, "cannot be read");
    }
    free(line);
    return status;
}

static int by_pos(const void *a, const void *b) {
    int64_t x = ((const struct point *)a)->pos;
    int64_t y = ((const struct point *)b)->pos;
    return (x > y) - (x < y);
}

enum status audit_anchors_read(const char *file, struct point **ret, size_t *ret_n, struct error *err) {
    struct anchors a = {0};
    FILE *in = fopen(file, "re");
    if (in == NULL) {
        return error_set(err, ERR_IO, file, "cannot be read: %s", strerrordesc_np(errno));
    }
    enum status status = read_lines(in, file, &a, err);
    (void)fclose(in);
    if (status == OK && a.n == 0) {
        status = error_set(err, ERR_INVALID, file, "has no checkpoint in it");
    }
    if (status != OK) {
        free(a.v);
        return status;
    }
    qsort(a.v, a.n, sizeof *a.v, by_pos);
    *ret = a.v;
    *ret_n = a.n;
    return OK;
}
