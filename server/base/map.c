#include "server/base/map.h"

#include "server/base/check.h"

#include <stdlib.h>

struct map_slot {
    struct slice key;
    uint32_t value;
    bool used;
};

static uint64_t rotl(uint64_t x, int b) {
    return (x << b) | (x >> (64 - b));
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static uint64_t sip_hash(const uint64_t seed[2], struct slice key) {
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575U, seed[1] ^ 0x646f72616e646f6dU,
                     seed[0] ^ 0x6c7967656e657261U, seed[1] ^ 0x7465646279746573U};
    const uint8_t *p = (const uint8_t *)key.p;
    uint64_t word = 0;
    for (size_t i = 0; i < key.n; i++) {
        word |= (uint64_t)p[i] << (8 * (i % 8));
        if (i % 8 == 7) {
            v[3] ^= word;
            sip_round(v);
            sip_round(v);
            v[0] ^= word;
            word = 0;
        }
    }
    word |= (uint64_t)key.n << 56;
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

enum status map_init(struct map *m, size_t max, const uint64_t seed[2], struct error *err) {
    *m = (struct map){.max = max, .seed = {seed[0], seed[1]}};
    size_t slots = 8;
    while (slots < max * 2) {
        slots *= 2;
    }
    m->slots = calloc(slots, sizeof *m->slots);
    if (m->slots == NULL) {
        return error_set(err, ERR_NOMEM, "map", "no memory for %zu keys", max);
    }
    m->mask = slots - 1;
    return OK;
}

void map_done(struct map *m) {
    free(m->slots);
    *m = (struct map){0};
}

/* The key's slot, or the free one where it would go. At most half of the slots are used, so there is one. */
static struct map_slot *find(const struct map *m, struct slice key) {
    size_t i = (size_t)sip_hash(m->seed, key) & m->mask;
    while (m->slots[i].used && !slice_eq(m->slots[i].key, key)) {
        i = (i + 1) & m->mask;
    }
    return &m->slots[i];
}

enum status map_put(struct map *m, struct slice key, uint32_t value) {
    CHECK(m->slots != NULL);
    struct map_slot *slot = find(m, key);
    if (slot->used) {
        return ERR_EXISTS;
    }
    if (m->n == m->max) {
        return ERR_FULL;
    }
    *slot = (struct map_slot){.key = key, .value = value, .used = true};
    m->n++;
    return OK;
}

bool map_get(const struct map *m, struct slice key, uint32_t *ret_value) {
    if (m->slots == NULL) {
        return false;
    }
    const struct map_slot *slot = find(m, key);
    if (slot->used) {
        *ret_value = slot->value;
    }
    return slot->used;
}
