#include "server/chain/chain.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* What PostgreSQL counts times from, in microseconds since 1970. */
#define POSTGRES_EPOCH_US TM_YEAR_2000_US

static const struct chain_column revision_columns[] = {
    {"revision", CHAIN_I64}, {"at", CHAIN_TIME},           {"actor", CHAIN_TEXT}, {"reason", CHAIN_TEXT},
    {"op", CHAIN_UUID},      {"second_actor", CHAIN_TEXT}, {"items", CHAIN_HASH},
};
static const struct chain_column audit_columns[] = {
    {"audit_id", CHAIN_I64}, {"at", CHAIN_TIME},     {"actor", CHAIN_TEXT},  {"peer", CHAIN_TEXT},
    {"action", CHAIN_TEXT},  {"object", CHAIN_TEXT}, {"detail", CHAIN_TEXT}, {"op", CHAIN_UUID},
};
static const struct chain_column journal_columns[] = {
    {"seq", CHAIN_I64},          {"n", CHAIN_I64},
    {"alarm_key", CHAIN_I64},    {"site_key", CHAIN_I64},
    {"tag_key", CHAIN_I64},      {"revision", CHAIN_I64},
    {"kind", CHAIN_TEXT},        {"from_letter", CHAIN_TEXT},
    {"to_letter", CHAIN_TEXT},   {"occ", CHAIN_I64},
    {"call", CHAIN_I64},         {"priority", CHAIN_I16},
    {"src_us", CHAIN_I64},       {"at_us", CHAIN_I64},
    {"raised_us", CHAIN_I64},    {"value", CHAIN_F64},
    {"limit_value", CHAIN_F64},  {"quality", CHAIN_I16},
    {"actor_key", CHAIN_I64},    {"actor", CHAIN_TEXT},
    {"comment", CHAIN_TEXT},     {"base_letter", CHAIN_TEXT},
    {"facts", CHAIN_I32},        {"flags", CHAIN_I32},
    {"cause", CHAIN_TEXT},       {"unshelved", CHAIN_TEXT},
    {"raised_at_us", CHAIN_I64}, {"called_us", CHAIN_I64},
    {"until_us", CHAIN_I64},     {"rise_call", CHAIN_I64},
    {"acked_occ", CHAIN_I64},    {"position", CHAIN_TEXT},
    {"desk", CHAIN_TEXT},        {"source", CHAIN_TEXT},
    {"unit", CHAIN_TEXT},
};
#define COLUMNS(v) sizeof(v) / sizeof((v)[0]), (v)
static const struct chain_table tables[CHAIN_SOURCES] = {
    {"config_revision", COLUMNS(revision_columns)},
    {"audit", COLUMNS(audit_columns)},
    {"alarm_journal", COLUMNS(journal_columns)},
};
_Static_assert(sizeof journal_columns / sizeof journal_columns[0] <= CHAIN_FIELDS_MAX,
               "the widest table fits");

const struct chain_table *chain_table(int source) {
    return source >= CHAIN_REVISION && source <= CHAIN_JOURNAL ? &tables[source - 1] : NULL;
}

/* --- hashes --- */

struct chain_digest {
    EVP_MD_CTX *ctx;
};

static void put_big(uint8_t *p, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    }
}

static uint64_t get_big(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static enum status no_hash(struct error *err) {
    return error_set(err, ERR_NOMEM, "chain", "the hash cannot be computed: no memory");
}

static enum status begin(struct chain_digest *d, struct error *err) {
    return EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1 ? OK : no_hash(err);
}

enum status chain_digest_new(struct chain_digest **ret, struct error *err) {
    struct chain_digest *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->ctx = EVP_MD_CTX_new();
    }
    if (d == NULL || d->ctx == NULL) {
        chain_digest_free(&d);
        return no_hash(err);
    }
    *ret = d;
    return begin(d, err);
}

enum status chain_digest_add(struct chain_digest *d, const struct chain_field *field, struct error *err) {
    uint8_t length[4];
    put_big(length, field->p == NULL ? UINT32_MAX : field->n, sizeof length);
    bool done = EVP_DigestUpdate(d->ctx, length, sizeof length) == 1 &&
                (field->p == NULL || EVP_DigestUpdate(d->ctx, field->p, field->n) == 1);
    return done ? OK : no_hash(err);
}

enum status chain_digest_take(struct chain_digest *d, uint8_t ret[CHAIN_HASH_SIZE], struct error *err) {
    return EVP_DigestFinal_ex(d->ctx, ret, NULL) == 1 ? begin(d, err) : no_hash(err);
}

void chain_digest_free(struct chain_digest **d) {
    if (*d != NULL) {
        EVP_MD_CTX_free((*d)->ctx);
        free(*d);
        *d = NULL;
    }
}

enum status chain_hash(const struct chain_seal *seal, const struct chain_row *row,
                       uint8_t ret[CHAIN_HASH_SIZE], struct error *err) {
    uint8_t head[CHAIN_HASH_SIZE + 28];
    memcpy(head, seal->prev, CHAIN_HASH_SIZE);
    /* Signed numbers as their bit patterns. */
    put_big(head + CHAIN_HASH_SIZE, (uint64_t)seal->pos, 8);
    put_big(head + CHAIN_HASH_SIZE + 8, (uint16_t)seal->form, 2);
    put_big(head + CHAIN_HASH_SIZE + 10, (uint16_t)seal->source, 2);
    put_big(head + CHAIN_HASH_SIZE + 12, (uint64_t)seal->row_id, 8);
    put_big(head + CHAIN_HASH_SIZE + 20, (uint64_t)seal->sealed_us, 8);
    struct chain_digest *d = NULL;
    enum status status = chain_digest_new(&d, err);
    if (status == OK && EVP_DigestUpdate(d->ctx, head, sizeof head) != 1) {
        status = no_hash(err);
    }
    for (uint32_t i = 0; i < row->n && status == OK; i++) {
        status = chain_digest_add(d, &row->fields[i], err);
    }
    status = status == OK ? chain_digest_take(d, ret, err) : status;
    chain_digest_free(&d);
    return status;
}

/* --- texts --- */

void chain_hex(struct buf *out, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%02x", p[i]);
    }
}

static int nibble(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

bool chain_unhex(const char *text, uint8_t *ret, size_t n) {
    if (strlen(text) != 2 * n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        int high = nibble(text[2 * i]);
        int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ret[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static void json_time(struct buf *out, int64_t us) {
    char text[TM_TEXT_SIZE];
    if (tm_format(us, text) == OK) {
        buf_printf(out, "\"%s\"", text);
    } else {
        buf_text(out, "null");
    }
}

static void json_uuid(struct buf *out, const uint8_t *p) {
    static const uint8_t parts[] = {4, 2, 2, 2, 6};
    buf_byte(out, '"');
    for (size_t i = 0; i < sizeof parts; i++) {
        buf_text(out, i == 0 ? "" : "-");
        chain_hex(out, p, parts[i]);
        p += parts[i];
    }
    buf_byte(out, '"');
}

/* Bytes of a value; 0: any. */
static uint32_t size_of(enum chain_type type) {
    switch (type) {
    case CHAIN_I16:
        return 2;
    case CHAIN_I32:
        return 4;
    case CHAIN_I64:
    case CHAIN_F64:
    case CHAIN_TIME:
        return 8;
    case CHAIN_UUID:
        return 16;
    case CHAIN_HASH:
        return CHAIN_HASH_SIZE;
    case CHAIN_TEXT:
        return 0;
    }
    return 0;
}

static void json_value(struct buf *out, enum chain_type type, const struct chain_field *f) {
    if (f->p == NULL) {
        buf_text(out, "null");
        return;
    }
    CHECK(size_of(type) == 0 || f->n == size_of(type)); /* the statement names the type */
    uint64_t bits = f->n <= 8 ? get_big(f->p, f->n) : 0;
    double number = 0;
    switch (type) {
    case CHAIN_I16:
        buf_printf(out, "%d", (int16_t)bits);
        return;
    case CHAIN_I32:
        buf_printf(out, "%d", (int32_t)bits);
        return;
    case CHAIN_I64:
        buf_printf(out, "%lld", (long long)bits);
        return;
    case CHAIN_F64:
        memcpy(&number, &bits, sizeof number);
        buf_json_number(out, number);
        return;
    case CHAIN_TIME:
        json_time(out, (int64_t)(bits + (uint64_t)POSTGRES_EPOCH_US));
        return;
    case CHAIN_UUID:
        json_uuid(out, f->p);
        return;
    case CHAIN_HASH:
        buf_byte(out, '"');
        chain_hex(out, f->p, f->n);
        buf_byte(out, '"');
        return;
    case CHAIN_TEXT:
        buf_json_string(out, slice_of(f->p, f->n));
        return;
    }
}

void chain_json(struct buf *out, const struct chain_seal *seal, const struct chain_row *row) {
    const struct chain_table *t = chain_table(seal->source);
    CHECK(row == NULL || (t != NULL && row->n == t->n));
    buf_printf(out, "{\"pos\":%lld,\"sealed\":", (long long)seal->pos);
    json_time(out, seal->sealed_us);
    buf_printf(out, ",\"source\":\"%s\",\"id\":%lld,\"hash\":\"", t == NULL ? "unknown" : t->name,
               (long long)seal->row_id);
    chain_hex(out, seal->hash, CHAIN_HASH_SIZE);
    buf_text(out, row == NULL ? "\",\"row\":null}" : "\",\"row\":{");
    for (uint32_t i = 0; row != NULL && i < t->n; i++) {
        buf_printf(out, "%s\"%s\":", i == 0 ? "" : ",", t->columns[i].name);
        json_value(out, t->columns[i].type, &row->fields[i]);
    }
    buf_text(out, row == NULL ? "" : "}}");
}
