#include "server/chain/verify.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <stdio.h>
#include <string.h>

/* So long after its commit a row is sealed at the latest while a server runs, with room to spare. */
#define SEALED_WITHIN_US (60 * TM_SECOND_US)

void verify_init(struct verify *v, int64_t first_pos) {
    *v = (struct verify){.first_pos = first_pos, .pos = first_pos - 1};
}

static enum status broken(const struct chain_seal *s, struct error *err, const char *what) {
    const struct chain_table *t = chain_table(s->source);
    char where[160];
    (void)snprintf(where, sizeof where, "%s %lld (position %lld)",
                   t == NULL ? "a row of an unknown table" : t->name, (long long)s->row_id,
                   (long long)s->pos);
    return error_set(err, ERR_INVALID, where, "%s", what);
}

static enum status verify_link(const struct verify *v, const struct chain_seal *s, struct error *err) {
    if (s->pos != v->pos + 1) {
        return error_set(err, ERR_INVALID, "chain", "position %lld is missing: it was deleted",
                         (long long)(v->pos + 1));
    }
    bool believed = s->pos == v->first_pos && s->pos > 1;
    if (!believed && memcmp(s->prev, v->hash, CHAIN_HASH_SIZE) != 0) {
        return broken(s, err, "does not follow the position before: positions were moved or written anew");
    }
    return s->form == CHAIN_FORM && chain_table(s->source) != NULL
               ? OK
               : error_set(err, ERR_UNSUPPORTED, "chain",
                           "position %lld has form %d of source %d, which this program does not know",
                           (long long)s->pos, s->form, s->source);
}

/* When the audit first had a higher number than this one; INT64_MIN: longer ago than is remembered, or never.
 */
static int64_t passed_us(const struct verify *v, int64_t row_id) {
    uint64_t low = v->n_moments > VERIFY_MOMENTS ? v->n_moments - VERIFY_MOMENTS : 0;
    uint64_t high = v->n_moments;
    bool forgotten = low > 0 && v->moments[low % VERIFY_MOMENTS].row_id > row_id;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (v->moments[middle % VERIFY_MOMENTS].row_id > row_id) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return forgotten || low == v->n_moments ? INT64_MIN : v->moments[low % VERIFY_MOMENTS].sealed_us;
}

static void remember_moment(struct verify *v, const struct chain_seal *s) {
    struct verify_moment *last = v->n_moments == 0 ? NULL : &v->moments[(v->n_moments - 1) % VERIFY_MOMENTS];
    if (last == NULL || last->sealed_us != s->sealed_us) {
        last = &v->moments[v->n_moments++ % VERIFY_MOMENTS];
    }
    *last = (struct verify_moment){.row_id = s->row_id, .sealed_us = s->sealed_us};
}

static enum status verify_order(const struct verify *v, const struct chain_seal *s, struct error *err) {
    int64_t newest = v->newest[s->source];
    bool knows_before = newest != 0 || v->first_pos == 1;
    if (s->source == CHAIN_JOURNAL && knows_before && s->row_id > newest + 1) {
        long long missing = newest + 1;
        char where[64];
        (void)snprintf(where, sizeof where, "alarm_journal %lld", missing);
        return error_set(err, ERR_INVALID, where,
                         "was deleted before it was sealed: the journal begins with 1 and has no gaps");
    }
    if (s->row_id > newest) {
        return OK;
    }
    bool in_time = s->source == CHAIN_AUDIT && passed_us(v, s->row_id) >= s->sealed_us - VERIFY_LATE_US;
    return in_time
               ? OK
               : broken(s, err, "was put in afterwards: rows with higher numbers were sealed long before");
}

enum status verify_seal(struct verify *v, const struct chain_seal *s, const struct chain_row *row,
                        struct error *err) {
    enum status status = verify_link(v, s, err);
    if (status == OK && row == NULL) {
        status = broken(s, err, "was deleted");
    }
    uint8_t hash[CHAIN_HASH_SIZE] = {0};
    status = status == OK ? chain_hash(s, row, hash, err) : status;
    if (status == OK && memcmp(hash, s->hash, CHAIN_HASH_SIZE) != 0) {
        status = broken(s, err, "was changed, or its place in the chain was: the hash is another one");
    }
    status = status == OK ? verify_order(v, s, err) : status;
    if (status != OK) {
        return status;
    }
    v->first_us = s->pos == v->first_pos ? s->sealed_us : v->first_us;
    v->pos = s->pos;
    v->sealed_us = s->sealed_us;
    memcpy(v->hash, s->hash, CHAIN_HASH_SIZE);
    if (s->row_id > v->newest[s->source]) {
        if (s->source == CHAIN_AUDIT) {
            remember_moment(v, s);
        }
        v->newest[s->source] = s->row_id;
        v->newest_us[s->source] = s->sealed_us;
    }
    return OK;
}

enum status verify_point(struct verify *v, const struct point *p, const struct point_keys *keys,
                         struct error *err) {
    CHECK(p->pos >= v->pos);
    char where[64];
    (void)snprintf(where, sizeof where, "checkpoint at position %lld", (long long)p->pos);
    enum status status = keys == NULL ? OK : point_check(keys, p, err);
    if (status != OK) {
        return status;
    }
    if (p->pos > v->pos) {
        return error_set(err, ERR_INVALID, where, "the chain ends at position %lld: its tail was cut off",
                         (long long)v->pos);
    }
    if (memcmp(p->hash, v->hash, CHAIN_HASH_SIZE) != 0) {
        return error_set(err, ERR_INVALID, where,
                         "the chain has another hash there: after position %lld it was written anew",
                         (long long)v->point_pos);
    }
    v->point_pos = p->pos;
    v->point_us = v->sealed_us;
    return OK;
}

enum status verify_signed(const struct verify *v, struct error *err) {
    int64_t since_us = v->point_pos == 0 ? v->first_us : v->point_us;
    if (v->sealed_us - since_us <= VERIFY_UNSIGNED_US) {
        return OK;
    }
    return error_set(
        err, ERR_INVALID, "checkpoints",
        "none is signed behind position %lld, although the chain goes on to %lld: checkpoints were "
        "deleted, or the server had no key",
        (long long)v->point_pos, (long long)v->pos);
}

enum status verify_unsealed(const struct verify *v, int source, int64_t row_id, int64_t at_us,
                            struct error *err) {
    const struct chain_table *t = chain_table(source);
    CHECK(t != NULL);
    /* A row of the audit may have been committed behind one with a higher number, just now. */
    bool may_come = source == CHAIN_AUDIT && row_id > 0 && row_id > v->newest[source] - VERIFY_LATE_ROWS &&
                    at_us > v->newest_us[source] - SEALED_WITHIN_US;
    if (row_id > v->newest[source] || may_come) {
        return OK;
    }
    char where[64];
    (void)snprintf(where, sizeof where, "%s %lld", t->name, (long long)row_id);
    return error_set(err, ERR_INVALID, where, "was put in afterwards: it has no place in the chain");
}

enum status verify_waiting(const struct verify *v, int source, int64_t row_id, int64_t at_us, int64_t now_us,
                           struct error *err) {
    const struct chain_table *t = chain_table(source);
    CHECK(t != NULL);
    if (now_us - at_us <= VERIFY_WAITING_US) {
        return OK;
    }
    char where[64];
    char since[TM_TEXT_SIZE];
    if (tm_format(at_us, since) != OK) {
        since[0] = '\0';
    }
    (void)snprintf(where, sizeof where, "%s %lld", t->name, (long long)row_id);
    return error_set(
        err, ERR_INVALID, where,
        "has had no place in the chain since %s: %s, or no server was running that could seal it. "
        "Start penstockd, which does so within seconds; if it has been running, the chain was cut",
        since, v->pos == 0 ? "all of the chain was removed" : "the end of the chain was cut off");
}

enum status verify_exported(const struct verify *v, int64_t pos, struct error *err) {
    return pos <= v->pos
               ? OK
               : error_set(err, ERR_INVALID, "chain",
                           "ends at position %lld, but was exported up to %lld: its tail was cut off",
                           (long long)v->pos, (long long)pos);
}
