/* What the server has, kept for a while: should its database be set back, it is sent again. A kept file is
 * the segment as it was, under the name <number>-<epoch>-<first seq>-<end seq>.kept (hexadecimal but for the
 * number), first = end if its numbers have gaps. */
#include "protocol/client/file.h"
#include "protocol/client/journal_state.h"
#include "server/base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT_NAME_SIZE = 80, NUMBER_DIGITS = 12, HEX_DIGITS = 16, KEPT_MAX = 4096 };
static const char suffix[] = ".kept";

static void format_name(const struct kept *k, char ret[KEPT_NAME_SIZE]) {
    (void)snprintf(ret, KEPT_NAME_SIZE, "%012" PRIu64 "-%016" PRIx64 "-%016" PRIx64 "-%016" PRIx64 "%s",
                   k->number, k->epoch, k->first, k->end, suffix);
}

/* Reads so many digits, and what follows them. */
static bool take_number(const char **at, int digits, int base, char after, uint64_t *ret) {
    char text[HEX_DIGITS + 1] = {0};
    for (int i = 0; i < digits; i++) {
        text[i] = (*at)[i];
        if (text[i] == '\0') {
            return false;
        }
    }
    char *end = NULL;
    *ret = strtoull(text, &end, base);
    bool fits = end == text + digits && (*at)[digits] == after;
    *at += digits + 1;
    return fits;
}

bool kept_parse_name(const char *name, struct kept *ret) {
    struct kept k = {0};
    const char *at = name;
    bool fits = take_number(&at, NUMBER_DIGITS, 10, '-', &k.number) &&
                take_number(&at, HEX_DIGITS, 16, '-', &k.epoch) &&
                take_number(&at, HEX_DIGITS, 16, '-', &k.first) &&
                take_number(&at, HEX_DIGITS, 16, '.', &k.end);
    char same[KEPT_NAME_SIZE];
    format_name(&k, same);
    if (!fits || strcmp(same, name) != 0) {
        return false;
    }
    *ret = k;
    return true;
}

static bool put(struct journal *j, const struct kept *k) {
    if (j->n_kept == j->cap_kept) {
        uint32_t cap = j->cap_kept == 0 ? 32 : j->cap_kept * 2;
        struct kept *v = cap <= KEPT_MAX ? realloc(j->kept, cap * sizeof *v) : NULL;
        if (v == NULL) {
            return false;
        }
        j->kept = v;
        j->cap_kept = cap;
    }
    uint32_t i = j->n_kept++;
    for (; i > 0 && j->kept[i - 1].number > k->number; i--) {
        j->kept[i] = j->kept[i - 1];
    }
    j->kept[i] = *k;
    j->kept_bytes += k->bytes;
    return true;
}

static void remove_at(struct journal *j, uint32_t i) {
    char name[KEPT_NAME_SIZE];
    format_name(&j->kept[i], name);
    (void)unlinkat(j->dir_fd, name, 0); /* what cannot be removed now is found at the next start */
    j->kept_bytes -= j->kept[i].bytes;
    memmove(&j->kept[i], &j->kept[i + 1], (j->n_kept - i - 1) * sizeof *j->kept);
    j->n_kept--;
}

bool kept_forget_oldest(struct journal *j) {
    if (j->n_kept == 0) {
        return false;
    }
    uint64_t epoch = j->kept[0].epoch;
    uint32_t e = 0;
    remove_at(j, 0);
    /* The dictionaries of an epoch that is closed went with it: what stays could not be read. */
    for (uint32_t i = j->n_kept; i-- > 0 && !epoch_index(j, epoch, &e);) {
        if (j->kept[i].epoch == epoch) {
            remove_at(j, i);
        }
    }
    return true;
}

static uint32_t count_epochs(const struct journal *j) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->n_kept; i++) {
        bool first = true;
        for (uint32_t k = 0; k < i && first; k++) {
            first = j->kept[k].epoch != j->kept[i].epoch;
        }
        n += first ? 1 : 0;
    }
    return n;
}

static void limit_kept(struct journal *j) {
    bool more = true;
    while (more && (j->kept_bytes > j->keep_bytes || count_epochs(j) > KEPT_EPOCHS_MAX)) {
        more = kept_forget_oldest(j);
    }
}

enum status kept_load(struct journal *j, const char *name, struct error *err) {
    struct kept k = {0};
    struct stat info = {0};
    if (!kept_parse_name(name, &k)) {
        return OK;
    }
    if (fstatat(j->dir_fd, name, &info, 0) != 0) {
        return file_error(err, name, "look at");
    }
    k.bytes = (uint32_t)(info.st_size < SEGMENT_BYTES_MAX ? info.st_size : SEGMENT_BYTES_MAX);
    j->next_number = k.number >= j->next_number ? k.number + 1 : j->next_number;
    if (!put(j, &k)) {
        (void)unlinkat(j->dir_fd, name, 0);
    }
    limit_kept(j);
    return OK;
}

void keep_segment(struct journal *j, const struct segment *s) {
    if (j->keep_bytes == 0 || s->n == 0) {
        return;
    }
    for (uint32_t i = 0; i < j->n_kept; i++) {
        if (j->kept[i].number == s->number) {
            return; /* from before it was rewritten: that one has more */
        }
    }
    struct kept k = {.number = s->number,
                     .epoch = s->epoch,
                     .first = s->first_seq,
                     .end = segment_seq(s, s->n - 1) + 1,
                     .bytes = s->bytes};
    if (s->given_up > 0 || k.end - k.first != s->n) {
        k.end = k.first;
    }
    char name[KEPT_NAME_SIZE];
    format_name(&k, name);
    /* Where the disk has no second names it is not kept: nothing was promised. */
    if (linkat(j->dir_fd, s->name, j->dir_fd, name, 0) != 0 && errno != EEXIST) {
        return;
    }
    if (!put(j, &k)) {
        (void)unlinkat(j->dir_fd, name, 0);
    }
    limit_kept(j);
}

void kept_restore(struct journal *j) {
    while (j->n_kept > 0) {
        const struct kept *k = &j->kept[--j->n_kept];
        char name[KEPT_NAME_SIZE];
        char segment[SEGMENT_NAME_SIZE];
        format_name(k, name);
        segment_format_name(k->number, k->epoch, segment);
        j->kept_bytes -= k->bytes;
        (void)renameat(j->dir_fd, name, j->dir_fd, segment); /* of two the kept one has more */
    }
}

/* ---- a server that was set back ---- */

static bool is_covered(const struct seq_range *v, uint32_t n, uint64_t first, uint64_t end) {
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].first <= first && end <= v[i].end) {
            return true;
        }
    }
    return first == end;
}

bool journal_misses(const struct journal *j, uint64_t epoch, const struct seq_range *v, uint32_t n) {
    if (j->keep_bytes == 0) {
        return false;
    }
    for (uint32_t i = 0; i < j->n_kept; i++) {
        const struct kept *k = &j->kept[i];
        if (k->epoch == epoch && !is_covered(v, n, k->first, k->end)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < j->n_segments; i++) {
        const struct segment *s = j->segments[i];
        if (s->epoch != epoch || s->given_up > 0 || s->low == 0) {
            continue;
        }
        uint64_t end = segment_seq(s, s->low - 1) + 1;
        if (end - s->first_seq == s->low && !is_covered(v, n, s->first_seq, end)) {
            return true;
        }
    }
    return false;
}
