#include "protocol/client/file.h"
#include "protocol/client/journal_state.h"
#include "server/base/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 65536, SEGMENT_BYTES_DEFAULT_MAX = 4 * 1024 * 1024 };

static const size_t pointer_size = sizeof(void *);
static const char lock_file[] = "lock";

bool epoch_index(const struct journal *j, uint64_t id, uint32_t *ret) {
    for (uint32_t i = 0; i < j->n_epochs; i++) {
        if (j->epochs[i].id == id) {
            *ret = i;
            return true;
        }
    }
    return false;
}

enum status take_segment(struct journal *j, struct segment *s, struct error *err) {
    if (j->n_segments == j->cap_segments) {
        uint32_t cap = j->cap_segments == 0 ? 32 : j->cap_segments * 2;
        struct segment **v = cap <= SEGMENTS_MAX ? realloc(j->segments, cap * pointer_size) : NULL;
        if (v == NULL) {
            segment_free(&s);
            return error_set(err, ERR_NOMEM, j->dir, "no room for more than %" PRIu32 " segments",
                             j->n_segments);
        }
        j->segments = v;
        j->cap_segments = cap;
    }
    j->segments[j->n_segments++] = s;
    j->bytes += s->bytes;
    return OK;
}

enum status remove_segment(struct journal *j, uint32_t i, struct error *err) {
    enum status st = segment_remove(j->segments[i], err);
    if (st != OK) {
        return st;
    }
    j->bytes -= j->segments[i]->bytes;
    segment_free(&j->segments[i]);
    memmove(&j->segments[i], &j->segments[i + 1], (j->n_segments - i - 1) * pointer_size);
    j->n_segments--;
    return OK;
}

uint64_t epoch_waiting(const struct journal *j, uint64_t id) {
    uint64_t waiting = 0;
    for (uint32_t i = 0; i < j->n_segments; i++) {
        waiting += j->segments[i]->epoch == id ? j->segments[i]->left : 0;
    }
    waiting += gathers_for(j, id) ? 1 : 0;
    return waiting;
}

uint64_t epoch_waiting_samples(const struct journal *j, uint64_t id) {
    uint64_t waiting = 0;
    for (uint32_t i = 0; i < j->n_segments; i++) {
        const struct segment *s = j->segments[i];
        for (uint32_t k = s->low; k < s->n && s->epoch == id; k++) {
            waiting += s->records[k].committed ? 0 : s->records[k].samples;
        }
    }
    waiting += gathers_for(j, id) ? j->gather.n : 0;
    return waiting;
}

/* The segment that goes first; n_segments if none is left. */
static uint32_t first_to_go(const struct journal *j, uint64_t id, enum remove_order order) {
    uint32_t found = j->n_segments;
    for (uint32_t i = 0; i < j->n_segments; i++) {
        if (j->segments[i]->epoch == id && (found == j->n_segments || order == REMOVE_NEWEST_FIRST)) {
            found = i;
        }
    }
    return found;
}

enum status remove_epoch(struct journal *j, uint32_t e, enum remove_order order, struct error *err) {
    uint64_t id = j->epochs[e].id;
    for (uint32_t i = first_to_go(j, id, order); i < j->n_segments; i = first_to_go(j, id, order)) {
        enum status st = remove_segment(j, i, err);
        if (st != OK) {
            return st;
        }
    }
    memmove(&j->epochs[e], &j->epochs[e + 1], (j->n_epochs - e - 1) * sizeof(struct epoch));
    j->n_epochs--;
    return OK;
}

/* ---- opening ---- */

static enum status lock_directory(struct journal *j, const char *dir, struct error *err) {
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return file_error(err, dir, "make the journal's directory");
    }
    j->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->dir_fd < 0) {
        return file_error(err, dir, "open the journal's directory");
    }
    j->lock_fd = openat(j->dir_fd, lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lock_fd < 0) {
        return file_error(err, dir, "open the journal's lock");
    }
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return error_set(err, ERR_CONFLICT, dir,
                             "another process uses this journal; each gateway needs a directory of its own");
        }
        return file_error(err, dir, "lock the journal");
    }
    return OK;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = (*(struct segment *const *)a)->number;
    uint64_t y = (*(struct segment *const *)b)->number;
    return (x > y) - (x < y);
}

static enum status load_file(struct journal *j, const char *name, struct error *err) {
    uint64_t number = 0;
    uint64_t epoch = 0;
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".tmp") == 0) {
        /* Left by a crash before its rename. */
        return unlinkat(j->dir_fd, name, 0) == 0 ? OK : file_error(err, name, "remove");
    }
    if (!segment_parse_name(name, &number, &epoch)) {
        return kept_load(j, name, err);
    }
    struct segment *s = NULL;
    enum status st = segment_load(j->dir_fd, name, &s, err);
    if (st != OK) {
        return st;
    }
    j->damaged_bytes += s->damaged;
    if (number >= j->next_number) {
        j->next_number = number + 1;
    }
    if (s->n == 0) {
        st = segment_remove(s, err);
        segment_free(&s);
        return st;
    }
    return take_segment(j, s, err);
}

static enum status load_directory(struct journal *j, struct error *err) {
    int fd = openat(j->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return file_error(err, j->dir, "list");
    }
    enum status st = OK;
    for (struct dirent *d = readdir(dir); d != NULL && st == OK; d = readdir(dir)) {
        st = load_file(j, d->d_name, err);
    }
    (void)closedir(dir);
    if (st == OK && j->n_segments > 0) {
        qsort(j->segments, j->n_segments, pointer_size, by_number);
        /* All others were made durable before this one was begun. */
        st = segment_write_again(j->segments[j->n_segments - 1], err);
    }
    return st;
}

/* Which epoch can go, other than the present one. */
static uint32_t choose_victim(const struct journal *j) {
    for (uint32_t e = 0; e + 1 < j->n_epochs; e++) {
        if (epoch_waiting(j, j->epochs[e].id) == 0) {
            return e;
        }
    }
    for (uint32_t e = 0; e + 1 < j->n_epochs; e++) {
        if (epoch_waiting_samples(j, j->epochs[e].id) == 0) {
            return e;
        }
    }
    return gathers_for(j, j->epochs[0].id) ? 1 : 0;
}

static enum status note_epoch_loss(struct journal *j, uint64_t id, struct error *err) {
    struct loss sum = {0};
    for (uint32_t i = 0; i < j->n_segments; i++) {
        struct loss one;
        if (j->segments[i]->epoch != id ||
            !segment_loss(j->segments[i], SEGMENT_DROP_ALL, SEGMENT_MIDDLE, &one)) {
            continue;
        }
        if (sum.end == 0) {
            sum = one;
        } else {
            losses_join(&sum, &one);
        }
    }
    return sum.end != 0 ? note_loss(j, &sum, err) : OK;
}

enum status limit_epochs(struct journal *j, uint32_t max, struct error *err) {
    while (j->n_epochs > max) {
        uint32_t victim = choose_victim(j);
        uint64_t id = j->epochs[victim].id;
        enum status st = seal_gather(j, journal_epoch(j), err);
        if (st == OK && epoch_waiting(j, id) > 0) {
            st = copy_records(j, id, COPY_KEPT, 0, j->n_epochs - 1, err);
            st = st == OK ? journal_sync(j, err) : st;
            st = st == OK ? note_epoch_loss(j, id, err) : st;
        }
        if (st == OK) {
            st = remove_epoch(j, victim, REMOVE_OLDEST_FIRST, err);
        }
        if (st != OK) {
            return st;
        }
    }
    return OK;
}

static enum status collect_epochs(struct journal *j, struct error *err) {
    for (uint32_t i = 0; i < j->n_segments; i++) {
        const struct segment *s = j->segments[i];
        uint64_t end = segment_seq(s, s->n - 1) + 1;
        uint32_t e = 0;
        if (epoch_index(j, s->epoch, &e)) {
            j->epochs[e].next_seq = end > j->epochs[e].next_seq ? end : j->epochs[e].next_seq;
            continue;
        }
        if (j->n_epochs == EPOCHS_ROOM - 1) {
            return error_set(err, ERR_FULL, j->dir, "more than %d epochs: these are no files of one journal",
                             EPOCHS_ROOM - 1);
        }
        j->epochs[j->n_epochs++] = (struct epoch){.id = s->epoch, .next_seq = end};
    }
    return OK;
}

static uint64_t default_segment_bytes(uint64_t capacity) {
    uint64_t bytes = capacity / 32;
    bytes = bytes > SEGMENT_BYTES_DEFAULT_MAX ? SEGMENT_BYTES_DEFAULT_MAX : bytes;
    return bytes < capacity / JOURNAL_SEGMENTS_MAX ? capacity / JOURNAL_SEGMENTS_MAX : bytes;
}

/* Gives the segments' size. */
static enum status check_sizes(const struct journal_config *cfg, uint32_t *ret_segment, struct error *err) {
    if (strlen(cfg->dir) >= JOURNAL_PATH_MAX) {
        return error_set(err, ERR_TOO_BIG, "journal", "the directory's path is longer than %d",
                         JOURNAL_PATH_MAX - 1);
    }
    if (cfg->capacity_bytes < UINT64_C(4) * JOURNAL_SEGMENT_MIN) {
        return error_set(err, ERR_INVALID, cfg->dir, "a journal needs %d bytes or more",
                         4 * JOURNAL_SEGMENT_MIN);
    }
    uint64_t bytes =
        cfg->segment_bytes != 0 ? cfg->segment_bytes : default_segment_bytes(cfg->capacity_bytes);
    bytes = bytes < JOURNAL_SEGMENT_MIN ? JOURNAL_SEGMENT_MIN : bytes;
    if (bytes > SEGMENT_BYTES_MAX || cfg->capacity_bytes / bytes > JOURNAL_SEGMENTS_MAX) {
        return error_set(err, ERR_INVALID, cfg->dir,
                         "a journal has at most %d segments of at most %d bytes; %" PRIu64
                         " bytes in segments of %" PRIu64 " do not fit",
                         JOURNAL_SEGMENTS_MAX, SEGMENT_BYTES_MAX, cfg->capacity_bytes, bytes);
    }
    *ret_segment = (uint32_t)bytes;
    return OK;
}

/* All that is there. */
static enum status load(struct journal *j, struct error *err) {
    j->gather.dir_fd = j->dir_fd;
    enum status st = load_directory(j, err);
    if (st == OK) {
        st = collect_epochs(j, err);
    }
    if (st == OK) {
        st = load_gather(j, err);
    }
    j->durable_seq = j->n_epochs > 0 ? journal_next_seq(j) : 0;
    if (st == OK) {
        st = load_losses(j, err);
    }
    if (st == OK && j->n_epochs > 0) {
        /* Its epoch is the last one still. On a full disk it gathers on: a gateway must start there, too. */
        (void)!seal_gather(j, journal_epoch(j), NULL);
    }
    return st;
}

enum status journal_open(const struct journal_config *cfg, struct journal **ret, struct error *err) {
    CHECK(cfg->epoch != 0);
    uint32_t segment_bytes = 0;
    enum status st = check_sizes(cfg, &segment_bytes, err);
    if (st != OK) {
        return st;
    }
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return error_set(err, ERR_NOMEM, cfg->dir, "no memory for the journal");
    }
    (void)snprintf(j->dir, sizeof j->dir, "%s", cfg->dir);
    j->dir_fd = -1;
    j->lock_fd = -1;
    gather_init(&j->gather, -1);
    j->capacity = cfg->capacity_bytes;
    j->segment_bytes = segment_bytes;
    j->keep_bytes = cfg->keep_bytes;
    st = lock_directory(j, cfg->dir, err);
    if (st == OK) {
        st = load(j, err);
    }
    if (st == OK) {
        st = begin_epoch(j, cfg->epoch, err);
    }
    if (st != OK) {
        journal_close(&j);
        return st;
    }
    *ret = j;
    return OK;
}

static void free_loaded(struct journal *j) {
    for (uint32_t i = 0; i < j->n_segments; i++) {
        segment_free(&j->segments[i]);
    }
    free(j->segments);
    free(j->kept);
    losses_done(&j->losses);
    gather_done(&j->gather);
}

enum status journal_recall(struct journal *j, uint64_t epoch, struct error *err) {
    if (j->n_epochs + KEPT_EPOCHS_MAX >= JOURNAL_EPOCHS_MAX) {
        return error_set(err, ERR_FULL, j->dir, "there are too many epochs already to take more in");
    }
    enum status st = journal_seal(j, err);
    if (st == OK) {
        st = journal_sync(j, err);
    }
    struct journal *next = st == OK ? malloc(sizeof *next) : NULL;
    if (next == NULL) {
        return st == OK ? error_set(err, ERR_NOMEM, j->dir, "no memory to read the journal anew") : st;
    }
    *next = (struct journal){.dir_fd = j->dir_fd,
                             .lock_fd = j->lock_fd,
                             .capacity = j->capacity,
                             .segment_bytes = j->segment_bytes,
                             .keep_bytes = j->keep_bytes,
                             .next_number = j->next_number};
    memcpy(next->dir, j->dir, sizeof next->dir);
    gather_init(&next->gather, -1);
    kept_restore(j);
    st = load(next, err);
    if (st == OK) {
        st = begin_epoch(next, epoch, err);
    }
    if (st == OK) {
        struct journal former = *j;
        *j = *next;
        *next = former;
    }
    free_loaded(next);
    free(next);
    return st;
}

void journal_close(struct journal **ref) {
    struct journal *j = *ref;
    if (j == NULL) {
        return;
    }
    if (j->n_epochs > 0 && !j->broken) {
        /* What is not durable was not sent either, so a failure here breaks no promise. */
        (void)!journal_sync(j, NULL);
    }
    free_loaded(j);
    if (j->lock_fd >= 0) {
        (void)close(j->lock_fd);
    }
    if (j->dir_fd >= 0) {
        (void)close(j->dir_fd);
    }
    free(j);
    *ref = NULL;
}
