#include "protocol/client/file.h"
#include "protocol/client/journal_state.h"
#include "protocol/event_msg.h"
#include "protocol/msg.h"
#include "server/base/check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024 };
static const char losses_file[] = "losses";

/* Makes a list durable, which then is the journal's. Takes next in any case. */
static enum status save(struct journal *j, struct losses *next, struct error *err) {
    struct buf file;
    buf_init(&file, FILE_MAX);
    losses_encode(next, &file);
    enum status st = buf_status(&file, err);
    if (st == OK) {
        st = file_replace(j->dir_fd, losses_file, file.p, file.n, err);
    }
    buf_done(&file);
    if (st != OK) {
        losses_done(next);
        return st;
    }
    losses_done(&j->losses);
    j->losses = *next;
    return OK;
}

static bool samples_wait_between(const struct journal *j, uint64_t epoch, uint64_t first, uint64_t end) {
    for (uint32_t i = 0; i < j->n_segments; i++) {
        const struct segment *s = j->segments[i];
        if (s->epoch == epoch && s->n > 0 && segment_has_samples(s, first, end)) {
            return true;
        }
    }
    return false;
}

enum status note_loss(struct journal *j, const struct loss *loss, struct error *err) {
    struct losses next;
    enum status st = losses_copy(&j->losses, &next, err);
    if (st != OK) {
        return st;
    }
    uint32_t i = 0;
    next.total += loss->samples;
    if (losses_find_open(&next, loss->epoch, loss->first, &i) &&
        !samples_wait_between(j, loss->epoch, next.v[i].end, loss->first)) {
        losses_join(&next.v[i], loss);
    } else {
        st = losses_push(&next, loss, err);
    }
    if (st != OK) {
        losses_done(&next);
        return st;
    }
    return save(j, &next, err);
}

enum status journal_lost(struct journal *j, uint64_t samples, int64_t from_us, int64_t to_us,
                         struct error *err) {
    uint64_t next = journal_next_seq(j);
    struct loss loss = {.epoch = journal_epoch(j),
                        .first = next,
                        .end = next,
                        .samples = samples,
                        .from_us = from_us,
                        .to_us = to_us};
    return note_loss(j, &loss, err);
}

/* ---- telling ---- */

static bool waits(const struct journal *j, uint64_t epoch, uint64_t seq) {
    struct journal_found found;
    return journal_find(j, epoch, seq, seq + 1, &found);
}

enum status settle_told(struct journal *j, struct error *err) {
    uint32_t told = 0;
    while (told < j->losses.n && (j->losses.v[told].told_epoch == 0 ||
                                  waits(j, j->losses.v[told].told_epoch, j->losses.v[told].told_seq))) {
        told++;
    }
    if (told == j->losses.n) {
        return OK;
    }
    struct losses next;
    enum status st = losses_copy(&j->losses, &next, err);
    if (st != OK) {
        return st;
    }
    for (uint32_t i = next.n; i-- > 0;) {
        if (next.v[i].told_epoch != 0 && !waits(j, next.v[i].told_epoch, next.v[i].told_seq)) {
            losses_remove(&next, i);
        }
    }
    return save(j, &next, err);
}

void retell(struct journal *j, uint64_t epoch, uint64_t seq, uint64_t new_epoch, uint64_t new_seq) {
    for (uint32_t i = 0; i < j->losses.n; i++) {
        struct loss *l = &j->losses.v[i];
        if (l->told_epoch == epoch && l->told_seq == seq) {
            l->told_epoch = new_epoch;
            l->told_seq = new_seq;
        }
    }
}

void untell(struct journal *j, uint64_t epoch, uint64_t seq) {
    retell(j, epoch, seq, 0, 0);
}

/* What stood on a damaged disk is no reason to stop. */
static int64_t sayable_time(int64_t t_us) {
    return t_us < LINK_TIME_MIN_US ? LINK_TIME_MIN_US : t_us > LINK_TIME_MAX_US ? LINK_TIME_MAX_US : t_us;
}

static void encode_tombstone(const struct loss *l, int64_t t_us, struct buf *out) {
    char text[200];
    int n = l->first < l->end && l->samples == 0
                ? snprintf(text, sizeof text,
                           "the journal moved records %" PRIu64 " to %" PRIu64 " of epoch %016" PRIx64
                           " to another epoch: nothing is lost",
                           l->first, l->end - 1, l->epoch)
            : l->first < l->end
                ? snprintf(text, sizeof text,
                           "%" PRIu64 " samples are lost: the journal dropped records %" PRIu64 " to %" PRIu64
                           " of epoch %016" PRIx64,
                           l->samples, l->first, l->end - 1, l->epoch)
                : snprintf(text, sizeof text, "%" PRIu64 " samples are lost: the disk did not take them",
                           l->samples);
    CHECK(n > 0);
    int64_t from_us = sayable_time(l->from_us);
    int64_t to_us = sayable_time(l->to_us);
    event_encode(out, &(struct msg_event){.code = EVENT_SAMPLES_LOST,
                                          .severity = EVENT_TROUBLE,
                                          .t_us = t_us,
                                          .text = slice_str(text),
                                          .lost = {.epoch = l->epoch,
                                                   .first = l->first,
                                                   .end = l->end,
                                                   .samples = l->samples,
                                                   .from_us = from_us,
                                                   .to_us = to_us < from_us ? from_us : to_us}});
}

/* Puts one into the journal. It counts as told before the record is appended: making room for it may lose
 * more, which must not join what the record says already. */
static enum status tell(struct journal *j, uint32_t i, int64_t t_us, struct error *err) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HELLO);
    encode_tombstone(&j->losses.v[i], t_us, &body);
    enum status st = buf_status(&body, err);
    uint64_t epoch = journal_epoch(j);
    uint64_t seq = journal_next_seq(j);
    if (st == OK) {
        j->losses.v[i].told_epoch = epoch;
        j->losses.v[i].told_seq = seq;
        struct segment_entry e = {.type = MSG_EVENT, .body = buf_slice(&body)};
        st = journal_append(j, &e, &seq, err);
        if (st != OK) {
            untell(j, epoch, seq);
        }
    }
    buf_done(&body);
    return st;
}

enum status journal_tell(struct journal *j, int64_t t_us, struct error *err) {
    uint32_t told = 0;
    for (uint32_t i = 0; i < j->losses.n; i++) {
        told += j->losses.v[i].told_epoch != 0 ? 1 : 0;
    }
    if (told == j->losses.n || (told > 0 && j->losses.n < LOSSES_MAX / 2)) {
        return OK;
    }
    enum status st = seal_gather(j, journal_epoch(j), err);
    for (uint32_t i = 0; i < j->losses.n && st == OK; i++) {
        st = j->losses.v[i].told_epoch == 0 ? tell(j, i, t_us, err) : OK;
    }
    return st == OK ? journal_sync(j, err) : st;
}

/* ---- opening ---- */

static enum status read_file(struct journal *j, struct error *err) {
    int fd = openat(j->dir_fd, losses_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return OK;
    }
    struct stat info = {0};
    struct buf file;
    buf_init(&file, FILE_MAX);
    enum status st = fstat(fd, &info) == 0 ? OK : file_error(err, losses_file, "look at");
    size_t n = st == OK && info.st_size > 0 && info.st_size <= FILE_MAX ? (size_t)info.st_size : 0;
    uint8_t *p = n > 0 ? buf_reserve(&file, n) : NULL;
    if (p != NULL) {
        st = file_read_at(fd, losses_file, p, n, 0, err);
        if (st == OK && !losses_decode(slice_of(p, n), &j->losses)) {
            j->damaged_bytes += n;
        }
    }
    buf_done(&file);
    (void)close(fd);
    return st;
}

/* Is this record the tombstone of a loss? */
static void match_tombstone(struct journal *j, uint64_t epoch, uint64_t seq, struct slice body) {
    struct msg_event m;
    if (event_decode(body, &m, NULL) != OK || m.code != EVENT_SAMPLES_LOST) {
        return;
    }
    for (uint32_t i = 0; i < j->losses.n; i++) {
        struct loss *l = &j->losses.v[i];
        if (l->epoch == m.lost.epoch && l->first == m.lost.first && l->end == m.lost.end &&
            l->samples == m.lost.samples) {
            l->told_epoch = epoch;
            l->told_seq = seq;
        }
    }
}

static void find_tombstones(struct journal *j) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HARD);
    for (uint32_t i = 0; i < j->n_segments && j->losses.n > 0; i++) {
        const struct segment *s = j->segments[i];
        for (uint32_t k = 0; k < s->n; k++) {
            struct segment_entry e;
            if (s->records[k].type == MSG_EVENT && segment_read(s, k, &body, &e, NULL) == OK) {
                match_tombstone(j, s->epoch, e.seq, e.body);
            }
        }
    }
    buf_done(&body);
}

/* Drops what a crash left between the list and the segments. */
static enum status drop_again(struct journal *j, struct error *err) {
    for (uint32_t l = 0; l < j->losses.n; l++) {
        for (uint32_t i = j->n_segments; i-- > 0;) {
            struct segment *s = j->segments[i];
            if (s->epoch != j->losses.v[l].epoch || s->n == 0 ||
                segment_give_up(s, j->losses.v[l].first, j->losses.v[l].end) == 0) {
                continue;
            }
            uint32_t bytes = segment_rewritten_bytes(s, SEGMENT_DROP_COMMITTED, last_or_middle(j, i));
            enum status st = bytes < s->bytes ? shrink_segment(j, i, SEGMENT_DROP_COMMITTED, bytes, err) : OK;
            if (st != OK) {
                return st;
            }
        }
    }
    return OK;
}

enum status load_losses(struct journal *j, struct error *err) {
    enum status st = read_file(j, err);
    if (st == OK) {
        find_tombstones(j);
        st = drop_again(j, err);
    }
    return st;
}
