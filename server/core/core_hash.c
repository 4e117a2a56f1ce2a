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
    return mix(hash, (uint64_t)g->enabled | (uint64_t)g->up << 1 | (uint64_t)g->starting << 2);
}

static uint64_t mix_alarm(uint64_t hash, const struct alarm_state *a, const struct alarm_detail *d) {
    hash = mix_time(hash, a->delay.t0_us);
    hash = mix_time(hash, a->delay.elapsed_us);
    hash = mix_time(hash, a->delay.due_us);
    hash = mix(hash, (uint64_t)a->delay.state | (uint64_t)a->delay.paused << 8);
    hash = mix(hash, (uint64_t)a->occ << 32 | a->call);
    hash =
        mix(hash, (uint64_t)a->facts.enabled | (uint64_t)a->facts.gone << 1 | (uint64_t)a->facts.active << 2 |
                      (uint64_t)a->facts.acked << 3 | (uint64_t)a->condition << 4);
    hash = mix(hash, d->n);
    hash = mix_time(hash, d->raised_us);
    hash = mix_time(hash, d->changed_us);
    hash = mix_time(hash, d->acked_us);
    hash = mix_double(hash, d->value);
    for (size_t i = 0; i < sizeof d->acked_by && d->acked_by[i] != '\0'; i++) {
        hash = mix(hash, (unsigned char)d->acked_by[i]);
    }
    return hash;
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
        hash = mix_alarm(hash, &core->alarms[i], &core->details[i]);
    }
    for (uint32_t i = 0; i < core->n_past; i++) {
        const struct alarm_record *r = &core->past[i];
        hash = mix_time(hash, r->alarm_key);
        hash = mix(hash, r->n);
        hash = mix(hash, (uint64_t)r->occ << 32 | r->call);
        hash = mix(hash, (unsigned char)r->to);
    }
    hash = mix(hash, core->counts.samples);
    hash = mix(hash, core->counts.late);
    hash = mix(hash, core->counts.backlog);
    hash = mix(hash, core->counts.future);
    hash = mix(hash, core->counts.foreign);
    return hash;
}
