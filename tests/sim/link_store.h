/* The store of the link's simulation: a database that outlives servers, and the part of a server that brings
 * records to it, as server/store/ingest.h describes it. Records wait in order of arrival and travel in
 * batches, one transaction each. A transaction commits or does not, and its answer comes or is lost: then it
 * is sent again, while the first one may still commit, whatever becomes of the server. Each record's effect
 * is bound to a row of its own. A question of what is committed is answered when all that came before it is.
 */
#ifndef PENSTOCK_TESTS_SIM_LINK_STORE_H
#define PENSTOCK_TESTS_SIM_LINK_STORE_H

#include "server/link/roster.h"
#include "tests/sim/sim.h"

enum {
    STORE_EPOCHS = 128,
    STORE_SEQS = 512,
    STORE_SAMPLES = 8192,
    STORE_LOSSES = 512,
    STORE_QUEUE = 64,
    STORE_TXS = 128,
    STORE_BATCH = 8,
    STORE_POOL = 1 << 20,
};
#define STORE_T0_US INT64_C(1790000000000000) /* sample k was measured at T0 + k µs */

/* The rules that a mutant breaks. */
struct rules {
    const char *name;
    bool epochs_again;  /* a gateway begins with an epoch number that was used before */
    bool acks_early;    /* acknowledged on receipt */
    bool settles_early; /* WELCOME does not wait for what is on the way */
    bool no_row;        /* the records have no rows of their own: what comes again is applied again */
    bool sync_lies;     /* the gateway's disk says "durable" and is not */
    bool clears_early;  /* what gathered at the gateway is forgotten before its record is durable */
};

struct store_rec {
    uint64_t epoch;
    uint64_t seq;
    uint64_t dict;
    uint32_t crc;
    uint8_t type;
    struct slice body;
    uint32_t n;
    const struct sample *v;
    bool again; /* it is only compared with its row */
    bool tells_loss;
    struct event_lost lost;
};

/* A transaction in PostgreSQL. */
struct tx {
    bool running;
    bool answers; /* a server waits for the answer */
    uint32_t n;
    const struct store_rec *recs[STORE_BATCH];
};

struct db {
    uint32_t n_epochs;
    uint64_t epochs[STORE_EPOCHS];
    const struct store_rec *rows[STORE_EPOCHS][STORE_SEQS];
    uint32_t stored[STORE_SAMPLES]; /* how often sample k was brought into the table of samples */
    uint32_t n_losses;
    struct event_lost losses[STORE_LOSSES]; /* what gateways have said to be gone for ever */
    uint64_t sessions;
    uint32_t n_txs;
    struct tx txs[STORE_TXS];
    uint32_t conflicts;
    uint32_t partials; /* conflicts in which one has some samples of the other, and no others */
};

/* What ends with the server's process. */
struct store_queue {
    uint32_t n; /* records that wait or are under way */
    const struct store_rec *recs[STORE_QUEUE];
    uint32_t n_sent; /* of these, the first: they are in the transaction */
    uint32_t tx;     /* if n_sent > 0 */
    uint64_t taken;  /* ever */
    bool asked;
    uint64_t token;
    uint64_t asked_after; /* records taken when it was asked */
    uint64_t answered;    /* records, ever */
    uint32_t n_asked_epochs;
    uint64_t asked_epochs[LINK_EPOCHS_MAX];
};

struct store {
    const struct rules *rules;
    struct db db;
    struct store_queue q;
    size_t pool_n;
    uint8_t pool[STORE_POOL];
    struct link_dict dicts[STORE_SEQS];
    struct link_range committed[LINK_EPOCHS_MAX * STORE_SEQS / 2];
};

static inline void store_reset(struct store *s, const struct rules *rules) {
    memset(s->db.rows, 0, s->db.n_epochs * sizeof s->db.rows[0]);
    memset(s->db.stored, 0, sizeof s->db.stored);
    s->rules = rules;
    s->db.n_epochs = 0;
    s->db.n_txs = 0;
    s->db.conflicts = 0;
    s->db.partials = 0;
    s->db.n_losses = 0;
    s->q = (struct store_queue){0};
    s->pool_n = 0;
}

static inline void *store_keep(struct store *s, const void *p, size_t n) {
    size_t at = (s->pool_n + 15) & ~(size_t)15;
    SIM_CHECK(at + n <= STORE_POOL, "the pool is too small");
    s->pool_n = at + n;
    if (n > 0) {
        memcpy(s->pool + at, p, n);
    }
    return s->pool + at;
}

static inline bool db_place(const struct db *db, uint64_t epoch, uint32_t *ret) {
    for (uint32_t i = 0; i < db->n_epochs; i++) {
        if (db->epochs[i] == epoch) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static inline bool db_has(const struct db *db, uint64_t epoch, uint64_t seq) {
    uint32_t e = 0;
    return db_place(db, epoch, &e) && seq < STORE_SEQS && db->rows[e][seq] != NULL;
}

/* The gateway has said that this record is gone. */
static inline bool db_is_lost(const struct db *db, uint64_t epoch, uint64_t seq) {
    for (uint32_t i = 0; i < db->n_losses; i++) {
        const struct event_lost *l = &db->losses[i];
        if (l->epoch == epoch && seq >= l->first && seq < l->end) {
            return true;
        }
    }
    return false;
}

/* Has a all samples of b? */
static inline bool rec_covers(const struct store_rec *a, const struct store_rec *b) {
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t k = 0;
        while (k < a->n && a->v[k].t_us != b->v[i].t_us) {
            k++;
        }
        if (k == a->n) {
            return false;
        }
    }
    return a->type == b->type && b->n > 0;
}

static inline void db_compare(struct db *db, const struct store_rec *a, const struct store_rec *b) {
    bool partial = rec_covers(a, b) || rec_covers(b, a);
    db->partials += a->crc != b->crc && partial ? 1 : 0;
    db->conflicts += a->crc != b->crc && !partial ? 1 : 0;
}

/* False if a row is there. */
static inline bool db_insert(struct db *db, const struct store_rec *r) {
    uint32_t e = 0;
    if (!db_place(db, r->epoch, &e)) {
        SIM_CHECK(db->n_epochs < STORE_EPOCHS, "too many epochs");
        e = db->n_epochs++;
        db->epochs[e] = r->epoch;
    }
    SIM_CHECK(r->seq < STORE_SEQS, "record %llu", (unsigned long long)r->seq);
    if (db->rows[e][r->seq] != NULL) {
        db_compare(db, db->rows[e][r->seq], r);
        return false;
    }
    db->rows[e][r->seq] = r;
    return true;
}

static inline void db_commit(struct store *s, struct tx *tx) {
    SIM_CHECK(tx->running, "a transaction ends once");
    tx->running = false;
    for (uint32_t i = 0; i < tx->n; i++) {
        const struct store_rec *r = tx->recs[i];
        SIM_CHECK(!r->again || db_has(&s->db, r->epoch, r->seq), "what is said to be there is there");
        bool fresh = db_insert(&s->db, r);
        if (fresh && r->tells_loss) {
            SIM_CHECK(s->db.n_losses < STORE_LOSSES, "too many losses");
            s->db.losses[s->db.n_losses++] = r->lost;
        }
        for (uint32_t k = 0; k < r->n && (fresh || s->rules->no_row); k++) {
            uint64_t sample = (uint64_t)(r->v[k].t_us - STORE_T0_US);
            SIM_CHECK(sample < STORE_SAMPLES, "a sample that nobody made");
            s->db.stored[sample]++;
        }
    }
}

/* ---- the server's part ---- */

static inline bool store_has_room(const struct store *s) {
    return s->q.n < STORE_QUEUE;
}

static inline void store_put(struct store *s, const struct link_record *in) {
    struct store_rec r = {.epoch = in->epoch,
                          .seq = in->seq,
                          .dict = in->dict,
                          .crc = in->crc,
                          .type = in->type,
                          .n = in->n_samples,
                          .v = store_keep(s, in->samples, in->n_samples * sizeof *in->samples),
                          .again = in->again,
                          .tells_loss = in->lost != NULL};
    if (in->lost != NULL) {
        r.lost = *in->lost;
    }
    if (in->type == MSG_DICT) {
        r.body = slice_of(store_keep(s, in->body.p, in->body.n), in->body.n);
    }
    s->q.recs[s->q.n++] = store_keep(s, &r, sizeof r);
    s->q.taken++;
}

static inline bool store_send(struct store *s, uint32_t n) {
    struct store_queue *q = &s->q;
    if (q->n == 0 || q->n_sent > 0) {
        return false;
    }
    uint32_t t = 0;
    while (t < s->db.n_txs && (s->db.txs[t].running || s->db.txs[t].answers)) {
        t++;
    }
    SIM_CHECK(t < STORE_TXS, "too many transactions");
    s->db.n_txs = t == s->db.n_txs ? t + 1 : s->db.n_txs;
    struct tx *tx = &s->db.txs[t];
    *tx = (struct tx){.running = true, .answers = true, .n = n < q->n ? n : q->n};
    tx->n = tx->n < STORE_BATCH ? tx->n : STORE_BATCH;
    memcpy(tx->recs, q->recs, tx->n * sizeof *tx->recs);
    q->n_sent = tx->n;
    q->tx = t;
    return true;
}

/* The transaction that the server waits for commits, or is rolled back and tried again. */
static inline bool store_end(struct store *s, bool commits) {
    struct store_queue *q = &s->q;
    if (q->n_sent == 0 || !s->db.txs[q->tx].running) {
        return false;
    }
    if (commits) {
        db_commit(s, &s->db.txs[q->tx]);
    } else {
        s->db.txs[q->tx] = (struct tx){0};
        q->n_sent = 0;
    }
    return true;
}

/* The connection to the database breaks: the server does not learn what becomes of the transaction. */
static inline bool store_lose_answer(struct store *s) {
    if (s->q.n_sent == 0) {
        return false;
    }
    s->db.txs[s->q.tx].answers = false;
    s->q.n_sent = 0;
    return true;
}

/* "Committed" has arrived: the records are told to the link. */
static inline bool store_answer(struct store *s, struct roster *roster, int64_t gateway_key) {
    struct store_queue *q = &s->q;
    if (q->n_sent == 0 || s->db.txs[q->tx].running) {
        return false;
    }
    for (uint32_t i = 0; i < q->n_sent; i++) {
        roster_committed(roster, gateway_key, q->recs[i]->epoch, q->recs[i]->seq);
    }
    s->db.txs[q->tx] = (struct tx){0};
    q->answered += q->n_sent;
    q->n -= q->n_sent;
    memmove(q->recs, q->recs + q->n_sent, q->n * sizeof *q->recs);
    q->n_sent = 0;
    return true;
}

/* A transaction that nobody waits for any more ends. */
static inline bool store_end_orphan(struct store *s, bool commits) {
    for (uint32_t i = 0; i < s->db.n_txs; i++) {
        struct tx *tx = &s->db.txs[i];
        if (tx->running && !tx->answers) {
            if (commits) {
                db_commit(s, tx);
            } else {
                tx->running = false;
            }
            return true;
        }
    }
    return false;
}

static inline void store_ask(struct store *s, uint64_t token, const struct msg_epoch *epochs, uint32_t n) {
    s->q.asked = true;
    s->q.token = token;
    s->q.asked_after = s->q.taken;
    s->q.n_asked_epochs = n;
    for (uint32_t i = 0; i < n; i++) {
        s->q.asked_epochs[i] = epochs[i].epoch;
    }
}

static inline uint32_t db_ranges(struct store *s, uint64_t epoch, uint32_t n) {
    uint32_t place = 0;
    bool open = false;
    for (uint64_t seq = 0; seq < STORE_SEQS && db_place(&s->db, epoch, &place); seq++) {
        bool there = s->db.rows[place][seq] != NULL;
        if (there && open) {
            s->committed[n - 1].end++;
        } else if (there) {
            s->committed[n++] = (struct link_range){epoch, seq, seq + 1};
        }
        open = there;
    }
    return n;
}

static inline uint32_t db_dicts(struct store *s, uint64_t epoch, uint32_t n) {
    uint32_t place = 0;
    for (uint64_t seq = 0; seq < STORE_SEQS && db_place(&s->db, epoch, &place); seq++) {
        const struct store_rec *r = s->db.rows[place][seq];
        if (r != NULL && r->type == MSG_DICT) {
            s->dicts[n++] = (struct link_dict){.epoch = epoch, .dict = r->dict, .body = r->body};
        }
    }
    return n;
}

/* Answers the question if it is time to. */
static inline bool store_settle(struct store *s, struct roster *roster, int64_t gateway_key, bool available,
                                struct link_now now) {
    struct store_queue *q = &s->q;
    if (!q->asked || (available && q->answered < q->asked_after && !s->rules->settles_early)) {
        return false;
    }
    q->asked = false;
    struct link_settled settled = {.status = available ? OK : ERR_UNAVAILABLE,
                                   .gateway_key = gateway_key,
                                   .session = ++s->db.sessions,
                                   .committed = s->committed,
                                   .dicts = s->dicts};
    for (uint32_t i = 0; i < q->n_asked_epochs && available; i++) {
        settled.n_committed = db_ranges(s, q->asked_epochs[i], settled.n_committed);
        settled.n_dicts = db_dicts(s, q->asked_epochs[i], settled.n_dicts);
    }
    roster_settled(roster, q->token, &settled, now);
    return true;
}

/* The server's process ends: what it knew is gone, what it sent goes on. */
static inline void store_crash(struct store *s) {
    (void)store_lose_answer(s);
    s->q = (struct store_queue){0};
}

#endif
