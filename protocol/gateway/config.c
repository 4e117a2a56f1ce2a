#include "protocol/gateway/config.h"

#include "protocol/client/identity.h"
#include "server/base/buf.h"

#include <errno.h>
#include <stdio.h>

enum { FLUSH_MS_MAX = 60000, GATHER_MS = 600000, GATHER_MS_MAX = 3600000, MIB = 1024 * 1024 };

static void read_source(struct settings *r, const struct place *p, struct gateway_source *ret) {
    const char *names[16];
    size_t n = 0;
    for (; source_kinds[n] != NULL; n++) {
        names[n] = source_kinds[n]->name;
    }
    names[n] = NULL;
    int kind = settings_choice(r, p, "kind", names, -1);
    const char *named = json_string_value(json_object_get(p->value, "kind"));
    if (named != NULL && strcmp(named, names[kind]) == 0) {
        ret->kind = source_kinds[kind];
        ret->settings = ret->kind->read(r, p);
    }
}

static void read_server(struct settings *r, const struct place *p, struct gateway_config *c) {
    static const char *const keys[] = {"host", "port", "name", NULL};
    if (!settings_object(r, p, keys)) {
        return;
    }
    c->host = settings_address(r, p, "host");
    c->port = (uint16_t)settings_integer(r, p, "port", LINK_PORT, 1, UINT16_MAX);
    c->server_name = settings_text(r, p, "name", NULL);
}

static void read_journal(struct settings *r, const struct place *p, struct gateway_config *c) {
    static const char *const keys[] = {"dir", "capacity_mib", "segment_kib", "keep_mib", NULL};
    if (!settings_object(r, p, keys)) {
        return;
    }
    c->journal_dir = settings_text(r, p, "dir", NULL);
    c->journal_bytes = (uint64_t)settings_integer(r, p, "capacity_mib", 64, 1, 1024) * MIB;
    c->keep_bytes = settings_has(p, "keep_mib")
                        ? (uint64_t)settings_integer(r, p, "keep_mib", -1, 0, 1024) * MIB
                        : c->journal_bytes / 4;
    if (settings_has(p, "segment_kib")) {
        c->segment_bytes = (uint32_t)settings_integer(r, p, "segment_kib", -1, 4, 16384) * 1024;
    }
}

static void look_at_keys(struct settings *r, const struct place *top, const struct gateway_config *c) {
    static const char *const keys[] = {
        [IDENTITY_CA] = "ca", [IDENTITY_CERT] = "cert", [IDENTITY_KEY] = "key"};
    const char *const files[] = {[IDENTITY_CA] = c->ca, [IDENTITY_CERT] = c->cert, [IDENTITY_KEY] = c->key};
    if (r->faults->n > 0 &&
        (c->name[0] == '\0' || c->ca[0] == '\0' || c->cert[0] == '\0' || c->key[0] == '\0')) {
        return; /* it is told already that one is missing */
    }
    const struct identity_config cfg = {
        .name = c->name, .ca_file = c->ca, .cert_file = c->cert, .key_file = c->key};
    for (int i = IDENTITY_CA; i <= IDENTITY_KEY; i++) {
        const char *fault = identity_file_fault(&cfg, (enum identity_file)i);
        if (fault != NULL) {
            settings_fault(r, top, keys[i], "%s: %s", files[i], fault);
        }
    }
}

static void read_all(struct settings *r, const json_t *root, enum gateway_config_depth depth,
                     struct gateway_config *c) {
    static const char *const keys[] = {"name",    "server",         "ca",      "cert",      "key",
                                       "journal", "flush_ms",       "sync_ms", "gather_ms", "sources",
                                       "ledger",  "exit_when_done", NULL};
    struct place top = {.value = root};
    if (!settings_object(r, &top, keys)) {
        return;
    }
    c->name = settings_text(r, &top, "name", NULL);
    struct place server = settings_member(&top, "server");
    read_server(r, &server, c);
    c->ca = settings_text(r, &top, "ca", NULL);
    c->cert = settings_text(r, &top, "cert", NULL);
    c->key = settings_text(r, &top, "key", NULL);
    if (depth == GATEWAY_CONFIG_AND_KEYS) {
        look_at_keys(r, &top, c);
    }
    struct place journal = settings_member(&top, "journal");
    read_journal(r, &journal, c);
    c->flush_ms = (uint32_t)settings_integer(r, &top, "flush_ms", 1000, 10, FLUSH_MS_MAX);
    c->sync_ms = (uint32_t)settings_integer(r, &top, "sync_ms", 200, 0, FLUSH_MS_MAX);
    c->gather_ms = (uint32_t)settings_integer(r, &top, "gather_ms", GATHER_MS, 1, GATHER_MS_MAX);
    c->ledger = settings_has(&top, "ledger") ? settings_text(r, &top, "ledger", NULL) : NULL;
    c->exit_when_done = settings_bool(r, &top, "exit_when_done", false);
    c->n_sources = (uint32_t)settings_list(r, &top, "sources", 1, GATEWAY_SOURCES_MAX);
    struct place sources = settings_member(&top, "sources");
    for (uint32_t i = 0; i < c->n_sources; i++) {
        struct place source = settings_element(&sources, i);
        read_source(r, &source, &c->sources[i]);
    }
}

static enum status read_file(const char *file, struct buf *text, struct error *err) {
    FILE *in = fopen(file, "rbe");
    if (in == NULL) {
        return error_set(err, ERR_IO, file, "cannot be opened: %s", strerrordesc_np(errno));
    }
    char chunk[16384];
    for (size_t n = fread(chunk, 1, sizeof chunk, in); n > 0 && !text->failed;
         n = fread(chunk, 1, sizeof chunk, in)) {
        buf_append(text, chunk, n);
    }
    bool whole = text->failed || (feof(in) != 0 && ferror(in) == 0);
    (void)fclose(in);
    if (!whole) {
        return error_set(err, ERR_IO, file, "cannot be read to its end");
    }
    return text->failed ? error_set(err, ERR_TOO_BIG, file, "the file is too big; at most %d MiB",
                                    GATEWAY_FILE_MAX / MIB)
                        : OK;
}

enum status gateway_config_read(const char *file, enum gateway_config_depth depth, struct gateway_config *ret,
                                struct settings_faults *faults, struct error *err) {
    faults->n = 0;
    faults->more = 0;
    struct buf text;
    buf_init(&text, GATEWAY_FILE_MAX);
    struct gateway_config c = {0};
    arena_init(&c.arena, SETTINGS_TEXTS_MAX);
    struct settings r = {0};
    json_t *root = NULL;
    enum status st = read_file(file, &text, err);
    if (st == OK) {
        st = settings_init(&r, &c.arena, faults, buf_slice(&text), err);
    }
    if (st == OK && settings_parse(&r, &root)) {
        read_all(&r, root, depth, &c);
    }
    json_decref(root);
    settings_sort(faults);
    settings_done(&r);
    buf_done(&text);
    if (st == OK && faults->n > 0) {
        st = error_set(err, ERR_INVALID, file, "%u fault%s", (unsigned)(faults->n + faults->more),
                       faults->n + faults->more == 1 ? "" : "s");
    }
    if (st != OK) {
        arena_done(&c.arena);
        return st;
    }
    *ret = c;
    return OK;
}

void gateway_config_done(struct gateway_config *c) {
    arena_done(&c->arena);
}
