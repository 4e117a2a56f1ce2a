#include "server/app/cli/config_file.h"

#include "server/app/cli/db.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 256 * 1024 };
static const size_t file_max = (size_t)1 << 30;

static void print_fault(const char *where, const struct config_fault *fault) {
    (void)fprintf(stderr, "  %s%s: %s (%s)\n", where, fault->pointer, fault->text, fault->code);
}

/* --- document */

static enum status read_stream(FILE *in, const char *file, struct buf *out, struct error *err) {
    for (;;) {
        uint8_t *to = buf_reserve(out, CHUNK);
        if (to == NULL) {
            return error_set(err, ERR_TOO_BIG, file, "is over %zu bytes, or there is no memory for it",
                             file_max);
        }
        size_t n = fread(to, 1, CHUNK, in);
        out->n += n;
        if (n < CHUNK) {
            return ferror(in) == 0 ? OK : error_set(err, ERR_IO, file, "cannot be read");
        }
    }
}

static enum status read_file(const char *file, struct buf *out, struct error *err) {
    if (strcmp(file, "-") == 0) {
        return read_stream(stdin, file, out, err);
    }
    FILE *in = fopen(file, "rbe");
    if (in == NULL) {
        return error_set(err, ERR_IO, file, "cannot be opened: %s", strerrorname_np(errno));
    }
    enum status status = read_stream(in, file, out, err);
    (void)fclose(in);
    return status;
}

struct reader {
    struct config_set *into;
    uint32_t next[CONFIG_KINDS];
    uint32_t faults;
    struct error *err;
};

/* Goes on after a fault, so that all of them are seen at once. */
static enum status on_item(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    struct reader *r = ctx;
    char where[300];
    (void)snprintf(where, sizeof where, "%s %.*s (/%s/%u) ", config_kind_name(kind), SLICE_ARG(name),
                   config_kind_list_name(kind), r->next[kind]++);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    if (config_set_find(r->into, kind, name) != NULL) {
        faults[0] = (struct config_fault){
            .pointer = "/name", .text = "is there twice; each name once", .code = "E_NAME"};
        n = 1;
    } else {
        enum status status = config_set_put(r->into, kind, name, body, 0, 0, faults, &n);
        if (status != OK && n == 0) {
            return error_set(r->err, status, config_kind_name(kind), "\"%.*s\" cannot be read: %s",
                             SLICE_ARG(name), status_name(status));
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        print_fault(where, &faults[i]);
    }
    r->faults += n;
    if (r->faults >= CONFIG_FAULTS_MAX) {
        return error_set(r->err, ERR_INVALID, "", "%u faults, and perhaps more", r->faults);
    }
    return OK;
}

enum status config_file_read(const char *file, struct config_set *into, struct error *err) {
    struct buf text;
    buf_init(&text, file_max);
    struct reader r = {.into = into, .err = err};
    enum status status = read_file(file, &text, err);
    if (status == OK) {
        status = config_import(buf_slice(&text), on_item, &r, err);
        if (status == OK && r.faults > 0) {
            status = error_set(err, ERR_INVALID, "", "%u fault%s", r.faults, r.faults == 1 ? "" : "s");
        }
        if (status != OK) {
            (void)error_wrap(err, file);
        }
    }
    buf_done(&text);
    return status;
}

/* --- database */

static enum status put_row(struct config_set *set, const PGresult *r, int row, struct error *err) {
    enum config_kind kind = CONFIG_SITE;
    struct slice name = pg_get_slice(r, row, 1);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = ERR_UNSUPPORTED;
    if (config_kind_parse(pg_get_slice(r, row, 0), &kind)) {
        status = config_set_put(set, kind, name, pg_get_slice(r, row, 4), pg_get_i64(r, row, 2),
                                pg_get_i64(r, row, 3), faults, &n);
    }
    return status == OK
               ? OK
               : error_set(err, status, "database", "the stored %.*s \"%.*s\" cannot be used: %s %s",
                           SLICE_ARG(pg_get_slice(r, row, 0)), SLICE_ARG(name),
                           n > 0 ? faults[0].pointer : "", n > 0 ? faults[0].text : status_name(status));
}

enum status config_db_read(PGconn *db, struct config_set **ret, struct error *err) {
    PGresult *r = NULL;
    struct config_set *set = NULL;
    enum status status = db_query(
        db, "select kind, name, key, revision, body::text from config_now order by kind, name collate \"C\"",
        NULL, &r, err);
    if (status == OK) {
        status = config_set_new(&set, err);
    }
    for (int row = 0; status == OK && row < PQntuples(r); row++) {
        status = put_row(set, r, row, err);
    }
    PQclear(r);
    if (status != OK) {
        config_set_free(&set);
        return status;
    }
    *ret = set;
    return OK;
}

/* --- the whole */

enum status config_whole_check(const struct config_set *set, struct model **ret, struct error *err) {
    uint64_t seed[2];
    if (sodium_init() < 0) {
        return error_set(err, ERR_IO, "libsodium", "cannot be initialised");
    }
    randombytes_buf(seed, sizeof seed);
    struct model *model = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_compile(set, 0, seed, &model, faults, &n, err);
    if (status == OK && ret != NULL) {
        *ret = model;
    } else {
        model_free(&model);
    }
    for (uint32_t i = 0; i < n; i++) {
        print_fault("", &faults[i]);
    }
    if (n > 0) {
        return error_set(err, status, "", "%u fault%s%s", n, n == 1 ? "" : "s",
                         n == CONFIG_FAULTS_MAX ? ", and perhaps more" : "");
    }
    return status;
}
