/* `penstock audit key | verify | export` */
#include "server/app/audit_key.h"
#include "server/app/audit_verify.h"
#include "server/app/cli/cli.h"
#include "server/base/tm.h"
#include "server/store/chain_db.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXPORT_ROWS = 1000, EXPORT_POINTS = 100, EXPORT_LINE_MAX = 64 * 1024 * 1024 };

enum cli_exit cli_audit_key(struct cli *cli) {
    struct error err;
    const char *file = cli->words[0];
    if (audit_key_make(file, &err) != OK) {
        return cli_fail(&err);
    }
    (void)printf(
        "made %s (for \"audit_key\" of penstockd; keep it where the database cannot read it) and %s.pub (for "
        "penstock audit verify --key; keep a copy elsewhere)\n",
        file, file);
    return CLI_DONE;
}

static enum status take_from(const struct cli *cli, int option, int64_t *ret, struct error *err) {
    const char *text = cli->values[option];
    if (text == NULL) {
        *ret = 1;
        return OK;
    }
    char *end = NULL;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || n < 1) {
        return error_set(err, ERR_INVALID, "--from", "wants a position, a whole number from 1");
    }
    *ret = n;
    return OK;
}

static enum status take_as_of(const struct cli *cli, int64_t *ret, struct error *err) {
    const char *text = cli->values[VERIFY_AS_OF];
    return text == NULL || tm_parse(slice_str(text), ret, err) == OK
               ? OK
               : error_set(err, ERR_INVALID, "--as-of", "wants a time like 2026-01-02T03:04:05Z");
}

static void print_verified(const struct audit_verified *v, bool with_keys) {
    char at[TM_TEXT_SIZE] = "";
    if (v->waits.code != OK) {
        (void)printf("note: %s: %s\n", v->waits.where, v->waits.text);
    }
    if (v->pos < v->first_pos) {
        (void)printf("nothing is sealed%s\n", v->first_pos > 1 ? " from there on" : " yet");
        return;
    }
    if (tm_format(v->sealed_us, at) != OK) {
        at[0] = '\0';
    }
    (void)printf("positions %lld to %lld are as they were sealed, the last one at %s\n",
                 (long long)v->first_pos, (long long)v->pos, at);
    (void)printf("%lld checkpoints agree%s, the last one at position %lld\n", (long long)v->n_points,
                 with_keys ? " and are signed by the given key" : " (signatures not checked: no --key)",
                 (long long)v->point_pos);
    if (v->n_anchors > 0) {
        (void)printf("%lld checkpoints of the file agree\n", (long long)v->n_anchors);
    }
}

enum cli_exit cli_audit_verify(struct cli *cli) {
    struct audit_verify cfg = {.conninfo = cli->conninfo};
    struct audit_verified done;
    struct point_keys *keys = NULL;
    struct point *anchors = NULL;
    struct error err;
    enum status status = take_from(cli, VERIFY_FROM, &cfg.from, &err);
    status = status == OK ? take_as_of(cli, &cfg.as_of_us, &err) : status;
    if (status == OK && cli->values[VERIFY_KEY] != NULL) {
        status = audit_keys_read(cli->values[VERIFY_KEY], &keys, &err);
    }
    if (status == OK && cli->values[VERIFY_CHECKPOINTS] != NULL) {
        status = audit_anchors_read(cli->values[VERIFY_CHECKPOINTS], &anchors, &cfg.n_anchors, &err);
    }
    cfg.keys = keys;
    cfg.anchors = anchors;
    status = status == OK ? audit_verify(&cfg, &done, &err) : status;
    if (status == OK) {
        print_verified(&done, keys != NULL);
    }
    point_keys_free(&keys);
    free(anchors);
    return status == OK ? CLI_DONE : cli_fail(&err);
}

struct printing {
    struct buf line;
    int64_t pos; /* the last one that was printed */
};

static enum status print_row(void *ctx, const struct chain_seal *seal, const struct chain_row *row,
                             struct error *err) {
    struct printing *printing = ctx;
    struct buf *line = &printing->line;
    printing->pos = seal->pos;
    buf_clear(line);
    chain_json(line, seal, row);
    buf_byte(line, '\n');
    enum status status = buf_status(line, err);
    if (status == OK && fwrite(line->p, 1, line->n, stdout) != line->n) {
        status = error_set(err, ERR_IO, "stdout", "cannot be written");
    }
    return status;
}

static enum status print_points(struct chain_db *db, int64_t after, struct buf *line, struct error *err) {
    struct point v[EXPORT_POINTS];
    uint32_t n = EXPORT_POINTS;
    enum status status = OK;
    while (status == OK && n == EXPORT_POINTS) {
        status = chain_db_points(db, after, v, EXPORT_POINTS, &n, err);
        for (uint32_t i = 0; status == OK && i < n; i++) {
            buf_clear(line);
            point_json(line, &v[i]);
            (void)printf("%.*s\n", SLICE_ARG(buf_slice(line)));
            after = v[i].pos;
        }
    }
    return status;
}

enum cli_exit cli_audit_export(struct cli *cli) {
    struct chain_db *db = NULL;
    struct printing printing = {.pos = 0};
    struct error err;
    int64_t from = 1;
    buf_init(&printing.line, EXPORT_LINE_MAX);
    enum status status = take_from(cli, EXPORT_FROM, &from, &err);
    status = status == OK ? chain_db_open(cli->conninfo, "penstock audit export", NULL, &db, &err) : status;
    status = status == OK ? chain_db_snapshot(db, &err) : status;
    int64_t n = cli->values[EXPORT_CHECKPOINTS] == NULL ? EXPORT_ROWS : 0;
    printing.pos = from - 1;
    while (status == OK && n == EXPORT_ROWS) {
        status = chain_db_read(db, printing.pos, EXPORT_ROWS, print_row, &printing, &n, &err);
    }
    status = status == OK ? print_points(db, from - 1, &printing.line, &err) : status;
    chain_db_close(&db);
    buf_done(&printing.line);
    return status == OK ? CLI_DONE : cli_fail(&err);
}
