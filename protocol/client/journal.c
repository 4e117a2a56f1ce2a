#include "protocol/client/journal_state.h"
#include "protocol/msg.h"
#include "server/base/check.h"

#include <inttypes.h>
#include <string.h>

static struct epoch *present(struct journal *j) {
    return &j->epochs[j->n_epochs - 1];
}

/* ---- writing ---- */

/* The segment that an epoch's next record goes to, NULL if it needs a new one. */
static struct segment *writer_of(const struct journal *j, uint64_t epoch) {
    for (uint32_t i = j->n_segments; i-- > 0;) {
        if (j->segments[i]->epoch == epoch) {
            return j->segments[i]->sealed ? NULL : j->segments[i];
        }
    }
    return NULL;
}

static enum status seal(struct journal *j, struct segment *s, struct error *err) {
    enum status st = segment_sync(s, err);
    if (st != OK) {
        j->broken = true;
        return st;
    }
    s->sealed = true;
    return OK;
}

enum status journal_sync(struct journal *j, struct error *err) {
    if (j->broken) {
        return error_set(err, ERR_IO, j->dir, "the journal could not be made durable before");
    }
    struct segment *s = writer_of(j, present(j)->id);
    enum status st = gather_sync(&j->gather, err);
    if (st == OK && s != NULL && j->durable_seq < present(j)->next_seq) {
        st = segment_sync(s, err);
    }
    if (st != OK) {
        j->broken = true;
        return st;
    }
    if (j->gather.state == GATHER_WRITTEN) {
        gather_clear(&j->gather); /* not before: until now it was the only durable copy */
    }
    j->durable_seq = present(j)->next_seq;
    return OK;
}

enum segment_last last_or_middle(const struct journal *j, uint32_t i) {
    uint64_t id = j->segments[i]->epoch;
    for (uint32_t k = i + 1; k < j->n_segments; k++) {
        const struct segment *s = j->segments[k];
        bool durable = id != journal_epoch(j) || s->sealed || s->first_seq < j->durable_seq;
        if (s->epoch == id && s->n > 0 && durable) {
            return SEGMENT_MIDDLE;
        }
    }
    return SEGMENT_LAST;
}

enum status shrink_segment(struct journal *j, uint32_t i, enum segment_drop drop, uint32_t bytes,
                           struct error *err) {
    struct segment *s = j->segments[i];
    if (bytes == 0) {
        return remove_segment(j, i, err);
    }
    uint32_t before = s->bytes;
    enum status st = segment_rewrite(s, drop, last_or_middle(j, i), err);
    if (st == OK) {
        j->bytes -= before - s->bytes;
    }
    return st;
}

/* Frees room by dropping the oldest DATA. False in *ret_done if there is nothing to gain any more. */
static enum status drop_oldest(struct journal *j, bool *ret_done, struct error *err) {
    *ret_done = false;
    for (uint32_t i = 0; i < j->n_segments; i++) {
        struct segment *s = j->segments[i];
        enum segment_last last = last_or_middle(j, i);
        uint32_t bytes = segment_rewritten_bytes(s, SEGMENT_DROP_SAMPLES, last);
        if (bytes >= s->bytes) {
            continue;
        }
        struct loss loss;
        enum status st = segment_loss(s, SEGMENT_DROP_SAMPLES, last, &loss) ? note_loss(j, &loss, err) : OK;
        if (st == OK && !s->sealed) {
            st = seal(j, s, err);
        }
        if (st == OK) {
            st = shrink_segment(j, i, SEGMENT_DROP_SAMPLES, bytes, err);
        }
        *ret_done = st == OK;
        return st;
    }
    return OK;
}

enum status make_room(struct journal *j, size_t need, struct error *err) {
    while (j->bytes + j->gather.bytes + j->kept_bytes + need > j->capacity) {
        if (kept_forget_oldest(j)) {
            continue;
        }
        bool done = false;
        enum status st = drop_oldest(j, &done, err);
        if (st != OK) {
            return st;
        }
        if (!done) {
            return error_set(err, ERR_FULL, j->dir,
                             "the journal's %" PRIu64 " bytes are full, nothing is left to drop",
                             j->capacity);
        }
    }
    return OK;
}

enum status append_to(struct journal *j, uint32_t e, const struct segment_entry *entry, struct error *err) {
    uint64_t id = j->epochs[e].id;
    struct segment *s = writer_of(j, id);
    enum status st = OK;
    if (s != NULL && !segment_has_room(s, entry->seq, entry->body.n, j->segment_bytes)) {
        st = seal(j, s, err);
        s = NULL;
    }
    if (st == OK && s == NULL) {
        st = segment_create(j->dir_fd, j->next_number, id, &s, err);
        if (st == OK) {
            j->next_number++;
            st = take_segment(j, s, err);
        }
    }
    if (st != OK) {
        return st;
    }
    uint32_t before = s->bytes;
    st = segment_append(s, entry, err);
    if (st == OK) {
        j->bytes += s->bytes - before;
        j->epochs[e].next_seq = entry->seq + 1;
    }
    return st;
}

enum status journal_append(struct journal *j, const struct segment_entry *e, uint64_t *ret_seq,
                           struct error *err) {
    if (j->broken) {
        return error_set(err, ERR_IO, j->dir, "the journal could not be made durable before");
    }
    if (journal_next_seq(j) >= LINK_SEQ_MAX - 1) {
        return error_set(err, ERR_TOO_BIG, j->dir, "epoch %016" PRIx64 " has no more numbers",
                         present(j)->id);
    }
    enum status st = seal_gather(j, journal_epoch(j), err);
    if (st == OK) {
        st = make_room(j, SEGMENT_HEAD + e->body.n, err);
    }
    if (st != OK) {
        return st;
    }
    struct segment_entry entry = *e;
    entry.seq = present(j)->next_seq;
    st = append_to(j, j->n_epochs - 1, &entry, err);
    if (st == OK) {
        *ret_seq = entry.seq;
    }
    return st;
}

void seal_epoch(struct journal *j, uint64_t id) {
    for (uint32_t i = 0; i < j->n_segments; i++) {
        if (j->segments[i]->epoch == id) {
            j->segments[i]->sealed = true;
        }
    }
}

/* Removes or shrinks what a commit has freed: whole epochs, and full segments without anything that waits. */
static enum status collect_garbage(struct journal *j, uint64_t id, enum remove_order order,
                                   struct error *err) {
    uint32_t e = 0;
    CHECK(epoch_index(j, id, &e));
    for (uint32_t i = 0; order == REMOVE_OLDEST_FIRST && i < j->n_segments; i++) {
        const struct segment *s = j->segments[i];
        if (s->epoch == id && s->sealed && s->left == 0) {
            keep_segment(j, s);
        }
    }
    if (e != j->n_epochs - 1 && epoch_waiting(j, id) == 0) {
        return remove_epoch(j, e, order, err);
    }
    enum status st = OK;
    for (uint32_t i = j->n_segments; i-- > 0 && st == OK;) {
        struct segment *s = j->segments[i];
        if (s->epoch != id || !s->sealed || s->left > 0) {
            continue;
        }
        uint32_t bytes = segment_rewritten_bytes(s, SEGMENT_DROP_COMMITTED, last_or_middle(j, i));
        if (bytes < s->bytes) {
            st = shrink_segment(j, i, SEGMENT_DROP_COMMITTED, bytes, err);
        }
    }
    return st;
}

enum status journal_new_epoch(struct journal *j, uint64_t epoch, struct error *err) {
    enum status st = seal_gather(j, journal_epoch(j), err);
    return st == OK ? begin_epoch(j, epoch, err) : st;
}

enum status begin_epoch(struct journal *j, uint64_t epoch, struct error *err) {
    uint32_t e = 0;
    if (epoch == 0 || epoch_index(j, epoch, &e)) {
        return error_set(err, ERR_EXISTS, j->dir, "epoch %016" PRIx64 " was there before; draw another",
                         epoch);
    }
    enum status st = j->n_epochs > 0 ? journal_sync(j, err) : OK;
    if (st == OK && j->n_epochs == EPOCHS_ROOM) {
        st = limit_epochs(j, EPOCHS_ROOM - 1, err);
    }
    if (st != OK) {
        return st;
    }
    uint64_t closed = j->n_epochs > 0 ? journal_epoch(j) : 0;
    j->epochs[j->n_epochs++] = (struct epoch){.id = epoch};
    j->durable_seq = 0;
    if (closed != 0) {
        seal_epoch(j, closed);
        (void)collect_garbage(j, closed, REMOVE_OLDEST_FIRST,
                              NULL); /* files that cannot be removed now go later */
    }
    return limit_epochs(j, JOURNAL_EPOCHS_MAX, err);
}

/* True if a segment was emptied by it. */
static bool mark_committed(struct journal *j, uint64_t epoch, uint64_t first, uint64_t end) {
    bool emptied = false;
    for (uint32_t i = 0; i < j->n_segments; i++) {
        struct segment *s = j->segments[i];
        if (s->epoch == epoch && s->left > 0 && segment_commit(s, first, end) > 0) {
            emptied = emptied || s->left == 0;
        }
    }
    return emptied;
}

/* They are committed under other numbers only. */
static void mark_moved(struct journal *j, uint64_t epoch, uint64_t first) {
    for (uint32_t i = 0; i < j->n_segments; i++) {
        if (j->segments[i]->epoch == epoch) {
            j->segments[i]->given_up += segment_commit(j->segments[i], first, UINT64_MAX);
        }
    }
}

static bool is_copied(const struct segment *s, uint32_t k, enum copy_what what, uint64_t from_seq) {
    const struct segment_record *r = &s->records[k];
    switch (what) {
    case COPY_REFILED:
        return r->type == MSG_DICT || (!r->committed && segment_seq(s, k) >= from_seq);
    case COPY_KEPT:
        break;
    }
    return !r->committed && r->type != MSG_DICT && r->type != MSG_DATA;
}

enum status copy_records(struct journal *j, uint64_t old, enum copy_what what, uint64_t from_seq, uint32_t e,
                         struct error *err) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HARD);
    enum status st = OK;
    uint32_t n = j->n_segments; /* those that copying adds come behind */
    for (uint32_t i = 0; i < n && st == OK; i++) {
        for (uint32_t k = 0; k < j->segments[i]->n && st == OK; k++) {
            const struct segment *s = j->segments[i];
            if (s->epoch != old || !is_copied(s, k, what, from_seq)) {
                continue;
            }
            struct segment_entry entry = {0};
            uint64_t seq = segment_seq(s, k);
            if (segment_read(s, k, &body, &entry, NULL) != OK) {
                struct loss loss;
                segment_record_loss(s, k, &loss);
                st = note_loss(j, &loss, err);
                continue;
            }
            entry.seq = j->epochs[e].next_seq;
            st = append_to(j, e, &entry, err);
            if (st == OK) {
                retell(j, old, seq, j->epochs[e].id, entry.seq);
            }
        }
    }
    buf_done(&body);
    return st;
}

/* The numbers that a refiling leaves behind: no samples are lost, but under these nothing comes any more,
 * which the server must be told as it is told of losses. None (first = end) for a failed sync: what was not
 * durable was never sent, so these numbers were never given. */
static struct loss moved_from(const struct journal *j, uint32_t e, uint64_t from_seq) {
    const struct epoch *old = &j->epochs[e];
    struct journal_found found;
    struct loss moved = {.epoch = old->id, .first = old->next_seq, .end = old->next_seq};
    if (!j->broken && journal_find(j, old->id, from_seq, old->next_seq, &found)) {
        moved.first = found.seq;
    }
    return moved;
}

enum status journal_refile(struct journal *j, uint64_t old, uint64_t from_seq, uint64_t epoch,
                           struct error *err) {
    uint32_t from = 0;
    uint32_t to = 0;
    if (epoch == 0 || epoch_index(j, epoch, &to)) {
        return error_set(err, ERR_EXISTS, j->dir, "epoch %016" PRIx64 " was there before; draw another",
                         epoch);
    }
    enum status st = j->n_epochs == EPOCHS_ROOM ? limit_epochs(j, EPOCHS_ROOM - 1, err) : OK;
    if (st == OK && !j->broken) {
        st = seal_gather(j, old, err);
    }
    if (st != OK) {
        return st;
    }
    if (!epoch_index(j, old, &from)) {
        return error_set(err, ERR_NOT_FOUND, j->dir, "there is no epoch %016" PRIx64, old);
    }
    bool was_present = from == j->n_epochs - 1;
    struct loss moved = moved_from(j, from, from_seq);
    to = from + 1;
    memmove(&j->epochs[to + 1], &j->epochs[to], (j->n_epochs - to) * sizeof(struct epoch));
    j->epochs[to] = (struct epoch){.id = epoch};
    j->n_epochs++;
    st = copy_records(j, old, COPY_REFILED, from_seq, to, err);
    struct segment *s = writer_of(j, epoch);
    if (st == OK && s != NULL) {
        st = segment_sync(s, err);
    }
    if (st != OK) {
        /* Undone as far as the disk lets us; what stays is found at the next start. */
        (void)!remove_epoch(j, to, REMOVE_NEWEST_FIRST, NULL);
        return st;
    }
    if (was_present) {
        /* What was not durable was never sent: these numbers were never given. */
        j->epochs[from].next_seq = j->broken ? from_seq : j->epochs[from].next_seq;
        j->durable_seq = j->epochs[to].next_seq;
        j->broken = false;
        regather(j, old);
    } else {
        seal_epoch(j, epoch);
    }
    /* Moved is as good as committed for the old epoch; files that cannot be removed now go later. */
    seal_epoch(j, old);
    mark_moved(j, old, from_seq);
    (void)collect_garbage(j, old, REMOVE_NEWEST_FIRST, NULL);
    st = limit_epochs(j, JOURNAL_EPOCHS_MAX, err);
    return st == OK && moved.first < moved.end ? note_loss(j, &moved, err) : st;
}

/* ---- reading and forgetting ---- */

enum status journal_commit(struct journal *j, uint64_t epoch, uint64_t first, uint64_t end,
                           struct error *err) {
    uint32_t e = 0;
    if (!epoch_index(j, epoch, &e)) {
        return OK;
    }
    bool emptied = mark_committed(j, epoch, first, end);
    enum status st = settle_told(j, err);
    return st == OK && emptied ? collect_garbage(j, epoch, REMOVE_OLDEST_FIRST, err) : st;
}

static struct segment *segment_of(const struct journal *j, uint64_t epoch, uint64_t seq, uint32_t *ret_i) {
    for (uint32_t i = 0; i < j->n_segments; i++) {
        struct segment *s = j->segments[i];
        if (s->epoch != epoch || s->n == 0) {
            continue;
        }
        uint32_t k = segment_find(s, seq);
        if (k < s->n && segment_seq(s, k) == seq) {
            *ret_i = k;
            return s;
        }
    }
    return NULL;
}

void journal_give_up(struct journal *j, uint64_t epoch, uint64_t seq) {
    uint32_t k = 0;
    struct segment *s = segment_of(j, epoch, seq, &k);
    if (s == NULL || s->records[k].committed) {
        return;
    }
    struct loss loss;
    segment_record_loss(s, k, &loss);
    untell(j, epoch, seq);
    s->given_up++;
    if (s->records[k].type == MSG_DATA && note_loss(j, &loss, NULL) != OK) {
        j->losses.total += loss.samples;
    }
    (void)journal_commit(j, epoch, seq, seq + 1, NULL);
}

bool journal_find(const struct journal *j, uint64_t epoch, uint64_t from, uint64_t end,
                  struct journal_found *ret) {
    for (uint32_t i = 0; i < j->n_segments; i++) {
        const struct segment *s = j->segments[i];
        if (s->epoch != epoch || s->left == 0) {
            continue;
        }
        uint32_t k = segment_find(s, from);
        k = k > s->low ? k : s->low;
        while (k < s->n && s->records[k].committed) {
            k++;
        }
        if (k < s->n) {
            if (segment_seq(s, k) >= end) {
                return false;
            }
            *ret = (struct journal_found){
                .seq = segment_seq(s, k), .len = s->records[k].len, .type = s->records[k].type};
            return true;
        }
    }
    return false;
}

enum status journal_read(const struct journal *j, uint64_t epoch, uint64_t seq, struct buf *body,
                         struct segment_entry *ret, struct error *err) {
    uint32_t k = 0;
    const struct segment *s = segment_of(j, epoch, seq, &k);
    if (s == NULL) {
        return error_set(err, ERR_NOT_FOUND, j->dir, "there is no record %" PRIu64 " of epoch %016" PRIx64,
                         seq, epoch);
    }
    return segment_read(s, k, body, ret, err);
}

uint64_t journal_epoch(const struct journal *j) {
    return j->epochs[j->n_epochs - 1].id;
}

uint64_t journal_next_seq(const struct journal *j) {
    return j->epochs[j->n_epochs - 1].next_seq;
}

uint64_t journal_durable_seq(const struct journal *j) {
    return j->durable_seq;
}

int journal_dir_fd(const struct journal *j) {
    return j->dir_fd;
}

bool journal_is_durable(const struct journal *j) {
    return j->durable_seq == journal_next_seq(j) && j->gather.synced && j->gather.state != GATHER_WRITTEN;
}

bool journal_is_broken(const struct journal *j) {
    return j->broken;
}

static struct journal_epoch epoch_info(const struct journal *j, uint32_t e) {
    struct journal_epoch info = {
        .epoch = j->epochs[e].id, .oldest_unacked = j->epochs[e].next_seq, .next_seq = j->epochs[e].next_seq};
    struct journal_found found = {0};
    if (journal_find(j, info.epoch, 0, UINT64_MAX, &found)) {
        info.oldest_unacked = found.seq;
    }
    return info;
}

uint32_t journal_epochs(const struct journal *j, struct journal_epoch *v, uint32_t max, bool *ret_more) {
    CHECK(max > 0);
    uint32_t n = 0;
    bool more = false;
    v[n++] = epoch_info(j, j->n_epochs - 1);
    for (uint32_t e = 0; e + 1 < j->n_epochs; e++) {
        struct journal_epoch info = epoch_info(j, e);
        if (info.oldest_unacked == info.next_seq) {
            continue;
        }
        if (n == max) {
            more = true;
            break;
        }
        v[n++] = info;
    }
    if (ret_more != NULL) {
        *ret_more = more;
    }
    return n;
}

void journal_get_stats(const struct journal *j, struct journal_stats *ret) {
    *ret = (struct journal_stats){.bytes = j->bytes + j->gather.bytes + j->kept_bytes,
                                  .capacity_bytes = j->capacity,
                                  .dropped_total = j->losses.total,
                                  .damaged_bytes = j->damaged_bytes};
    for (uint32_t i = 0; i < j->n_segments; i++) {
        ret->waiting += j->segments[i]->left;
        ret->waiting_bytes += j->segments[i]->left_bytes;
    }
    if (journal_holds(j)) {
        ret->waiting++;
        ret->waiting_bytes += j->gather.bytes;
    }
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HARD);
    for (uint32_t i = 0; i < j->n_segments && ret->oldest_sample_us == 0; i++) {
        const struct segment *s = j->segments[i];
        for (uint32_t k = s->low; k < s->n && ret->oldest_sample_us == 0; k++) {
            struct segment_entry e = {0};
            if (!s->records[k].committed && s->records[k].samples > 0 &&
                segment_read(s, k, &body, &e, NULL) == OK) {
                ret->oldest_sample_us = e.t_us;
            }
        }
    }
    if (ret->oldest_sample_us == 0 && journal_holds(j)) {
        ret->oldest_sample_us = gather_oldest_us(&j->gather);
    }
    buf_done(&body);
}
