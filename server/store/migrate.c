#include "server/store/migrate.h"

#include "server/base/check.h"
#include "server/base/slice.h"

#include <dirent.h>
#include <errno.h>
#include <libpq-fe.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 4, FILE_MAX = 4 * 1024 * 1024 };

/* --- files --------------------------------------------------------------------------------------------- */

/* "0001_base.sql" */
static bool name_fits(const char *name, uint32_t *ret_version) {
    size_t n = strlen(name);
    static const char suffix[] = ".sql";
    if (n < DIGITS + 2 + sizeof suffix - 1 || n >= sizeof((struct migration *)0)->name ||
        strcmp(name + n - (sizeof suffix - 1), suffix) != 0 || name[DIGITS] != '_') {
        return false;
    }
    uint32_t version = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        version = version * 10 + (uint32_t)(name[i] - '0');
    }
    for (size_t i = DIGITS + 1; i < n - (sizeof suffix - 1); i++) {
        bool word =
            (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_';
        if (!word) {
            return false;
        }
    }
    *ret_version = version;
    return version > 0;
}

static enum status read_stream(FILE *file, const char *path, char **ret_text, size_t *ret_n,
                               struct error *err) {
    char *text = malloc(FILE_MAX + 1);
    if (text == NULL) {
        return error_set(err, ERR_NOMEM, path, "no memory to read it");
    }
    size_t n = fread(text, 1, FILE_MAX + 1, file);
    if (ferror(file) != 0 || n > FILE_MAX) {
        free(text);
        return error_set(err, n > FILE_MAX ? ERR_TOO_BIG : ERR_IO, path,
                         "cannot be read, or is over %d bytes", FILE_MAX);
    }
    text[n] = '\0';
    if (memchr(text, '\0', n) != NULL) {
        free(text);
        return error_set(err, ERR_INVALID, path, "contains a NUL byte; it must be SQL text");
    }
    *ret_text = text;
    *ret_n = n;
    return OK;
}

static enum status read_file(const char *dir, const char *name, char **ret_text, size_t *ret_n,
                             struct error *err) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        return error_set(err, ERR_TOO_BIG, name, "the path of this file is too long");
    }
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(err, ERR_IO, path, "cannot be opened (error %d)", errno);
    }
    enum status status = read_stream(file, path, ret_text, ret_n, err);
    (void)fclose(file);
    return status;
}

static enum status hash_text(const char *text, size_t n, char ret[65]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_Digest(text, n, digest, &size, EVP_sha256(), NULL) != 1 || size != 32) {
        return ERR_INTERNAL;
    }
    for (unsigned int i = 0; i < size; i++) {
        (void)snprintf(ret + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    return OK;
}

static enum status hash_file(const char *dir, struct migration *m, struct error *err) {
    char *text = NULL;
    size_t n = 0;
    enum status status = read_file(dir, m->name, &text, &n, err);
    if (status != OK) {
        return status;
    }
    status = hash_text(text, n, m->sha256);
    free(text);
    return status == OK ? OK : error_set(err, status, m->name, "SHA-256 failed");
}

static int by_version(const void *a, const void *b) {
    const struct migration *x = a;
    const struct migration *y = b;
    return x->version == y->version ? strcmp(x->name, y->name) : x->version < y->version ? -1 : 1;
}

/* Takes what ends in .sql; anything else (README.md) is not for us. */
static enum status read_names(DIR *handle, struct migration *v, uint32_t max, uint32_t *ret_n,
                              struct error *err) {
    uint32_t n = 0;
    const struct dirent *entry = NULL;
    while ((entry = readdir(handle)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".sql") != 0) {
            continue;
        }
        uint32_t version = 0;
        if (!name_fits(entry->d_name, &version)) {
            return error_set(err, ERR_INVALID, entry->d_name,
                             "is no name of a migration: it must be like 0001_words.sql, lower case, at most "
                             "99 characters");
        }
        if (n == max) {
            return error_set(err, ERR_TOO_BIG, entry->d_name, "more than %u migrations", max);
        }
        v[n] = (struct migration){.version = version};
        (void)snprintf(v[n].name, sizeof v[n].name, "%s", entry->d_name);
        n++;
    }
    *ret_n = n;
    return OK;
}

static enum status check_order(const struct migration *v, uint32_t n, struct error *err) {
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && v[i].version == v[i - 1].version) {
            return error_set(err, ERR_INVALID, v[i].name, "has the same number as %s", v[i - 1].name);
        }
        if (v[i].version != i + 1) {
            return error_set(err, ERR_INVALID, v[i].name, "comes after a gap: number %04u is missing", i + 1);
        }
    }
    return OK;
}

enum status migrate_list(const char *dir, struct migration *ret, uint32_t max, uint32_t *ret_n,
                         struct error *err) {
    DIR *handle = opendir(dir);
    if (handle == NULL) {
        return error_set(err, ERR_NOT_FOUND, dir, "the directory of migrations cannot be read (error %d)",
                         errno);
    }
    uint32_t n = 0;
    enum status status = read_names(handle, ret, max, &n, err);
    (void)closedir(handle);
    if (status == OK && n == 0) {
        status = error_set(err, ERR_NOT_FOUND, dir, "there are no migrations in this directory");
    }
    if (status == OK) {
        qsort(ret, n, sizeof *ret, by_version);
        status = check_order(ret, n, err);
    }
    for (uint32_t i = 0; status == OK && i < n; i++) {
        status = hash_file(dir, &ret[i], err);
    }
    if (status == OK) {
        *ret_n = n;
    }
    return status;
}

/* --- database ------------------------------------------------------------------------------------------ */

/* The locks are kept until the connection closes. */
static const char prepare_sql[] =
    "set client_min_messages = warning;"
    "set lock_timeout = '10s';"
    "set statement_timeout = 0;"
    "select pg_advisory_lock(1346719315, 2);" /* LOCK_MIGRATE */
    "create table if not exists schema_migration ("
    "  version    integer     not null,"
    "  name       text        not null,"
    "  sha256     text        not null,"
    "  applied_at timestamptz not null default now(),"
    "  constraint schema_migration_pk primary key (version));"
    "comment on table schema_migration is"
    " 'Which files of migrations/ made this schema, with the SHA-256 that they had.'";

static enum status failed(PGconn *conn, const char *where, struct error *err) {
    char text[400];
    (void)snprintf(text, sizeof text, "%s", PQerrorMessage(conn));
    for (char *p = text; *p != '\0'; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
    return error_set(err, PQstatus(conn) == CONNECTION_OK ? ERR_INVALID : ERR_UNAVAILABLE, where, "%s", text);
}

static enum status execute(PGconn *conn, const char *sql, const char *where, struct error *err) {
    PGresult *r = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(r);
    PQclear(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? OK : failed(conn, where, err);
}

/* lock_timeout ends the wait for another migrate, too. */
static enum status prepare(PGconn *conn, struct error *err) {
    PGresult *r = PQexec(conn, prepare_sql);
    const char *sqlstate = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    enum status status = OK;
    if (sqlstate != NULL && strcmp(sqlstate, "55P03") == 0) {
        status = error_set(err, ERR_CONFLICT, "database",
                           "another penstock migrate has been at work for 10 s: wait until it has ended, "
                           "then run this again");
    } else if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        status = failed(conn, "database", err);
    }
    PQclear(r);
    return status;
}

/* A server works on exactly the schema that it started on: none may run while the schema changes, nor start.
 */
static enum status keep_servers_out(PGconn *conn, struct error *err) {
    PGresult *r = PQexec(conn, "select pg_try_advisory_lock(1346719315, 1)"); /* LOCK_SERVER */
    enum status status = PQresultStatus(r) == PGRES_TUPLES_OK ? OK : failed(conn, "database", err);
    if (status == OK && strcmp(PQgetvalue(r, 0, 0), "t") != 0) {
        status = error_set(
            err, ERR_CONFLICT, "database",
            "a penstockd works on this database and needs the schema as it is: stop it first; gateways keep "
            "what they measure meanwhile");
    }
    PQclear(r);
    return status;
}

/* How many are applied; they must be the first of the list, unchanged. */
static enum status check_applied(PGconn *conn, const struct migration *v, uint32_t n, uint32_t *ret_applied,
                                 struct error *err) {
    /* By the number itself: an output column of that name would be sorted as a text. */
    PGresult *r =
        PQexec(conn, "select m.name, m.sha256, m.version::text from schema_migration m order by m.version");
    enum status status = PQresultStatus(r) == PGRES_TUPLES_OK ? OK : failed(conn, "schema_migration", err);
    uint32_t applied = status == OK ? (uint32_t)PQntuples(r) : 0;
    if (status == OK && applied > n) {
        status = error_set(err, ERR_UNSUPPORTED, PQgetvalue(r, (int)n, 0),
                           "the database's schema (%u) is newer than these files (%u): use a newer penstock",
                           applied, n);
    }
    for (uint32_t i = 0; status == OK && i < applied; i++) {
        char version[16];
        (void)snprintf(version, sizeof version, "%u", v[i].version);
        if (strcmp(PQgetvalue(r, (int)i, 1), v[i].sha256) != 0 ||
            strcmp(PQgetvalue(r, (int)i, 2), version) != 0) {
            status = error_set(
                err, ERR_CONFLICT, v[i].name,
                "the file is not the one that made this database (%s then); a released file never changes: "
                "put the old one back",
                PQgetvalue(r, (int)i, 0));
        }
    }
    PQclear(r);
    if (status == OK) {
        *ret_applied = applied;
    }
    return status;
}

static enum status record_applied(PGconn *conn, const struct migration *m, struct error *err) {
    char version[16];
    (void)snprintf(version, sizeof version, "%u", m->version);
    const char *const values[] = {version, m->name, m->sha256};
    PGresult *r = PQexecParams(
        conn, "insert into schema_migration (version, name, sha256) values ($1::integer, $2, $3)", 3, NULL,
        values, NULL, NULL, 0);
    enum status status = PQresultStatus(r) == PGRES_COMMAND_OK ? OK : failed(conn, m->name, err);
    PQclear(r);
    return status;
}

static enum status apply(PGconn *conn, const char *dir, const struct migration *m, struct error *err) {
    char *text = NULL;
    size_t n = 0;
    char sha256[65];
    enum status status = read_file(dir, m->name, &text, &n, err);
    if (status == OK && (hash_text(text, n, sha256) != OK || strcmp(sha256, m->sha256) != 0)) {
        status = error_set(err, ERR_CONFLICT, m->name, "the file changed while it was being applied");
    }
    if (status == OK) {
        status = execute(conn, "begin", m->name, err);
    }
    if (status == OK) {
        status = execute(conn, text, m->name, err);
    }
    free(text);
    if (status == OK && PQtransactionStatus(conn) != PQTRANS_INTRANS) {
        status =
            error_set(err, ERR_INVALID, m->name, "ends its transaction itself; leave out begin and commit");
    }
    if (status == OK) {
        status = record_applied(conn, m, err);
    }
    return status == OK ? execute(conn, "commit", m->name, err) : status;
}

static enum status run(PGconn *conn, const char *dir,
                       void (*on_applied)(void *ctx, const struct migration *m), void *ctx,
                       struct error *err) {
    struct migration *v = calloc(MIGRATIONS_MAX, sizeof *v);
    if (v == NULL) {
        return error_set(err, ERR_NOMEM, dir, "no memory");
    }
    uint32_t n = 0;
    uint32_t applied = 0;
    enum status status = migrate_list(dir, v, MIGRATIONS_MAX, &n, err);
    if (status == OK) {
        status = prepare(conn, err);
    }
    if (status == OK) {
        status = check_applied(conn, v, n, &applied, err);
    }
    if (status == OK && applied < n) {
        status = keep_servers_out(conn, err);
    }
    for (uint32_t i = applied; status == OK && i < n; i++) {
        status = apply(conn, dir, &v[i], err);
        if (status == OK && on_applied != NULL) {
            on_applied(ctx, &v[i]);
        }
    }
    free(v);
    return status;
}

enum status migrate_run(const char *conninfo, const char *dir,
                        void (*on_applied)(void *ctx, const struct migration *m), void *ctx,
                        struct error *err) {
    const char *const keywords[] = {"connect_timeout", "dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {"15", conninfo, "penstock migrate", "UTF8", NULL};
    PGconn *conn = PQconnectdbParams(keywords, values, 1);
    if (conn == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    enum status status = PQstatus(conn) == CONNECTION_OK ? run(conn, dir, on_applied, ctx, err)
                                                         : failed(conn, "database", err);
    PQfinish(conn); /* an open transaction is rolled back */
    return status;
}
