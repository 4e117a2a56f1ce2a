#include "server/app/opts.h"

#include "server/store/conninfo.h"
#include "server/store/packer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum opt_type { OPT_TEXT, OPT_PORT, OPT_COUNT, OPT_LEVEL, OPT_SWITCH };

struct opt {
    const char *group; /* NULL: at the top */
    const char *name;
    enum opt_type type;
    size_t offset;
    bool required;
};

#define OPT(group_, name_, type_, field_, required_)                                                         \
    {                                                                                                        \
        .group = (group_), .name = (name_), .type = (type_), .offset = offsetof(struct opts, field_),        \
        .required = (required_)                                                                              \
    }

static const struct opt table[] = {
    OPT(NULL, "db", OPT_TEXT, db, true),
    OPT(NULL, "migrations", OPT_TEXT, migrations, true),
    OPT(NULL, "ports_file", OPT_TEXT, ports_file, false),
    OPT(NULL, "spool", OPT_TEXT, spool, false),
    OPT(NULL, "pack_after_s", OPT_COUNT, pack_after_s, false),
    OPT(NULL, "keep_raw_h", OPT_COUNT, keep_raw_h, false),
    OPT(NULL, "store_path", OPT_TEXT, store_path, false),
    OPT(NULL, "store_limit_gib", OPT_COUNT, store_limit_gib, false),
    OPT(NULL, "audit_key", OPT_TEXT, audit_key, false),
    OPT(NULL, "audit_file", OPT_TEXT, audit_file, false),
    OPT(NULL, "log", OPT_LEVEL, log_level, false),
#ifdef PENSTOCK_MUTANTS
    OPT(NULL, "mutant_ack_before_commit", OPT_SWITCH, mutant_ack_before_commit, false),
#endif
    OPT("link", "address", OPT_TEXT, link.address, true),
    OPT("link", "port", OPT_PORT, link.port, true),
    OPT("link", "ca", OPT_TEXT, link.ca, true),
    OPT("link", "cert", OPT_TEXT, link.cert, true),
    OPT("link", "key", OPT_TEXT, link.key, true),
    OPT("link", "crl", OPT_TEXT, link.crl, false),
    OPT("link", "ca_key", OPT_TEXT, link.ca_key, false),
    OPT("link", "sessions_max", OPT_COUNT, link.sessions_max, false),
    OPT("link", "backlog_rate", OPT_COUNT, link.backlog_rate, false),
    OPT("web", "address", OPT_TEXT, web.address, true),
    OPT("web", "port", OPT_PORT, web.port, true),
    OPT("web", "cert", OPT_TEXT, web.cert, true),
    OPT("web", "key", OPT_TEXT, web.key, true),
    OPT("web", "dir", OPT_TEXT, web.dir, true),
    OPT("web", "origins", OPT_TEXT, web.origins, false),
    OPT("web", "password_mib", OPT_COUNT, web.password_mib, false),
    OPT("syslog", "host", OPT_TEXT, syslog.host, true),
    OPT("syslog", "port", OPT_PORT, syslog.port, true),
    OPT("syslog", "ca", OPT_TEXT, syslog.ca, true),
    OPT("syslog", "cert", OPT_TEXT, syslog.cert, false),
    OPT("syslog", "key", OPT_TEXT, syslog.key, false),
};
enum { OPTS = sizeof table / sizeof table[0] };

/* Objects at the top. */
static const struct {
    const char *name;
    bool required;
} groups[] = {{"link", true}, {"web", true}, {"syslog", false}};
enum { GROUPS = sizeof groups / sizeof groups[0] };

static void pointer_of(const char *group, const char *name, char ret[160]) {
    (void)snprintf(ret, 160, "%s%s/%s", group == NULL ? "" : "/", group == NULL ? "" : group, name);
}

static enum status set_text(const json_t *value, char *to, const char *where, struct error *err) {
    if (!json_is_string(value) || json_string_length(value) >= OPTS_TEXT_SIZE) {
        return error_set(err, ERR_INVALID, where, "wants a text of less than %d bytes", OPTS_TEXT_SIZE);
    }
    memcpy(to, json_string_value(value), json_string_length(value) + 1);
    return OK;
}

static enum status set_number(const json_t *value, json_int_t max, json_int_t *ret, const char *where,
                              struct error *err) {
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max) {
        return error_set(err, ERR_INVALID, where, "wants a whole number from 0 to %lld", (long long)max);
    }
    *ret = json_integer_value(value);
    return OK;
}

static enum status set_opt(const struct opt *o, const json_t *value, struct opts *opts, struct error *err) {
    char where[160];
    pointer_of(o->group, o->name, where);
    void *to = (char *)opts + o->offset;
    json_int_t number = 0;
    enum status status = OK;
    switch (o->type) {
    case OPT_TEXT:
        return set_text(value, to, where, err);
    case OPT_PORT:
        status = set_number(value, UINT16_MAX, &number, where, err);
        if (status == OK) {
            *(uint16_t *)to = (uint16_t)number;
        }
        return status;
    case OPT_COUNT:
        status = set_number(value, INT32_MAX, &number, where, err);
        if (status == OK) {
            *(uint32_t *)to = (uint32_t)number;
        }
        return status;
    case OPT_LEVEL:
        if (!json_is_string(value) || !log_level_parse(json_string_value(value), to)) {
            return error_set(err, ERR_INVALID, where, "wants \"error\", \"warn\", \"info\" or \"debug\"");
        }
        return OK;
    case OPT_SWITCH:
        if (!json_is_boolean(value)) {
            return error_set(err, ERR_INVALID, where, "wants true or false");
        }
        *(bool *)to = json_is_true(value);
        return OK;
    }
    return ERR_INTERNAL;
}

static bool same_group(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_group_name(const char *name) {
    size_t i = 0;
    while (i < GROUPS && strcmp(groups[i].name, name) != 0) {
        i++;
    }
    return i < GROUPS;
}

/* All fields of one object: known, right, and none missing. At the top, the groups are objects of their own.
 */
static enum status read_group(const json_t *object, const char *group, struct opts *opts, struct error *err) {
    char where[160];
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, name, value) {
        size_t i = 0;
        while (i < OPTS && !(same_group(table[i].group, group) && strcmp(table[i].name, name) == 0)) {
            i++;
        }
        bool is_group =
            group == NULL ? is_group_name(name) : strcmp(group, "link") == 0 && strcmp(name, "limits") == 0;
        if (i == OPTS && !is_group) {
            pointer_of(group, name, where);
            return error_set(err, ERR_INVALID, where, "is not a field that penstockd knows");
        }
        enum status status = is_group ? OK : set_opt(&table[i], value, opts, err);
        if (status != OK) {
            return status;
        }
    }
    for (size_t i = 0; i < OPTS; i++) {
        if (table[i].required && same_group(table[i].group, group) &&
            json_object_get(object, table[i].name) == NULL) {
            pointer_of(group, table[i].name, where);
            return error_set(err, ERR_INVALID, where, "is missing");
        }
    }
    return OK;
}

/* The limits of the link, each by its name; those that are not named keep their defaults. */
static enum status read_limits(const json_t *object, struct link_limits *limits, struct error *err) {
    struct error fault = {0};
    char where[160];
    const char *name = NULL;
    json_t *value = NULL;
    enum status status = OK;
    if (object != NULL && !json_is_object(object)) {
        return error_set(err, ERR_INVALID, "/link/limits", "wants an object");
    }
    json_object_foreach((json_t *)object, name, value) {
        /* What is no whole number is out of all bounds. */
        int64_t number = json_is_integer(value) ? json_integer_value(value) : -1;
        status = link_limits_set(limits, name, number, &fault);
        if (status != OK) {
            break;
        }
    }
    status = status == OK ? link_limits_check(limits, &fault) : status;
    if (status == OK) {
        return OK;
    }
    (void)snprintf(where, sizeof where, "/link/limits/%s", fault.where);
    return error_set(err, ERR_INVALID, where, "%s", fault.text);
}

/* With the field's place. */
static enum status check_db(const char *db, struct error *err) {
    struct error fault;
    enum status status = conninfo_check(db, &fault);
    return status == OK ? OK : error_set(err, status, "/db", "%s", fault.text);
}

static enum status read_object(const json_t *root, struct opts *opts, struct error *err) {
    if (!json_is_object(root)) {
        return error_set(err, ERR_INVALID, "/", "wants an object");
    }
    enum status status = read_group(root, NULL, opts, err);
    for (size_t i = 0; i < GROUPS && status == OK; i++) {
        const json_t *group = json_object_get(root, groups[i].name);
        bool left_out = group == NULL && !groups[i].required;
        if (!left_out && !json_is_object(group)) {
            char where[160];
            pointer_of(NULL, groups[i].name, where);
            return error_set(err, ERR_INVALID, where, "is missing or not an object");
        }
        status = left_out ? OK : read_group(group, groups[i].name, opts, err);
    }
    status = status == OK ? check_db(opts->db, err) : status;
    const json_t *limits = json_object_get(json_object_get(root, "link"), "limits");
    return status == OK ? read_limits(limits, &opts->link.limits, err) : status;
}

enum status opts_read(const char *file, struct opts *ret, struct error *err) {
    json_error_t fault;
    json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL) {
        /* What is cited may be a part of a password. */
        char *cited = strstr(fault.text, " near '");
        if (cited != NULL) {
            *cited = '\0';
        }
        return error_set(err, fault.line > 0 ? ERR_INVALID : ERR_IO, file, "line %d, column %d: %s",
                         fault.line, fault.column, fault.text);
    }
    struct opts opts = {.log_level = LOG_INFO, .pack_after_s = PACKER_AFTER_S, .keep_raw_h = PACKER_KEEP_H};
    opts.link.sessions_max = 2000;
    opts.link.limits = link_limits_usual();
    enum status status = read_object(root, &opts, err);
    json_decref(root);
    if (status == OK) {
        *ret = opts;
    }
    return status;
}
