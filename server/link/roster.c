#include "server/link/roster.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/link/pace.h"

#include <stdio.h>
#include <stdlib.h>

#define PACE_EVERY_US INT64_C(250000)

enum { RETRY_MS = 5000, FORKS_BURST = 20 };

struct slot {
    int64_t key;
    uint32_t gateway;         /* index in the present model */
    struct session *current;  /* LIVE */
    struct session *newcomer; /* SETTLING; takes over when that is done */
    uint64_t token;           /* of the newcomer's settling */
    int64_t refresh_mono_us;  /* not asked for a snapshot again before */
    struct guard guard;
    struct session_budget budget;
    struct bucket forks; /* of what is told about them */
    uint64_t forks_left_out;
    struct bucket often;     /* telling that it comes too often */
    char breach[256];        /* its last one, or for what else it was suspended */
    char duplicate[256];     /* who fights for its identity */
    struct link_status last; /* of the last session, when there is no current one */
    int64_t complete_us;     /* likewise; 0: there was none */
};

struct roster {
    struct session_env *env;
    struct slot *slots; /* sorted by key */
    uint32_t *by_index; /* index in the model -> place in slots */
    uint32_t n;
    uint64_t tokens;
    struct pace pace;
    struct session_budget strangers; /* of all whose gateway is not in the configuration */
    uint32_t n_backlogs;             /* gateways that have one, as of the last look */
    int64_t pace_mono_us;
    uint32_t load_at; /* place in slots of who loads first */
};

static void on_hello(void *ctx, struct session *s, const struct msg_epoch *epochs, uint32_t n_epochs,
                     struct link_now now);
static void on_closed(void *ctx, struct session *s, struct link_now now);
static struct session_budget *on_budget(void *ctx, const struct session *s);

enum status roster_new(struct session_env *env, struct roster **ret) {
    struct roster *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    r->env = env;
    pace_init(&r->pace, env->limits.link.backlog_bytes_per_s, env->limits.backlog_rate);
    env->owner.ctx = r;
    env->owner.hello = on_hello;
    env->owner.closed = on_closed;
    env->owner.budget = on_budget;
    *ret = r;
    return OK;
}

void roster_free(struct roster **r) {
    if (*r != NULL) {
        free((*r)->slots);
        free((*r)->by_index);
        free(*r);
        *r = NULL;
    }
}

static int compare_slots(const void *a, const void *b) {
    int64_t x = ((const struct slot *)a)->key;
    int64_t y = ((const struct slot *)b)->key;
    return (x > y) - (x < y);
}

static struct slot *find_key(const struct roster *r, int64_t key) {
    const struct slot wanted = {.key = key};
    return r->n == 0 ? NULL : bsearch(&wanted, r->slots, r->n, sizeof *r->slots, compare_slots);
}

static struct slot *slot_at(const struct roster *r, uint32_t gateway) {
    return gateway < r->n ? &r->slots[r->by_index[gateway]] : NULL;
}

/* By the name that its certificate has proven: right in every state, and across configurations. */
static struct slot *slot_of(const struct roster *r, const struct session *s) {
    struct slice name = session_gateway_name(s);
    if (r->env->model == NULL || name.n == 0) {
        return NULL;
    }
    uint32_t gateway = model_find_gateway(r->env->model, name);
    return gateway == MODEL_NONE ? NULL : slot_at(r, gateway);
}

static struct session_budget *on_budget(void *ctx, const struct session *s) {
    struct roster *r = ctx;
    struct slot *slot = slot_of(r, s);
    return slot != NULL ? &slot->budget : &r->strangers;
}

/* --- configuration --- */

/* The certificate of another gateway spoke for it, and may not any more. */
static void end_unspoken(struct session *s, const struct model *m, struct link_now now) {
    if (s != NULL && !session_may_speak(s, m)) {
        session_bye(s, BYE_REVOKED, GUARD_RETRY_MS, "its certificate may not speak for this gateway any more",
                    now);
    }
}

static void end_gone(struct slot *slot, const char *why, struct link_now now) {
    if (slot->current != NULL) {
        session_bye(slot->current, BYE_REVOKED, GUARD_RETRY_MS, why, now);
    }
    if (slot->newcomer != NULL) {
        session_bye(slot->newcomer, BYE_REVOKED, GUARD_RETRY_MS, why, now);
    }
}

/* Moves what is known of a gateway to its place in the new model. */
static void move_slot(struct slot *to, struct slot *from) {
    uint32_t gateway = to->gateway;
    *to = *from;
    to->gateway = gateway;
    if (to->current != NULL) {
        session_set_gateway(to->current, gateway);
        session_model_changed(to->current);
    }
    if (to->newcomer != NULL) {
        session_set_gateway(to->newcomer, gateway);
    }
    from->current = NULL;
    from->newcomer = NULL;
}

enum status roster_set_model(struct roster *r, const struct model *m, struct link_now now) {
    uint32_t n = m->n_gateways;
    struct slot *slots = calloc(n == 0 ? 1 : n, sizeof *slots);
    uint32_t *by_index = calloc(n == 0 ? 1 : n, sizeof *by_index);
    if (slots == NULL || by_index == NULL) {
        free(slots);
        free(by_index);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        slots[i] = (struct slot){.key = m->gateways[i].key, .gateway = i, .last = {.since_us = now.wall_us}};
    }
    qsort(slots, n, sizeof *slots, compare_slots);
    for (uint32_t i = 0; i < n; i++) {
        by_index[slots[i].gateway] = i;
        struct slot *old = find_key(r, slots[i].key);
        if (old != NULL) {
            move_slot(&slots[i], old);
        }
    }
    struct roster before = *r;
    r->env->model = m;
    r->slots = slots;
    r->by_index = by_index;
    r->n = n;
    for (uint32_t i = 0; i < n; i++) {
        if (!m->gateways[slots[i].gateway].enabled) {
            end_gone(&slots[i], "the gateway was disabled", now);
        }
        end_unspoken(slots[i].newcomer, m, now);
        end_unspoken(slots[i].current, m, now);
    }
    for (uint32_t i = 0; i < before.n; i++) {
        /* Sessions that were moved are not here any more. Those left have no gateway in the model. */
        end_gone(&before.slots[i], "the gateway was removed from the configuration", now);
    }
    free(before.slots);
    free(before.by_index);
    return OK;
}

static void end_revoked(struct roster *r, struct session *s, struct link_now now) {
    if (s != NULL && session_env_revoked(r->env, session_certificate(s))) {
        session_bye(s, BYE_REVOKED, GUARD_RETRY_MS, "the certificate was revoked", now);
    }
}

void roster_end_revoked(struct roster *r, struct link_now now) {
    for (uint32_t i = 0; i < r->n; i++) {
        end_revoked(r, r->slots[i].newcomer, now);
        end_revoked(r, r->slots[i].current, now);
    }
}

/* --- sessions come and go --- */

static void refuse_suspended(const struct slot *slot, struct session *s, int64_t wait_us,
                             struct link_now now) {
    char text[64 + sizeof slot->breach];
    (void)snprintf(text, sizeof text, "suspended for %lld more seconds; the last reason: %s",
                   (long long)wait_us / 1000000 + 1, slot->breach);
    session_refuse(s, LINK_SUSPENDED, text, now);
}

/* Each session costs a question to the database, and perhaps many dictionaries. One whose line is bad gets in
 * all the same, only not at once. */
static void refuse_often(const struct roster *r, struct slot *slot, struct session *s, int64_t wait_us,
                         struct link_now now) {
    char text[128];
    (void)snprintf(text, sizeof text,
                   "more than %u sessions a minute: its line is flapping, or it is restarted",
                   r->env->limits.link.sessions_per_min);
    if (bucket_take(&slot->often, now.mono_us, TM_MINUTE_US, 1)) {
        session_incident(s, "link.too_many_sessions", now, "%s", text);
    }
    session_bye(s, BYE_RETRY, (uint32_t)(wait_us / 1000) + 1, text, now);
}

static void refuse_duplicate(const struct roster *r, struct slot *slot, struct session *s,
                             const struct session *incumbent, int64_t wait_us, struct link_now now) {
    char detail[256];
    (void)snprintf(detail, sizeof detail,
                   "connections from %s and %s replace each other: two devices have the same certificate, or "
                   "the line is flapping",
                   session_peer(incumbent), session_peer(s));
    (void)snprintf(slot->duplicate, sizeof slot->duplicate, "%s", detail);
    session_incident(s, "link.duplicate_identity", now, "%s", detail);
    if (r->env->host.duplicate != NULL) {
        (void)snprintf(
            detail, sizeof detail,
            "%s with certificate %s came again while %s with certificate %s is there, which is kept",
            session_peer(s), session_serial(s), session_peer(incumbent), session_serial(incumbent));
        r->env->host.duplicate(r->env->host.ctx, slot->gateway, detail);
    }
    session_bye(s, BYE_RETRY, (uint32_t)(wait_us / 1000), "another connection of this gateway is kept", now);
}

static void on_hello(void *ctx, struct session *s, const struct msg_epoch *epochs, uint32_t n_epochs,
                     struct link_now now) {
    struct roster *r = ctx;
    struct slot *slot = slot_of(r, s);
    CHECK(slot != NULL);
    struct session *incumbent = slot->current != NULL ? slot->current : slot->newcomer;
    int64_t wait_us = 0;
    switch (guard_hello(&slot->guard, &r->env->limits.link, incumbent != NULL, now.mono_us, &wait_us)) {
    case GUARD_SUSPENDED:
        refuse_suspended(slot, s, wait_us, now);
        return;
    case GUARD_DUPLICATE:
        refuse_duplicate(r, slot, s, incumbent, wait_us, now);
        return;
    case GUARD_OFTEN:
        refuse_often(r, slot, s, wait_us, now);
        return;
    case GUARD_ADMIT:
        break;
    }
    if (slot->newcomer != NULL) {
        session_bye(slot->newcomer, BYE_REPLACED, RETRY_MS, "replaced by a newer connection", now);
    }
    if (slot->current != NULL) {
        session_freeze(slot->current);
    }
    slot->newcomer = s;
    slot->token = ++r->tokens;
    r->env->host.settle(r->env->host.ctx, slot->token, session_gateway_name(s), epochs, n_epochs);
}

/* The newcomer is LIVE, perhaps: then it is the present one from now on. */
static void take_over(struct roster *r, struct slot *slot, struct link_now now) {
    struct session *s = slot->newcomer;
    if (s == NULL || session_state(s) != SESSION_LIVE) {
        return;
    }
    if (slot->current != NULL) {
        session_bye(slot->current, BYE_REPLACED, RETRY_MS, "replaced by a newer connection", now);
    }
    session_complete_before(s, slot->complete_us);
    slot->newcomer = NULL;
    slot->current = s;
    r->env->host.state(r->env->host.ctx, slot->gateway, true, session_peer(s), "connected");
}

void roster_settled(struct roster *r, uint64_t token, const struct link_settled *settled,
                    struct link_now now) {
    struct slot *slot = NULL;
    for (uint32_t i = 0; i < r->n && slot == NULL; i++) {
        slot = r->slots[i].newcomer != NULL && r->slots[i].token == token ? &r->slots[i] : NULL;
    }
    if (slot == NULL) {
        return; /* it has gone meanwhile */
    }
    struct session *s = slot->newcomer;
    slot->token = 0;
    if (settled->status == OK && settled->gateway_key != slot->key) {
        session_bye(s, BYE_RETRY, RETRY_MS, "the configuration is changing", now);
        return;
    }
    /* Another one has a backlog, most likely: what it is told now is its share, the others learn it soon. */
    session_set_backlog_rate(s, pace_rate(&r->pace, r->n_backlogs + 1));
    session_settled(s, settled, now);
    take_over(r, slot, now);
}

bool roster_loading(const struct roster *r) {
    bool any = false;
    for (uint32_t i = 0; i < r->n && !any; i++) {
        any = r->slots[i].newcomer != NULL && session_loading(r->slots[i].newcomer);
    }
    return any;
}

bool roster_load(struct roster *r, struct link_now now) {
    uint32_t budget = SESSION_LOAD_SLICE;
    r->load_at++; /* who was first is last the next time */
    for (uint32_t i = 0; i < r->n && budget > 0; i++) {
        struct slot *slot = &r->slots[(r->load_at + i) % r->n];
        if (slot->newcomer != NULL && session_loading(slot->newcomer)) {
            session_load(slot->newcomer, &budget, now);
            take_over(r, slot, now);
        }
    }
    return roster_loading(r);
}

static void count_breach(struct roster *r, struct slot *slot, const struct session *s, struct link_now now) {
    if (session_breached(s)) {
        (void)snprintf(slot->breach, sizeof slot->breach, "%s", session_reason(s));
    }
    if (session_breached(s) && guard_breach(&slot->guard, &r->env->limits.link, now.mono_us)) {
        char detail[128];
        (void)snprintf(detail, sizeof detail, "%u breaches of the protocol; suspended for %u min",
                       r->env->limits.link.breaches, slot->guard.suspend_min);
        r->env->host.incident(r->env->host.ctx, "link.suspended", session_peer(s), session_gateway_name(s).p,
                              detail);
    }
}

/* Told whatever else was told of it: there is one in a minute at most. */
static void count_quarantine(struct roster *r, struct slot *slot, const struct session *s,
                             struct link_now now) {
    int64_t for_us = session_suspends_us(s);
    if (for_us > 0) {
        guard_suspend(&slot->guard, for_us, now.mono_us);
        (void)snprintf(slot->breach, sizeof slot->breach, "%s", session_reason(s));
        char detail[sizeof slot->breach + 32];
        (void)snprintf(detail, sizeof detail, "%s; for %lld s", slot->breach,
                       (long long)(for_us / TM_SECOND_US));
        r->env->host.incident(r->env->host.ctx, "link.suspended", session_peer(s), session_gateway_name(s).p,
                              detail);
    }
}

static void on_closed(void *ctx, struct session *s, struct link_now now) {
    struct roster *r = ctx;
    struct slot *slot = slot_of(r, s);
    if (slot == NULL) {
        return; /* never said who it is, or its gateway is gone from the configuration */
    }
    count_breach(r, slot, s, now);
    count_quarantine(r, slot, s, now);
    if (slot->newcomer == s) {
        slot->newcomer = NULL;
        if (slot->current != NULL) {
            session_thaw(slot->current, now);
        } else {
            slot->last = *session_status(s);
        }
    } else if (slot->current == s) {
        slot->current = NULL;
        slot->last = *session_status(s);
        slot->complete_us = session_complete_us(s);
        r->env->host.state(r->env->host.ctx, slot->gateway, false, session_peer(s), session_reason(s));
    } else if (slot->current == NULL && slot->newcomer == NULL) {
        /* Refused at the door: people ask why their gateway is not there. */
        (void)snprintf(slot->last.fault, sizeof slot->last.fault, "%s", session_reason(s));
    }
}

void roster_committed(struct roster *r, int64_t gateway_key, uint64_t epoch, uint64_t seq) {
    struct slot *slot = find_key(r, gateway_key);
    if (slot != NULL && slot->current != NULL && session_committed(slot->current, epoch, seq)) {
        r->env->owner.wake(r->env->owner.ctx, slot->current);
    }
}

/* Whatever has become of the session: what is stored is not what the gateway holds. */
static void tell_fork(const struct roster *r, struct slot *slot, uint64_t epoch, uint64_t seq,
                      struct link_now now) {
    if (!bucket_take(&slot->forks, now.mono_us, TM_MINUTE_US, FORKS_BURST)) {
        slot->forks_left_out++;
        return;
    }
    char name[LINK_NAME_MAX + 1];
    char detail[256];
    struct slice gateway = r->env->model->gateways[slot->gateway].name;
    (void)snprintf(name, sizeof name, "%.*s", SLICE_ARG(gateway));
    (void)snprintf(
        detail, sizeof detail,
        "journal fork: number %llu of epoch %016llx came with another content than what is stored; "
        "it is in quarantine (%llu more before, not listed)",
        (unsigned long long)seq, (unsigned long long)epoch, (unsigned long long)slot->forks_left_out);
    slot->forks_left_out = 0;
    const char *peer = slot->current != NULL ? session_peer(slot->current) : "";
    r->env->host.incident(r->env->host.ctx, "link.journal_fork", peer, name, detail);
}

void roster_forked(struct roster *r, int64_t gateway_key, uint64_t epoch, uint64_t seq, struct link_now now) {
    struct slot *slot = find_key(r, gateway_key);
    if (slot == NULL) {
        return;
    }
    tell_fork(r, slot, epoch, seq, now);
    if (slot->current != NULL) {
        session_forked(slot->current, epoch, seq, now);
    }
}

void roster_set_store(struct roster *r, enum server_state state, uint64_t commit_lag_ms) {
    bool changed = r->env->store_state != state;
    r->env->store_state = state;
    r->env->commit_lag_ms = commit_lag_ms;
    for (uint32_t i = 0; changed && i < r->n; i++) {
        if (r->slots[i].current != NULL) {
            session_tell_store_state(r->slots[i].current);
        }
    }
}

/* --- the backlogs of all --- */

void roster_tick(struct roster *r, struct link_now now) {
    if (now.mono_us - r->pace_mono_us < PACE_EVERY_US && r->pace_mono_us != 0) {
        return;
    }
    r->pace_mono_us = now.mono_us;
    pace_note_lag(&r->pace, r->env->store_state != SERVER_NOT_STORING, r->env->commit_lag_ms, now.mono_us);
    r->n_backlogs = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct session *s = r->slots[i].current;
        r->n_backlogs += s != NULL && session_has_backlog(s, now) ? 1 : 0;
    }
    uint32_t rate = pace_rate(&r->pace, r->n_backlogs);
    for (uint32_t i = 0; i < r->n; i++) {
        struct session *s = r->slots[i].current;
        if (s != NULL && session_has_backlog(s, now)) {
            session_set_backlog_rate(s, rate);
        }
    }
}

/* --- who is kept out --- */

struct link_trouble roster_trouble(const struct roster *r, uint32_t gateway, struct link_now now) {
    struct link_trouble trouble = {0};
    const struct slot *slot = slot_at(r, gateway);
    if (slot == NULL) {
        return trouble;
    }
    const struct guard *g = &slot->guard;
    if (now.mono_us < g->suspended_until_mono_us) {
        trouble.suspended_until_us = now.wall_us + (g->suspended_until_mono_us - now.mono_us);
        (void)snprintf(trouble.suspended_why, sizeof trouble.suspended_why, "%s", slot->breach);
    }
    if (now.mono_us < g->keep_until_mono_us) {
        trouble.duplicate_until_us = now.wall_us + (g->keep_until_mono_us - now.mono_us);
        (void)snprintf(trouble.duplicate_why, sizeof trouble.duplicate_why, "%s", slot->duplicate);
    }
    return trouble;
}

bool roster_release(struct roster *r, uint32_t gateway) {
    struct slot *slot = slot_at(r, gateway);
    if (slot != NULL) {
        guard_release(&slot->guard);
        slot->budget.quarantine = (struct rate){0};
    }
    return slot != NULL;
}

void roster_refresh(struct roster *r, uint32_t gateway, struct link_now now) {
    struct slot *slot = slot_at(r, gateway);
    if (slot == NULL || slot->current == NULL || now.mono_us < slot->refresh_mono_us) {
        return;
    }
    slot->refresh_mono_us = now.mono_us + ROSTER_REFRESH_US;
    session_ask_refresh(slot->current);
}

const struct link_status *roster_borrow_status(const struct roster *r, uint32_t gateway) {
    const struct slot *slot = slot_at(r, gateway);
    if (slot == NULL) {
        return NULL;
    }
    return slot->current != NULL ? session_status(slot->current) : &slot->last;
}

int64_t roster_complete_us(const struct roster *r, uint32_t gateway) {
    const struct slot *slot = slot_at(r, gateway);
    if (slot == NULL) {
        return 0;
    }
    return slot->current != NULL ? session_complete_us(slot->current) : slot->complete_us;
}
