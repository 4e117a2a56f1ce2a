#include "server/app/spool_fit.h"

#include "server/base/tm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What happened, to which alarm, when, by whom and with which words: what else is in a record follows. */
static bool is_same(const struct alarm_record *a, const struct alarm_record *b) {
    return a->seq == b->seq && a->n == b->n && a->alarm_key == b->alarm_key && a->kind == b->kind &&
           a->cause == b->cause && a->occ == b->occ && a->call == b->call && a->from == b->from &&
           a->to == b->to && a->src_us == b->src_us && a->at_us == b->at_us && a->actor_key == b->actor_key &&
           strcmp(a->actor, b->actor) == 0 && strcmp(a->comment, b->comment) == 0;
}

/* A record in the order of its alarm. */
struct place {
    const struct alarm_record *of;
};

static int by_alarm(const void *a, const void *b) {
    const struct alarm_record *x = ((const struct place *)a)->of;
    const struct alarm_record *y = ((const struct place *)b)->of;
    if (x->alarm_key != y->alarm_key) {
        return x->alarm_key < y->alarm_key ? -1 : 1;
    }
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Each record beyond the journal follows the one before it of the same alarm. v is sorted by_alarm. */
static bool follows(const struct place *v, size_t n, uint64_t journal_seq) {
    for (size_t i = 0; i < n; i++) {
        const struct alarm_record *now = v[i].of;
        const struct alarm_record *before = i == 0 ? NULL : v[i - 1].of;
        bool first = before == NULL || before->alarm_key != now->alarm_key;
        bool next = first ? now->n == 1 : now->n == before->n + 1 && now->from == before->to;
        if (now->seq > journal_seq && !next) {
            return false;
        }
    }
    return true;
}

static enum status judge_rest(const struct alarm_record *rest, size_t n, const struct spool_journal *journal,
                              const char **ret_why, struct error *err) {
    if (n == 0) {
        return OK;
    }
    if (rest[0].seq != journal->seq + 1) {
        *ret_why = "it begins behind the journal's end: records between them are missing";
        return OK;
    }
    struct place *v = malloc((n + journal->n_records) * sizeof *v);
    if (v == NULL) {
        return error_set(err, ERR_NOMEM, "spool", "no memory for %zu records", n);
    }
    for (size_t i = 0; i < n; i++) {
        v[i].of = &rest[i];
    }
    for (size_t i = 0; i < journal->n_records; i++) {
        v[n + i].of = &journal->records[i];
    }
    qsort(v, n + journal->n_records, sizeof *v, by_alarm);
    if (!follows(v, n + journal->n_records, journal->seq)) {
        *ret_why = "it does not go on from what the journal says of its alarms: another life of the database";
    }
    free(v);
    return OK;
}

enum status spool_fit(const struct alarm_record *left, size_t n, const struct spool_journal *journal,
                      struct spool_fit *ret, struct error *err) {
    struct spool_fit fit = {0};
    while (fit.n_stored < n && fit.n_stored < journal->n_tail &&
           is_same(&left[fit.n_stored], &journal->tail[fit.n_stored])) {
        fit.n_stored++;
    }
    enum status status = OK;
    if (fit.n_stored < n && left[fit.n_stored].seq <= journal->seq) {
        fit.why = "the journal has other records under its numbers: another server wrote them, or another "
                  "life of the database";
    } else {
        status = judge_rest(left + fit.n_stored, n - fit.n_stored, journal, &fit.why, err);
    }
    if (status == OK) {
        *ret = fit;
    }
    return status;
}

void spool_fit_tell(const struct alarm_record *r, const char *file, char *ret_text, size_t size) {
    char at[TM_TEXT_SIZE];
    if (tm_format(r->at_us, at) != OK) {
        (void)snprintf(at, sizeof at, "?");
    }
    (void)snprintf(
        ret_text, size,
        "%s of occurrence %u at %s was kept in the spool and is not in the journal; number %llu in %s%s%s",
        alarm_record_kind_name(r->kind), r->occ, at, (unsigned long long)r->seq, file,
        r->comment[0] == '\0' ? "" : ": ", r->comment);
}
