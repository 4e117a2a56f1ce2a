#include "server/app/audit_export.h"

#include "server/export/syslog_text.h"

void audit_export_init(struct audit_export *e) {
    buf_init(&e->text, AUDIT_BATCH_BYTES + 2 * AUDIT_ROW_BYTES_MAX);
    buf_init(&e->line, AUDIT_ROW_BYTES_MAX);
}

void audit_export_done(struct audit_export *e) {
    chain_db_close(&e->db);
    buf_done(&e->text);
    buf_done(&e->line);
}

/* --- a batch --- */

struct batch {
    struct audit_export *e;
    struct chain_mark upto;
    int64_t rows;
    int64_t points;
    int64_t first_us; /* when its first row was sealed */
};

/* e->line as a message of the sink. */
static void put_message(struct audit_export *e, const struct syslog_text *m) {
    if (e->sink.format == AUDIT_LINES) {
        buf_append(&e->text, e->line.p, e->line.n);
        buf_byte(&e->text, '\n');
        return;
    }
    struct syslog_text whole = *m;
    whole.host = e->host;
    whole.pid = e->pid;
    whole.json = buf_slice(&e->line);
    syslog_text(&e->text, &whole);
}

static enum status on_row(void *ctx, const struct chain_seal *seal, const struct chain_row *row,
                          struct error *err) {
    struct batch *b = ctx;
    if (b->e->text.n > AUDIT_BATCH_BYTES) {
        return OK; /* the next batch begins with it */
    }
    const struct chain_table *t = chain_table(seal->source);
    buf_clear(&b->e->line);
    chain_json(&b->e->line, seal, row);
    put_message(b->e, &(struct syslog_text){.at_us = seal->sealed_us,
                                            .id = t == NULL ? "unknown" : t->name,
                                            .pos = seal->pos,
                                            .row_id = seal->row_id,
                                            .hash = seal->hash});
    b->upto.pos = seal->pos;
    b->first_us = b->rows == 0 ? seal->sealed_us : b->first_us;
    b->rows++;
    enum status status = buf_status(&b->e->line, err);
    return status == OK ? buf_status(&b->e->text, err) : status;
}

/* Of the places that the sink has, or gets with this batch. */
static enum status put_points(struct batch *b, struct error *err) {
    struct point v[AUDIT_BATCH_POINTS];
    uint32_t n = 0;
    enum status status = chain_db_points(b->e->db, b->upto.point_pos, v, AUDIT_BATCH_POINTS, &n, err);
    for (uint32_t i = 0; status == OK && i < n && v[i].pos <= b->upto.pos; i++) {
        buf_clear(&b->e->line);
        point_json(&b->e->line, &v[i]);
        put_message(b->e, &(struct syslog_text){
                              .at_us = v[i].at_us, .id = "checkpoint", .pos = v[i].pos, .hash = v[i].hash});
        b->upto.point_pos = v[i].pos;
        b->points++;
    }
    return status == OK ? buf_status(&b->e->text, err) : status;
}

/* --- a turn --- */

static enum status open_db(struct audit_export *e, struct error *err) {
    if (e->db != NULL) {
        return OK;
    }
    enum status status = chain_db_open(e->conninfo, "penstock export", e->stop, &e->db, err);
    status = status == OK ? chain_db_get_mark(e->db, e->sink.name, &e->mark, err) : status;
    e->sent = e->mark;
    e->under_way = 0;
    return status;
}

/* Of a chain that lost its end, places that had arrived are given to other rows: those are to arrive, too. It
 * goes back to where the chain is known to be what it was. */
static enum status go_back(struct audit_export *e, int64_t now_us, struct error *err) {
    struct chain_seal head;
    int64_t sound = 0;
    enum status status = chain_db_head(e->db, &head, err);
    if (status != OK || head.pos >= e->sent.pos) {
        return status;
    }
    status = chain_db_sound_point(e->db, &sound, err);
    const struct chain_mark back = {.pos = sound, .point_pos = sound};
    status = status == OK ? chain_db_put_mark(e->db, e->sink.name, &back, now_us, err) : status;
    return status == OK
               ? error_set(err, ERR_INVALID, "chain",
                           "it ends at position %lld, and had been exported up to %lld: its end was cut "
                           "off; from %lld on it is exported again",
                           (long long)head.pos, (long long)e->sent.pos, (long long)sound + 1)
               : status;
}

static enum status send(struct audit_export *e, int64_t now_mono_us, const struct batch *b,
                        struct error *err) {
    if (b->rows + b->points == 0) {
        return OK;
    }
    if (e->waiting_since_us == 0 && b->rows > 0) {
        e->waiting_since_us = b->first_us;
    }
    enum status status = e->sink.send(e->sink.ctx, buf_slice(&e->text), err);
    if (status == OK) {
        e->under_way_since_mono_us = e->under_way == 0 ? now_mono_us : e->under_way_since_mono_us;
        e->under_way += b->rows + b->points;
        e->sent = b->upto;
    }
    return status;
}

/* Asks whether all has arrived, when it is time for that, and moves the mark. */
static enum status confirm(struct audit_export *e, int64_t now_us, int64_t now_mono_us, struct error *err) {
    bool due =
        e->under_way >= AUDIT_CONFIRM_ROWS || now_mono_us - e->under_way_since_mono_us >= AUDIT_CONFIRM_US;
    if (e->under_way == 0 || (e->sink.confirm != NULL && !due)) {
        return OK;
    }
    enum status status = e->sink.confirm == NULL ? OK : e->sink.confirm(e->sink.ctx, err);
    if (status != OK) {
        return status;
    }
    e->under_way = 0;
    e->waiting_since_us = 0;
    e->mark = e->sent;
    return chain_db_put_mark(e->db, e->sink.name, &e->mark, now_us, err);
}

/* From the mark on again; memory of a big batch is given back. */
static void begin_again(struct audit_export *e) {
    chain_db_close(&e->db);
    if (e->sink.drop != NULL) {
        e->sink.drop(e->sink.ctx);
    }
    buf_done(&e->text);
    buf_done(&e->line);
    audit_export_init(e);
}

uint32_t audit_export_turn(struct audit_export *e, int64_t now_us, int64_t now_mono_us,
                           struct audit_report *report) {
    struct batch b = {.e = e};
    int64_t n = 0;
    struct error *err = &report->err;
    report->err = (struct error){.code = OK};
    buf_clear(&e->text);
    enum status status = open_db(e, err);
    if (status == OK) {
        b.upto = e->sent;
        status = chain_db_read(e->db, e->sent.pos, AUDIT_BATCH_ROWS, on_row, &b, &n, err);
    }
    status = status == OK && n == 0 ? go_back(e, now_us, err) : status;
    status = status == OK ? put_points(&b, err) : status;
    status = status == OK ? send(e, now_mono_us, &b, err) : status;
    status = status == OK ? confirm(e, now_us, now_mono_us, err) : status;
    report->pos = e->mark.pos;
    report->point_pos = e->mark.point_pos;
    report->waiting_since_us = e->waiting_since_us;
    if (status != OK) {
        begin_again(e);
        e->retry_ms = audit_retry_ms(e->retry_ms);
        return e->retry_ms;
    }
    e->retry_ms = 0;
    return n == AUDIT_BATCH_ROWS ? 0 : AUDIT_TURN_MS;
}
