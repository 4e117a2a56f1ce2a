/* `penstock config check | export | apply` */
#include "server/app/cli/cli.h"
#include "server/app/cli/config_file.h"
#include "server/app/cli/config_second.h"
#include "server/app/cli/db.h"
#include "server/base/utf8.h"
#include "server/base/zone_file.h"

#include <sodium.h>
#include <stdio.h>

/* --- check */

/* "5 sites, 5 gateways, …": those that every configuration has, and classes and groups if there are some. */
static void print_counts(const struct config_set *set) {
    bool first = true;
    for (unsigned k = 0; k < CONFIG_KINDS; k++) {
        enum config_kind kind = (enum config_kind)k;
        uint32_t n = config_set_count(set, kind);
        bool always =
            kind == CONFIG_SITE || kind == CONFIG_GATEWAY || kind == CONFIG_TAG || kind == CONFIG_ALARM;
        if (always || (n > 0 && kind != CONFIG_POLICY)) {
            (void)printf("%s%u %s", first ? "" : ", ", n, config_kind_list_name(kind));
            first = false;
        }
    }
    (void)putchar('\n');
}

enum cli_exit cli_config_check(struct cli *cli) {
    struct config_set *set = NULL;
    struct error err;
    enum status status = config_set_new(&set, &err);
    if (status == OK) {
        config_set_zones(set, zone_load);
        status = config_file_read(cli->words[0], set, &err);
    }
    if (status == OK) {
        status = config_set_complete(set, NULL, NULL, &err);
    }
    if (status == OK) {
        status = config_whole_check(set, NULL, &err);
    }
    if (status == OK) {
        (void)fputs("no faults: ", stdout);
        print_counts(set);
    }
    config_set_free(&set);
    return status == OK ? CLI_DONE : cli_fail(&err);
}

/* --- export */

static void print_list(const struct config_set *set, enum config_kind kind) {
    const struct config_item *item = NULL;
    (void)printf("\"%s\": [", config_kind_list_name(kind));
    for (uint32_t i = 0; (item = config_set_at(set, kind, i)) != NULL; i++) {
        (void)printf("%s\n  %.*s", i == 0 ? "" : ",", SLICE_ARG(item->body));
    }
    (void)fputs("\n]", stdout);
}

enum cli_exit cli_config_export(struct cli *cli) {
    struct config_set *set = NULL;
    struct error err;
    if (config_db_read(cli->db, &set, &err) != OK) {
        return cli_fail(&err);
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        (void)fputs(kind == 0 ? "{\n" : ",\n", stdout);
        print_list(set, (enum config_kind)kind);
    }
    (void)fputs("\n}\n", stdout);
    config_set_free(&set);
    return CLI_DONE;
}

/* --- apply */

struct counts {
    uint32_t added;
    uint32_t changed;
    uint32_t removed;
};

static void on_count_and_print(void *ctx, const struct config_item *before, const struct config_item *after) {
    struct counts *c = ctx;
    c->added += before == NULL ? 1 : 0;
    c->removed += after == NULL ? 1 : 0;
    c->changed += before != NULL && after != NULL ? 1 : 0;
    config_difference_print(before, after);
}

static void on_kind(void *ctx, const struct config_item *before, const struct config_item *after) {
    pg_array_text(ctx, slice_str(config_kind_name(after == NULL ? before->kind : after->kind)));
}

static void on_name(void *ctx, const struct config_item *before, const struct config_item *after) {
    pg_array_text(ctx, after == NULL ? before->name : after->name);
}

static void on_body(void *ctx, const struct config_item *before, const struct config_item *after) {
    (void)before;
    if (after == NULL) {
        pg_array_null(ctx);
    } else {
        pg_array_text(ctx, after->body);
    }
}

static void on_expected(void *ctx, const struct config_item *before, const struct config_item *after) {
    (void)after;
    pg_array_i64(ctx, before == NULL ? 0 : before->revision);
}

/* Who does it, and why. */
struct people {
    const char *actor;
    const char *second; /* "": nobody */
    const char *reason;
};

static struct people people_of(const struct cli *cli) {
    const char *user = cli->values[APPLY_USER];
    const char *second = cli->values[APPLY_SECOND];
    return (struct people){.actor = user == NULL ? cli->actor : user,
                           .second = second == NULL ? "" : second,
                           .reason = cli->values[APPLY_REASON]};
}

/* Writes the revision, within the transaction that has read `before`. */
static enum status write_revision(PGconn *db, const struct people *by, const struct config_set *before,
                                  const struct config_set *after, int64_t *ret_revision, struct error *err) {
    uint8_t op[16];
    randombytes_buf(op, sizeof op);
    struct pg_args args;
    pg_args_init(&args, DB_ARGS_BYTES_MAX);
    pg_arg_uuid(&args, op);
    pg_arg_text(&args, slice_str(by->actor));
    pg_arg_text(&args, slice_str(by->reason));
    static const config_on_difference columns[] = {on_kind, on_name, on_body};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        pg_array_text_begin(&args);
        config_difference(before, after, columns[i], &args);
        pg_array_end(&args);
    }
    pg_array_i64_begin(&args);
    config_difference(before, after, on_expected, &args);
    pg_array_end(&args);
    pg_arg_text(&args, slice_str(by->second));
    PGresult *r = NULL;
    enum status status =
        db_query(db, "select config_apply($1, $2, $3, $4::text[], $5::text[], $6::text[], $7::bigint[], $8)",
                 &args, &r, err);
    pg_args_done(&args);
    if (status == OK) {
        *ret_revision = pg_get_i64(r, 0, 0);
    }
    PQclear(r);
    return status;
}

/* What will be in force: what is, with the document's items, completed. */
static enum status merge(const struct config_set *present, const struct config_set *document, bool prune,
                         struct config_set **ret, struct error *err) {
    struct config_set *next = NULL;
    enum status status = prune ? config_set_new(&next, err) : config_set_copy(present, &next, err);
    if (status == OK) {
        config_set_zones(next, zone_load);
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_item *item = NULL;
        for (uint32_t i = 0;
             status == OK && (item = config_set_at(document, (enum config_kind)kind, i)) != NULL; i++) {
            struct config_fault faults[CONFIG_FAULTS_MAX];
            uint32_t n = 0;
            status = config_set_put(next, item->kind, item->name, item->body, 0, 0, faults, &n);
            if (status != OK) {
                (void)error_set(err, status, config_kind_name(item->kind), "\"%.*s\": %s",
                                SLICE_ARG(item->name), n > 0 ? faults[0].text : status_name(status));
            }
        }
    }
    if (status == OK) {
        status = config_set_complete(next, NULL, NULL, err);
    }
    if (status != OK) {
        config_set_free(&next);
        return status;
    }
    *ret = next;
    return OK;
}

static bool is_empty(const struct config_set *set) {
    uint32_t n = 0;
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        n += config_set_count(set, (enum config_kind)kind);
    }
    return n == 0;
}

/* Writes it with its audit row and ends the transaction. */
static enum status write_change(struct cli *cli, const struct config_set *present,
                                const struct config_set *next, struct error *err) {
    struct people by = people_of(cli);
    int64_t revision = 0;
    char object[40];
    char detail[REASON_SIZE + USER_NAME_SIZE + 32];
    enum status status = write_revision(cli->db, &by, present, next, &revision, err);
    (void)snprintf(object, sizeof object, "revision %lld", (long long)revision);
    bool two = by.second[0] != '\0';
    (void)snprintf(detail, sizeof detail, "%s%s%s%s", by.reason, two ? " (second person: " : "", by.second,
                   two ? ")" : "");
    if (status == OK) {
        status = db_commit(cli->db, by.actor, "config.change", object, detail, err);
    }
    if (status == OK) {
        (void)printf("%s is in force\n", object);
    }
    return status;
}

/* Two people are needed: says so, and refuses if it is to be written and nobody agreed. */
static enum status check_people(const struct cli *cli, const struct config_touched_names *touched,
                                struct error *err) {
    if (touched->n == 0) {
        return OK;
    }
    (void)printf("touches highly managed alarms: %s\n", touched->text);
    if (cli->values[APPLY_SECOND] != NULL || cli->values[APPLY_DRY_RUN] != NULL) {
        return OK;
    }
    return error_set(err, ERR_DENIED, "--second",
                     "a second person must agree, another engineer or administrator: name him; the alarms "
                     "are highly managed (%s)",
                     touched->text);
}

/* Shows what changes and, unless it is a dry run, writes it. */
static enum status write_difference(struct cli *cli, const struct config_set *present,
                                    const struct config_set *next, struct error *err) {
    struct model *model = NULL;
    struct config_touched_names touched;
    enum status status = config_whole_check(next, &model, err);
    if (status != OK) {
        return status;
    }
    status = config_second_touched(present, next, model, &touched, err);
    model_free(&model);
    if (status != OK) {
        return status;
    }
    struct counts counts = {0};
    config_difference(present, next, on_count_and_print, &counts);
    (void)printf("%u added, %u changed, %u removed\n", counts.added, counts.changed, counts.removed);
    if (counts.added + counts.changed + counts.removed == 0) {
        return OK;
    }
    status = check_people(cli, &touched, err);
    if (status != OK || cli->values[APPLY_DRY_RUN] != NULL) {
        return status;
    }
    return write_change(cli, present, next, err);
}

static enum status apply(struct cli *cli, const struct config_set *document, struct error *err) {
    struct config_set *present = NULL;
    struct config_set *next = NULL;
    enum status status = db_begin(cli->db, err);
    if (status == OK) { /* what is read here is still so when it is written */
        status = db_query(cli->db, "lock table config_revision in share row exclusive mode", NULL, NULL, err);
    }
    if (status == OK) {
        status = config_db_read(cli->db, &present, err);
    }
    if (status == OK && cli->values[APPLY_ONLY_IF_EMPTY] != NULL && !is_empty(present)) {
        (void)fputs("there is a configuration already, nothing was changed: ", stdout);
        print_counts(present);
    } else if (status == OK) {
        status = merge(present, document, cli->values[APPLY_PRUNE] != NULL, &next, err);
        if (status == OK) {
            status = write_difference(cli, present, next, err);
        }
    }
    config_set_free(&next);
    config_set_free(&present);
    return status;
}

static enum status check_line(const char *option, const char *text, size_t size, struct error *err) {
    size_t n = strlen(text);
    bool fits = n >= 1 && n < size && utf8_is_text(slice_str(text));
    for (size_t i = 0; i < n && fits; i++) {
        fits = (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
    }
    return fits
               ? OK
               : error_set(err, ERR_INVALID, option, "must be one line of UTF-8 of 1 to %zu bytes", size - 1);
}

static enum status check_apply(const struct cli *cli, struct error *err) {
    const char *user = cli->values[APPLY_USER];
    const char *second = cli->values[APPLY_SECOND];
    enum status status = check_line("--reason", cli->values[APPLY_REASON], REASON_SIZE, err);
    if (status == OK && user != NULL) {
        status = check_line("--user", user, USER_NAME_SIZE, err);
    }
    if (status == OK && second != NULL) {
        status = check_line("--second", second, USER_NAME_SIZE, err);
    }
    if (status == OK && second != NULL && strcmp(cli->words[0], "-") == 0) {
        status = error_set(err, ERR_INVALID, "--second",
                           "FILE cannot be - with it: the password is read from there");
    }
    return status;
}

enum cli_exit cli_config_apply(struct cli *cli) {
    struct config_set *document = NULL;
    struct error err;
    enum status status = check_apply(cli, &err);
    if (status == OK) {
        status = config_set_new(&document, &err);
    }
    if (status == OK) {
        status = config_file_read(cli->words[0], document, &err);
    }
    /* Before the transaction, which holds up others: somebody types now. */
    if (status == OK && cli->values[APPLY_SECOND] != NULL && cli->values[APPLY_DRY_RUN] == NULL) {
        status = config_second_prove(cli, people_of(cli).actor, &err);
    }
    if (status == OK) {
        status = apply(cli, document, &err);
    }
    config_set_free(&document);
    if (status != OK && status != ERR_UNAVAILABLE) {
        (void)error_wrap(&err, "nothing was changed");
    }
    return status == OK ? CLI_DONE : cli_fail(&err);
}
