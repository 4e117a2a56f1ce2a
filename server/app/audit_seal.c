#include "server/app/audit_seal.h"

#include "server/base/clock.h"

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
    enum status status = chain_db_open(s->conninfo, "penstock seal", s->stop, &s->db, err);
    status = status == OK ? chain_db_last_point(s->db, &s->point, err) : status;
    return status == OK ? chain_db_head(s->db, &s->head, err) : status;
}

/* A clock that was set back does not keep it from signing. */
static bool point_is_due(const struct audit_seal *s, int64_t now_us) {
    int64_t rows = s->head.pos - s->point.pos;
    int64_t age_us = now_us - s->point.at_us;
    return s->key != NULL && rows > 0 && (rows >= AUDIT_POINT_ROWS || age_us >= AUDIT_POINT_US || age_us < 0);
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

/* *ret: how many rows were sealed. */
static enum status work(struct audit_seal *s, int64_t now_us, int64_t *ret, struct error *err) {
    enum status status = open_db(s, err);
    if (status == OK) {
        enum chain_late late = s->turns % AUDIT_LATE_TURNS == 0 ? CHAIN_LATE_TAKE : CHAIN_LATE_LEAVE;
        status = chain_db_seal(s->db, late, ret, err);
        s->turns++;
    }
    if (status == OK && *ret > 0) {
        status = chain_db_head(s->db, &s->head, err);
    }
    return status == OK ? sign(s, now_us, err) : status;
}

uint32_t audit_seal_turn(struct audit_seal *s, int64_t now_us, struct audit_report *report) {
    int64_t begin_us = clock_mono_us();
    int64_t n = 0;
    report->err = (struct error){.code = OK};
    if (work(s, now_us, &n, &report->err) != OK) {
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
