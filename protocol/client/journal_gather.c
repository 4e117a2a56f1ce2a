#include "protocol/client/journal_state.h"
#include "server/base/check.h"

#include <inttypes.h>
#include <string.h>

/* The file of an open record may take this part of the capacity. */
enum { CAPACITY_SHARE = 8 };

static bool is_open(const struct journal *j) {
    return j->gather.state == GATHER_OPEN;
}

static bool is_of_present(const struct journal *j) {
    return is_open(j) && j->gather.head.epoch == journal_epoch(j);
}

bool gathers_for(const struct journal *j, uint64_t epoch) {
    return is_open(j) && j->gather.head.epoch == epoch;
}

bool journal_holds(const struct journal *j) {
    return is_open(j);
}

/* ---- from gathered to numbered ---- */

/* Into an epoch that is closed: of a process before this one, whose disk was full when this one began. */
static enum status append_closed(struct journal *j, const struct segment_entry *entry, struct error *err) {
    uint32_t e = 0;
    CHECK(epoch_index(j, j->gather.head.epoch, &e));
    uint64_t id = j->epochs[e].id;
    enum status st = append_to(j, e, entry, err);
    uint32_t i = j->n_segments;
    while (i > 0 && j->segments[i - 1]->epoch != id) {
        i--;
    }
    if (st == OK) {
        st = segment_sync(j->segments[i - 1], err);
    }
    seal_epoch(j, id);
    if (st == OK) {
        gather_written(&j->gather);
        gather_clear(&j->gather);
    } else if (i > 0 && j->epochs[e].next_seq > entry->seq && remove_segment(j, i - 1, NULL) == OK) {
        j->epochs[e].next_seq = entry->seq;
    }
    return st;
}

static enum status make_record(struct journal *j, struct error *err) {
    if (j->broken) {
        return error_set(err, ERR_IO, j->dir, "the journal could not be made durable before");
    }
    struct segment_entry entry = {0};
    enum status st = gather_entry(&j->gather, &entry, err);
    if (st == OK) {
        st = make_room(j, SEGMENT_HEAD + entry.body.n, err);
    }
    if (st != OK) {
        return st;
    }
    if (!is_of_present(j)) {
        return append_closed(j, &entry, err);
    }
    CHECK(entry.seq == journal_next_seq(j));
    st = append_to(j, j->n_epochs - 1, &entry, err);
    if (st == OK) {
        gather_written(&j->gather);
    }
    return st;
}

enum status seal_gather(struct journal *j, uint64_t epoch, struct error *err) {
    return gathers_for(j, epoch) ? make_record(j, err) : OK;
}

enum status journal_seal(struct journal *j, struct error *err) {
    if (is_of_present(j)) {
        return make_record(j, err);
    }
    if (is_open(j)) {
        (void)!make_record(j, NULL); /* a former process's: it stands in nobody's way */
    }
    return OK;
}

/* ---- gathering ---- */

static bool can_join(struct journal *j, const struct gather_head *head, const struct link_sample *v,
                     uint32_t n) {
    struct gather *g = &j->gather;
    uint32_t body_max = j->segment_bytes / 2 < GATHER_BODY_MAX ? j->segment_bytes / 2 : GATHER_BODY_MAX;
    return (g->state == GATHER_EMPTY || (g->head.dict == head->dict && g->head.flags == head->flags)) &&
           g->bytes + (uint64_t)gather_cost(v, n) <= j->capacity / CAPACITY_SHARE &&
           gather_fits(g, v, n, body_max);
}

enum status journal_ready(struct journal *j, const struct gather_head *head, const struct link_sample *v,
                          uint32_t n, bool *ret_fits, struct error *err) {
    enum status st = OK;
    if (is_of_present(j) && !can_join(j, head, v, n)) {
        st = journal_seal(j, err);
    }
    /* What is begun stands on all before it: it cannot be read without its dictionary. */
    if (st == OK && !is_open(j) && !journal_is_durable(j)) {
        st = journal_sync(j, err);
    }
    if (st == OK) {
        *ret_fits = (is_of_present(j) || !is_open(j)) && can_join(j, head, v, n);
    }
    return st;
}

enum status journal_hold(struct journal *j, const struct gather_head *head, const struct link_sample *v,
                         uint32_t n, struct error *err) {
    if (j->broken) {
        return error_set(err, ERR_IO, j->dir, "the journal could not be made durable before");
    }
    enum status st = make_room(j, gather_cost(v, n), err);
    if (st != OK) {
        return st;
    }
    struct gather_head full = *head;
    full.epoch = journal_epoch(j);
    full.seq = journal_next_seq(j);
    return gather_add(&j->gather, &full, v, n, err);
}

void regather(struct journal *j, uint64_t old) {
    if (j->gather.state == GATHER_WRITTEN) {
        gather_clear(&j->gather); /* moved with the epoch's other records */
    }
    if (gathers_for(j, old)) {
        j->gather.head.epoch = journal_epoch(j);
        j->gather.head.seq = journal_next_seq(j);
        (void)!make_record(j, NULL); /* tried again when the next record comes */
    }
}

/* ---- opening ---- */

/* Makes an epoch the last one; false if there is no room. */
static bool put_last(struct journal *j, uint64_t id, uint64_t next_seq) {
    uint32_t e = 0;
    if (epoch_index(j, id, &e)) {
        memmove(&j->epochs[e], &j->epochs[e + 1], (j->n_epochs - e - 1) * sizeof(struct epoch));
        j->n_epochs--;
    } else if (j->n_epochs == EPOCHS_ROOM - 1) {
        return false;
    }
    j->epochs[j->n_epochs++] = (struct epoch){.id = id, .next_seq = next_seq};
    return true;
}

enum status load_gather(struct journal *j, struct error *err) {
    struct gather *g = &j->gather;
    enum status st = gather_load(g, err);
    j->damaged_bytes += g->damaged;
    if (st != OK || !is_open(j)) {
        return st;
    }
    uint32_t e = 0;
    if (epoch_index(j, g->head.epoch, &e) && j->epochs[e].next_seq > g->head.seq) {
        gather_clear(g); /* the crash came between the record and this */
    } else if (!put_last(j, g->head.epoch, g->head.seq)) {
        j->damaged_bytes += g->bytes;
        gather_clear(g);
    }
    return OK;
}
