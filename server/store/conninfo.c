#include "server/store/conninfo.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* As libpq has it: what has neither is the name of a database. */
static bool is_name(const char *conninfo) {
    return strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL;
}

static bool is_uri(const char *conninfo) {
    return strncmp(conninfo, "postgresql://", 13) == 0 || strncmp(conninfo, "postgres://", 11) == 0;
}

/* Behind an @ or a / that was not written as %40 or %2F libpq takes the rest of a password for a host, a port
 * or a database, and cites that. Names of sockets may begin with an @. */
static bool has_cut_password(const PQconninfoOption *all, bool uri) {
    for (const PQconninfoOption *o = all; o->keyword != NULL; o++) {
        bool host = strcmp(o->keyword, "host") == 0;
        bool other = uri && (strcmp(o->keyword, "port") == 0 || strcmp(o->keyword, "dbname") == 0);
        const char *at = o->val == NULL || !(host || other) ? NULL : strchr(o->val, '@');
        for (; at != NULL; at = strchr(at + 1, '@')) {
            if (other || (at != o->val && at[-1] != ',')) {
                return true;
            }
        }
    }
    return false;
}

static enum status parse(const char *conninfo, PQconninfoOption **ret, struct error *err) {
    char *cites = NULL;
    PQconninfoOption *all = PQconninfoParse(conninfo, &cites);
    bool no_memory = all == NULL && cites == NULL;
    PQfreemem(cites);
    if (no_memory) {
        return error_set(err, ERR_NOMEM, "database", "no memory to read the connection string");
    }
    if (all == NULL || has_cut_password(all, is_uri(conninfo))) {
        PQconninfoFree(all);
        return error_set(
            err, ERR_INVALID, "database",
            "is no connection string (it is not shown here: it may have a password in it). Wanted "
            "are words NAME=VALUE as libpq knows them, \"host=/run/postgresql dbname=penstock\", a "
            "value with blanks in it 'like this'; or a URI, postgresql://USER@HOST/DATABASE, with "
            "%%40 for @, %%2F for / and %%25 for %% in a password");
    }
    *ret = all;
    return OK;
}

enum status conninfo_check(const char *conninfo, struct error *err) {
    PQconninfoOption *all = NULL;
    enum status status = is_name(conninfo) ? OK : parse(conninfo, &all, err);
    PQconninfoFree(all);
    return status;
}

static void add_quoted(struct buf *out, const char *text) {
    buf_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') {
            buf_byte(out, '\\');
        }
        buf_byte(out, (uint8_t)*text);
    }
    buf_text(out, "' ");
}

/* libpq says itself what is to be hidden where it is shown. */
static bool is_secret(const PQconninfoOption *o) {
    return strchr(o->dispchar, '*') != NULL || strstr(o->keyword, "secret") != NULL;
}

static enum status share_option(const PQconninfoOption *o, struct buf *out, char **password,
                                struct error *err) {
    if (o->val == NULL) {
        return OK;
    }
    if (!is_secret(o)) {
        buf_printf(out, "%s=", o->keyword);
        add_quoted(out, o->val);
        return OK;
    }
    if (strcmp(o->keyword, "password") != 0) {
        return error_set(
            err, ERR_INVALID, "database",
            "%s would be shown to everybody on this machine, as an argument of PostgreSQL's programs. "
            "Put the connection into a service file that only you can read and give \"service=NAME\" "
            "(PGSERVICEFILE names the file), or use a key without a password",
            o->keyword);
    }
    free(*password); /* libpq has each option once */
    *password = strdup(o->val);
    return *password != NULL ? OK : error_set(err, ERR_NOMEM, "database", "no memory for its password");
}

enum status conninfo_share(const char *conninfo, struct buf *out, char **ret_password, struct error *err) {
    PQconninfoOption *all = NULL;
    char *password = NULL;
    enum status status = OK;
    if (is_name(conninfo)) {
        buf_text(out, "dbname=");
        add_quoted(out, conninfo);
    } else {
        status = parse(conninfo, &all, err);
    }
    for (const PQconninfoOption *o = all; status == OK && o != NULL && o->keyword != NULL; o++) {
        status = share_option(o, out, &password, err);
    }
    PQconninfoFree(all);
    buf_byte(out, '\0');
    status = status == OK ? buf_status(out, err) : status;
    if (status != OK) {
        free(password);
        return status;
    }
    *ret_password = password;
    return OK;
}
