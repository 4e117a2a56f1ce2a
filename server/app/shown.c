/* What the API shows of this process: gateways as the link knows them, health, the store. */
#include "server/app/app.h"
#include "server/base/clock.h"

#include <stdio.h>

/* What HELLO said of the journal is as old as the session; a gateway that tells of itself knows better. */
static void take_health(const struct gateway_health *h, struct api_gateway *ret) {
    if (h->known[GATEWAY_BUFFER_BYTES]) {
        ret->backlog_bytes = (uint64_t)h->figures[GATEWAY_BUFFER_BYTES];
    }
    if (h->known[GATEWAY_OLDEST_S]) {
        ret->oldest_sample_us = gateway_health_oldest_us(h);
    }
    if (h->known[GATEWAY_LOST]) {
        ret->dropped_total = (uint64_t)h->figures[GATEWAY_LOST];
    }
    ret->health = h;
}

static const char *const clock_names[] = {
    [CLOCK_NONE] = "none", [CLOCK_NTP] = "ntp", [CLOCK_PTP] = "ptp", [CLOCK_GNSS] = "gnss"};

void shown_gateway(void *ctx, uint32_t gateway, struct api_gateway *ret) {
    struct app *a = ctx;
    /* The texts are lent until the next turn: they live in the link's own status. */
    const struct link_status *s = link_borrow_status(a->link, gateway);
    if (s == NULL) {
        *ret = (struct api_gateway){
            .peer = "", .software = "", .fault = "", .clock_source = clock_names[CLOCK_NONE]};
        return;
    }
    struct link_trouble t = link_trouble(a->link, gateway);
    *ret = (struct api_gateway){.up = s->up,
                                .since_us = s->since_us,
                                .peer = s->peer,
                                .software = s->software,
                                .records = s->records,
                                .duplicates = s->duplicates,
                                .quarantined = s->quarantined,
                                .unknown_tags = s->unknown_tags,
                                .backlog_bytes = s->backlog_bytes,
                                .oldest_sample_us = s->oldest_sample_us,
                                .dropped_total = s->dropped_total,
                                .clock_offset_us = s->clock_offset_us,
                                .clock_measure_us = s->clock_measure_us,
                                .clock_said_us = s->clock_said_us,
                                .clock_source = clock_names[s->clock_source],
                                .clock_unsynced = s->clock_unsynced,
                                .clock_off = s->clock_off,
                                .last_seen_us = s->last_seen_us,
                                .complete_us = link_complete_us(a->link, gateway),
                                .certificate = s->certificate,
                                .certificate_ends_us = s->certificate_ends_us,
                                .fault = s->fault,
                                .suspended_until_us = t.suspended_until_us,
                                .duplicate_until_us = t.duplicate_until_us};
    take_health(&s->health, ret);
    (void)snprintf(ret->suspended_why, sizeof ret->suspended_why, "%s", t.suspended_why);
    (void)snprintf(ret->duplicate_why, sizeof ret->duplicate_why, "%s", t.duplicate_why);
}

/* What PostgreSQL's library says may name sockets, hosts and accounts: that is for the log, not for everybody
 * who asks. */
static const char not_packed[] = "samples cannot be packed now; the server's log says more";

const char *shown_store_reason(enum status why) {
    return why == ERR_NO_SPACE ? "the database's disk is full: nothing is stored until there is room"
                               : "the database does not answer; the server's log says more";
}

static const char *store_text(const struct app *a) {
    return a->store_state != STORE_AWAY ? "" : shown_store_reason(a->store_error.code);
}

const char *shown_store_state(enum store_state state) {
    static const char *const names[] = {[STORE_OK] = "ok", [STORE_SLOW] = "slow", [STORE_AWAY] = "away"};
    return names[state];
}

_Static_assert((int)API_EXPORTS_MAX == (int)AUDITOR_EXPORTS_MAX, "every export is shown");

static struct api_audit audit_health(const struct app *a) {
    struct auditor_status s;
    auditor_status(a->auditor, &s);
    struct api_audit ret = {.sealing = s.seal.err.code == OK,
                            .sealed = s.seal.pos,
                            .sealed_us = s.seal.sealed_us,
                            .signs = s.signs,
                            .checkpoint = s.seal.point_pos,
                            .checkpoint_us = s.seal.point_us,
                            .broken_us = s.seal.broken_us,
                            .n_exports = s.n_exports};
    int64_t now_us = clock_wall_us();
    for (uint32_t i = 0; i < s.n_exports; i++) {
        const struct audit_report *r = &s.exports[i].report;
        int64_t waiting_us = r->waiting_since_us == 0 ? 0 : now_us - r->waiting_since_us;
        ret.exports[i].name = s.exports[i].name;
        ret.exports[i].state = r->err.code != OK                ? "failing"
                               : waiting_us > AUDITOR_BEHIND_US ? "behind"
                                                                : "ok";
        ret.exports[i].pos = r->pos;
        ret.exports[i].waiting_us = waiting_us > 0 ? waiting_us : 0;
    }
    return ret;
}

void shown_health(void *ctx, struct api_health *ret) {
    struct app *a = ctx;
    bool crl_due = false;
    int64_t crl_ends_us = link_crl_ends_us(a->link, &crl_due);
    *ret = (struct api_health){.store = shown_store_state(a->store_state),
                               .store_text = store_text(a),
                               .store_full = a->store_error.code == ERR_NO_SPACE,
                               .store_lag_us = a->store_lag_us,
                               .started_us = a->started_us,
                               .packing = {.lag_us = packing_lag_us(a),
                                           .rows = a->packing.rows,
                                           .samples = a->packing.samples,
                                           .chunks = a->packing.chunks,
                                           .pruned = a->packing.pruned,
                                           .damaged = a->packing.damaged,
                                           .text = a->packing.error.code == OK ? "" : not_packed},
                               .loop_lag_us =
                                   a->lag_shown_us > a->lag_worst_us ? a->lag_shown_us : a->lag_worst_us,
                               .journal_seq = a->core == NULL ? 0 : core_journal_seq(a->core),
                               .journaled_seq = a->journaled_seq,
                               .crl_ends_us = crl_ends_us,
                               .crl_due = crl_due,
                               .expired = keeping_expired(a->keeping),
                               .spool_asides = a->spool == NULL ? 0 : spool_asides(a->spool),
                               .spool_room = a->spool == NULL ? 0 : spool_room(a->spool),
                               .audit = audit_health(a)};
}

void shown_store(void *ctx, struct api_store *ret) {
    const struct app *a = ctx;
    struct store_pending pending = store_pending(a->store);
    struct auditor_status audit;
    auditor_status(a->auditor, &audit);
    *ret = (struct api_store){.state = shown_store_state(a->store_state),
                              .text = store_text(a),
                              .lag_us = a->store_lag_us,
                              .pending_records = pending.records,
                              .pending_bytes = pending.bytes,
                              .disk_known = a->disk.known,
                              .disk_path = a->disk.path,
                              .disk_bytes = a->disk.bytes,
                              .disk_free = a->disk.free,
                              .grow_bytes_day = a->disk.grow_bytes_day,
                              .full_at_us = a->disk.full_at_us,
                              .packed_us = a->packing.at_us,
                              .packing_error = a->packing.error.code == OK ? "" : not_packed,
                              .has_spool = a->spool != NULL,
                              .spool_asides = a->spool == NULL ? 0 : spool_asides(a->spool),
                              .spool_room = a->spool == NULL ? 0 : spool_room(a->spool),
                              .audit_broken_us = audit.seal.broken_us};
}
