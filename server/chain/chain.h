/* The chain of hashes over the operations journal (migrations/0012_chain.sql seals it, by SQL): its places,
 * the canonical form of the rows that they hold, and the hash that joins them, computed here a second time
 * and without the database. A place's hash is SHA-256 over the hash before it, the place's own numbers and
 * the row's canonical bytes: of every column a length of 4 bytes (-1: null) and the value as PostgreSQL sends
 * it in binary, texts in UTF-8. Pure. */
#ifndef PENSTOCK_CHAIN_CHAIN_H
#define PENSTOCK_CHAIN_CHAIN_H

#include "server/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHAIN_HASH_SIZE = 32, CHAIN_FORM = 1, CHAIN_FIELDS_MAX = 40 };

enum chain_source { CHAIN_REVISION = 1, CHAIN_AUDIT = 2, CHAIN_JOURNAL = 3 };
enum { CHAIN_SOURCES = 3 };

enum chain_type {
    CHAIN_I16,
    CHAIN_I32,
    CHAIN_I64,
    CHAIN_F64,
    CHAIN_TEXT,
    CHAIN_UUID,
    CHAIN_TIME,
    CHAIN_HASH
};

struct chain_column {
    const char *name;
    enum chain_type type;
};

/* What of a table is sealed: its columns in their order; the first is the number of the row. */
struct chain_table {
    const char *name;
    uint32_t n;
    const struct chain_column *columns;
};

/* A place in the chain. */
struct chain_seal {
    int64_t pos; /* from 1 */
    int16_t form;
    int16_t source; /* enum chain_source */
    int64_t row_id;
    int64_t sealed_us;
    uint8_t prev[CHAIN_HASH_SIZE];
    uint8_t hash[CHAIN_HASH_SIZE];
};

/* A value as it came, in binary; NULL: null. */
struct chain_field {
    const void *p;
    uint32_t n;
};

/* A row: as many fields as its table has columns. Borrowed. */
struct chain_row {
    const struct chain_field *fields;
    uint32_t n;
};

/* NULL if there is no such source. */
const struct chain_table *chain_table(int source);

/* The hash that belongs to this place with this row. ERR_NOMEM. */
MUSTCHECK enum status chain_hash(const struct chain_seal *seal, const struct chain_row *row,
                                 uint8_t ret[CHAIN_HASH_SIZE], struct error *err);

/* Hash of many fields that need not be there at once: the items of a revision. */
struct chain_digest;
MUSTCHECK enum status chain_digest_new(struct chain_digest **ret, struct error *err);
MUSTCHECK enum status chain_digest_add(struct chain_digest *d, const struct chain_field *field,
                                       struct error *err);
/* And begins anew. */
MUSTCHECK enum status chain_digest_take(struct chain_digest *d, uint8_t ret[CHAIN_HASH_SIZE],
                                        struct error *err);
void chain_digest_free(struct chain_digest **d);

/* Appends a hash in hexadecimal; reads one. False if it is none. */
void chain_hex(struct buf *out, const uint8_t *p, size_t n);
bool chain_unhex(const char *text, uint8_t *ret, size_t n);

/* Appends the place and its row as a JSON object on one line, without a line feed: {"pos": …, "sealed": time,
 * "source": table, "id": …, "hash": hex, "row": {column: value, …}}. A double that is no number is null; so
 * is the row when row is NULL, because its table does not have it any more. */
void chain_json(struct buf *out, const struct chain_seal *seal, const struct chain_row *row);

#endif
