#include "server/core/core_state.h"

/* One round of a 64-bit mixer for each word: the order of words matters. Not for secrets. */
static uint64_t mix(uint64_t hash, uint64_t word) {
    uint64_t x = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    return x ^ (x >> 29);
}

static uint64_t mix_time(uint64_t hash, int64_t t_us) {
    return mix(hash, (uint64_t)t_us);
}

static uint64_t mix_double(uint64_t hash, double number) {
    uint64_t bits = 0;
    memcpy(&bits, &number, sizeof bits);
    return mix(hash, bits);
}

static uint64_t mix_tag(uint64_t hash, const struct core *core, uint32_t tag) {
    const struct tag_state *t = &core->tags[tag];
    hash = mix_double(hash, t->value);
    hash = mix_time(hash, t->t_us);
    hash = mix_time(hash, t->received_us);
    hash = mix(hash, t->quality);
    /* What was shown, and what waits to be, is about the reader, not about the state. */
    return mix(hash, t->flags & (TAG_SEEN | TAG_LOST | TAG_STALE));
}

static uint64_t mix_gateway(uint64_t hash, const struct gateway_state *g) {
    hash = mix_time(hash, g->since_us);
    return mix(hash, (uint64_t)g->enabled | (uint64_t)g->up << 1 | (uint64_t)g->starting << 2 |
                         (uint64_t)g->future << 3 | (uint64_t)g->shadowed << 4 | (uint64_t)g->told << 5 |
                         (uint64_t)g->off << 6);
}

static uint64_t mix_text(uint64_t hash, const char *text) {
    for (size_t i = 0; text[i] != '\0'; i++) {
        hash = mix(hash, (unsigned char)text[i]);
    }
    return hash;
}

static uint64_t mix_delay(uint64_t hash, const struct delay *d) {
    bool pending = d->state == DELAY_PENDING_ON || d->state == DELAY_PENDING_OFF;
    hash = mix_time(hash, pending ? d->t0_us : 0);
    hash = mix_time(hash, pending ? d->mark_us : 0);
    return mix(hash, (uint64_t)d->state | (uint64_t)d->paused << 8);
}

static uint64_t mix_detail(uint64_t hash, const struct core *core, const struct alarm_detail *d) {
    hash = mix(hash, d->n);
    hash = mix_time(hash, d->raised_us);
    hash = mix_time(hash, d->raised_at_us);
    hash = mix_time(hash, d->called_us);
    hash = mix_time(hash, d->changed_us);
    hash = mix_time(hash, d->acked_us);
    hash = mix_time(hash, d->until_us);
    hash = mix(hash, d->rise_call);
    hash = mix_double(hash, d->value);
    hash = mix_text(hash, core->names[d->acked_by]);
    hash = mix_text(hash, core->notes[d->shelf_note].reason);
    return mix_text(hash, core->notes[d->service_note].reason);
}

static uint64_t mix_alarm(uint64_t hash, const struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    hash = mix_delay(hash, &a->delay);
    hash = mix(hash, (uint64_t)a->occ << 32 | a->call);
    hash = mix(hash, (uint64_t)a->acked_occ << 32 | a->facts);
    hash = mix(hash, (uint64_t)a->priority << 16 | (uint64_t)a->bits << 8 | a->suppress);
    for (uint32_t at = a->suppressors; at != 0; at = core->suppressors[at].next) {
        hash = mix_text(hash, core->names[core->suppressors[at].name]);
    }
    if (a->memo != MODEL_NONE) {
        const struct alarm_memo *memo = &core->memos[a->memo];
        hash = mix_double(mix_double(hash, memo->amount), memo->value);
        hash = mix(mix_time(hash, memo->growing ? memo->since_us : 0), memo->growing);
        hash = mix(mix_time(hash, memo->end_us), (uint64_t)(int64_t)memo->level);
    }
    if (core->shadows[alarm].open) {
        hash = mix(mix_delay(hash, &core->shadows[alarm].delay), core->shadows[alarm].condition);
    }
    return mix_detail(hash, core, core_detail_of(core, alarm));
}

uint64_t core_hash(const struct core *core) {
    uint64_t hash = mix_time(UINT64_C(0x50656E73746F636B), core->now_us);
    hash = mix_time(hash, core->journal_at_us);
    hash = mix(hash, core->journal_seq);
    for (uint32_t i = 0; i < core->model->n_gateways; i++) {
        hash = mix_gateway(hash, &core->gateways[i]);
    }
    for (uint32_t i = 0; i < core->model->n_tags; i++) {
        hash = mix_tag(hash, core, i);
    }
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        hash = mix_alarm(hash, core, i);
    }
    for (uint32_t i = 0; i < core->n_past; i++) {
        const struct alarm_record *r = &core->past[i];
        hash = mix_time(hash, r->alarm_key);
        hash = mix(hash, r->n);
        hash = mix(hash, (uint64_t)r->occ << 32 | r->call);
        hash = mix(hash, (unsigned char)r->to);
    }
    for (uint32_t i = 0; i < core->model->n_groups; i++) {
        hash = mix(hash, (uint64_t)core->groups[i].suppress << 32 | core->groups[i].not_normal);
        hash = mix(hash, core->groups[i].first);
    }
    hash = core->rules == NULL ? hash : mix(hash, rule_machine_hash(core->rules));
    hash = mix(hash, core->counts.samples);
    hash = mix(hash, core->counts.late);
    hash = mix(hash, core->counts.backlog);
    hash = mix(hash, core->counts.future);
    hash = mix(hash, core->counts.foreign);
    return hash;
}
