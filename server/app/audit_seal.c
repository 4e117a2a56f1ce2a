#include "server/app/audit_seal.h"

#include "server/base/clock.h"

#include <stdio.h>
#include <string.h>

uint32_t audit_retry_ms(uint32_t before_ms) {
    uint32_t ms = before_ms == 0 ? AUDIT_TURN_MS : 2 * before_ms;
    return ms > AUDIT_RETRY_MAX_MS ? AUDIT_RETRY_MAX_MS : ms;
}

static enum status open_db(struct audit_seal *s, struct error *err) {
    if (s->db != NULL) {
        return OK;
    }
    s->turns = 0;
    return chain_db_open(s->conninfo, "penstock seal", s->stop, &s->db, err);
}

/* --- is the chain what it was? */

/* The first that is seen in a turn. */
static void set_broken(struct error *broken, const char *where, const char *what) {
    if (broken->code == OK) {
        (void)error_set(broken, ERR_INVALID, where, "%s", what);
    }
}

static void name_place(const struct chain_seal *p, char *ret_where, size_t size) {
    const struct chain_table *t = chain_table(p->source);
    (void)snprintf(ret_where, size, "%s %lld (position %lld)", t == NULL ? "checkpoint" : t->name,
                   (long long)(t == NULL ? p->pos : p->row_id), (long long)p->pos);
}

static enum status find(struct audit_seal *s, const struct chain_seal *p, struct error *broken,
                        struct error *err) {
    static const char *const says[] = {
        [CHAIN_STANDS] = NULL,
        [CHAIN_PLACE_GONE] =
            "its place is not in the chain any more: the end was cut off, or the database was "
            "set back",
        [CHAIN_PLACE_OTHER] =
            "its place in the chain has another hash now: the end was cut off or written anew, or the "
            "database was set back",
        [CHAIN_ROW_GONE] = "was deleted after it was sealed",
    };
    enum chain_found found = CHAIN_STANDS;
    enum status status = p->pos == 0 ? OK : chain_db_find(s->db, p->pos, p->hash, &found, err);
    if (status == OK && found != CHAIN_STANDS) {
        char where[96];
        name_place(p, where, sizeof where);
        set_broken(broken, where, says[found]);
    }
    return status;
}

/* What processes before this one left: the newest checkpoint, and how far the exports are. */
static enum status look_back(struct audit_seal *s, struct error *broken, struct error *err) {
    int64_t exported = 0;
    struct chain_seal head = {0};
    enum status status = chain_db_last_point(s->db, &s->point, err);
    struct chain_seal p = {.pos = s->point.pos};
    memcpy(p.hash, s->point.hash, sizeof p.hash);
    status = status == OK ? find(s, &p, broken, err) : status;
    status = status == OK ? chain_db_farthest(s->db, &exported, err) : status;
    status = status == OK ? chain_db_head(s->db, &head, err) : status;
    if (status == OK && head.pos < exported) {
        char where[64];
        (void)snprintf(where, sizeof where, "position %lld", (long long)exported);
        set_broken(broken, where, "was exported, and the chain ends before it: its end was cut off");
    }
    return status;
}

static enum status look(struct audit_seal *s, struct error *broken, struct error *err) {
    if (!s->known.any) {
        return look_back(s, broken, err);
    }
    enum status status = OK;
    for (int i = 0; i <= CHAIN_SOURCES && status == OK; i++) {
        bool again = i > 0 && s->known.places[i].pos == s->known.places[0].pos;
        status = again ? OK : find(s, &s->known.places[i], broken, err);
    }
    return status;
}

/* From now on this is to stay. */
static enum status learn(struct audit_seal *s, struct error *err) {
    enum status status = chain_db_head(s->db, &s->known.places[0], err);
    for (int source = 1; source <= CHAIN_SOURCES && status == OK; source++) {
        status = chain_db_newest(s->db, source, &s->known.places[source], err);
    }
    s->known.any = status == OK;
    s->head = s->known.places[0];
    return status;
}

/* After what was new is sealed, so that nobody comes between what is looked for and what is learnt. */
static enum status watch(struct audit_seal *s, int64_t sealed, int64_t now_us, struct audit_report *report) {
    struct error broken = {.code = OK};
    enum status status = look(s, &broken, &report->err);
    if (status == OK && (sealed > 0 || !s->known.any || broken.code != OK)) {
        status = learn(s, &report->err);
    }
    if (status == OK && broken.code != OK) {
        bool known = report->broken.code != OK && strcmp(report->broken.where, broken.where) == 0;
        report->breaks += known ? 0 : 1; /* what stays deleted is told once */
        report->broken = broken;
        report->broken_us = now_us;
    }
    return status;
}

/* --- checkpoints */

/* A clock that was set back does not keep it from signing; nor does a checkpoint beyond an end that was cut.
 */
static bool point_is_due(const struct audit_seal *s, int64_t now_us) {
    int64_t rows = s->head.pos - s->point.pos;
    int64_t age_us = now_us - s->point.at_us;
    bool long_ago = age_us >= AUDIT_POINT_US || age_us < 0;
    return s->key != NULL && s->head.pos > 0 && rows != 0 && (rows >= AUDIT_POINT_ROWS || long_ago);
}

static enum status sign(struct audit_seal *s, int64_t now_us, struct error *err) {
    if (!point_is_due(s, now_us)) {
        return OK;
    }
    struct point p = {.pos = s->head.pos, .at_us = now_us};
    memcpy(p.hash, s->head.hash, sizeof p.hash);
    enum status status = point_sign(s->key, &p, err);
    status = status == OK ? chain_db_put_point(s->db, &p, err) : status;
    if (status == OK) {
        s->point = p;
    }
    return status;
}

/* --- a turn */

/* *ret: how many rows were sealed. */
static enum status work(struct audit_seal *s, int64_t now_us, int64_t *ret, struct audit_report *report) {
    enum status status = open_db(s, &report->err);
    if (status == OK) {
        enum chain_late late = s->turns % AUDIT_LATE_TURNS == 0 ? CHAIN_LATE_TAKE : CHAIN_LATE_LEAVE;
        status = chain_db_seal(s->db, late, ret, &report->err);
        s->turns++;
    }
    status = status == OK ? watch(s, *ret, now_us, report) : status;
    return status == OK ? sign(s, now_us, &report->err) : status;
}

uint32_t audit_seal_turn(struct audit_seal *s, int64_t now_us, struct audit_report *report) {
    int64_t begin_us = clock_mono_us();
    int64_t n = 0;
    report->err = (struct error){.code = OK};
    if (work(s, now_us, &n, report) != OK) {
        chain_db_close(&s->db);
        s->retry_ms = audit_retry_ms(s->retry_ms);
        return s->retry_ms;
    }
    s->retry_ms = 0;
    report->pos = s->head.pos;
    report->sealed_us = s->head.sealed_us;
    report->point_pos = s->point.pos;
    report->point_us = s->point.at_us;
    /* Not longer than the answer may take. */
    return n < CHAIN_DB_SEAL_MAX ? AUDIT_TURN_MS : (uint32_t)((clock_mono_us() - begin_us) / 1000);
}

void audit_seal_done(struct audit_seal *s) {
    chain_db_close(&s->db);
}
