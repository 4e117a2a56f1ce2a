#include "server/link/door.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { NET_SIZE = 8 }; /* bytes of an IPv6 address that name the site */

struct door_list {
    struct door_guest *oldest;
    struct door_guest *newest;
    uint32_t n;
};

struct door_address {
    struct door_key key;
    struct door_list at[DOOR_STAGES];
    int64_t due_mono_us; /* when the handshakes that it had are paid for */
};

/* Addresses stand in one block that is searched from end to end: it is short, and nobody outside can choose
 * where in it he comes to stand. */
struct door {
    const struct link_limits *limits;
    uint32_t n[DOOR_STAGES];
    uint32_t used; /* places that were ever taken */
    uint32_t max;
    struct door_address v[];
};

struct door_key door_key(const struct sockaddr_storage *addr) {
    struct door_key key = {0};
    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
        memcpy(key.b + DOOR_KEY_SIZE - sizeof in->sin_addr, &in->sin_addr, sizeof in->sin_addr);
    } else if (addr->ss_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)addr)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(in6);
        size_t from = mapped ? DOOR_KEY_SIZE - sizeof(struct in_addr) : 0;
        memcpy(key.b + from, in6->s6_addr + from, mapped ? sizeof(struct in_addr) : NET_SIZE);
    }
    return key;
}

struct door *door_new(const struct link_limits *limits) {
    uint32_t max = limits->half_open + limits->handshakes + 1;
    struct door *d = calloc(1, sizeof *d + max * sizeof d->v[0]);
    if (d != NULL) {
        d->limits = limits;
        d->max = max;
    }
    return d;
}

void door_free(struct door **d) {
    free(*d);
    *d = NULL;
}

static bool is_empty(const struct door_address *a) {
    return a->at[DOOR_SILENT].n + a->at[DOOR_READY].n + a->at[DOOR_SHAKING].n == 0;
}

/* Its place, or one that nobody needs: the one whose handshakes were paid for first. */
static struct door_address *address_of(struct door *d, const struct door_key *key) {
    struct door_address *spare = NULL;
    for (uint32_t i = 0; i < d->used; i++) {
        struct door_address *a = &d->v[i];
        if (memcmp(&a->key, key, sizeof *key) == 0) {
            return a;
        }
        if (is_empty(a) && (spare == NULL || a->due_mono_us < spare->due_mono_us)) {
            spare = a;
        }
    }
    if (d->used < d->max) {
        spare = &d->v[d->used++];
    }
    CHECK(spare != NULL); /* there are more places than guests */
    *spare = (struct door_address){.key = *key};
    return spare;
}

static void append(struct door *d, struct door_guest *g, enum door_stage stage, int64_t now_mono_us) {
    struct door_list *list = &g->from->at[stage];
    g->stage = stage;
    g->since_mono_us = now_mono_us;
    g->newer = NULL;
    g->older = list->newest;
    *(list->newest == NULL ? &list->oldest : &list->newest->newer) = g;
    list->newest = g;
    list->n++;
    d->n[stage]++;
}

static void take_out(struct door *d, struct door_guest *g) {
    struct door_list *list = &g->from->at[g->stage];
    *(g->older == NULL ? &list->oldest : &g->older->newer) = g->newer;
    *(g->newer == NULL ? &list->newest : &g->newer->older) = g->older;
    list->n--;
    d->n[g->stage]--;
}

void door_enter(struct door *d, struct door_guest *g, const struct door_key *key, int64_t now_mono_us) {
    CHECK(g->from == NULL);
    CHECK(d->n[DOOR_SILENT] + d->n[DOOR_READY] <= d->limits->half_open);
    g->from = address_of(d, key);
    append(d, g, DOOR_SILENT, now_mono_us);
}

void door_ready(struct door *d, struct door_guest *g, int64_t now_mono_us) {
    CHECK(g->from != NULL && g->stage == DOOR_SILENT);
    take_out(d, g);
    append(d, g, DOOR_READY, now_mono_us);
}

void door_shake(struct door *d, struct door_guest *g, int64_t now_mono_us) {
    CHECK(g->from != NULL && g->stage == DOOR_READY);
    CHECK(d->n[DOOR_SHAKING] < d->limits->handshakes);
    int64_t due_us = g->from->due_mono_us > now_mono_us ? g->from->due_mono_us : now_mono_us;
    g->from->due_mono_us = due_us + TM_SECOND_US / d->limits->address_handshakes_per_s;
    take_out(d, g);
    append(d, g, DOOR_SHAKING, now_mono_us);
}

void door_leave(struct door *d, struct door_guest *g) {
    if (g->from != NULL) {
        take_out(d, g);
        g->from = NULL;
    }
}

uint32_t door_count(const struct door *d, enum door_stage stage) {
    return d->n[stage];
}

static uint32_t half_open(const struct door_address *a) {
    return a->at[DOOR_SILENT].n + a->at[DOOR_READY].n;
}

static bool is_older(const struct door_guest *a, const struct door_guest *b) {
    return b == NULL || (a != NULL && a->since_mono_us < b->since_mono_us);
}

struct door_guest *door_too_many(const struct door *d) {
    if (d->n[DOOR_SILENT] + d->n[DOOR_READY] <= d->limits->half_open) {
        return NULL;
    }
    const struct door_address *most = &d->v[0];
    for (uint32_t i = 1; i < d->used; i++) {
        const struct door_address *a = &d->v[i];
        if (half_open(a) > half_open(most) ||
            (half_open(a) == half_open(most) && a->at[DOOR_SILENT].oldest != NULL &&
             is_older(a->at[DOOR_SILENT].oldest, most->at[DOOR_SILENT].oldest))) {
            most = a;
        }
    }
    return most->at[DOOR_SILENT].n > 0 ? most->at[DOOR_SILENT].oldest : most->at[DOOR_READY].newest;
}

/* How far the handshakes that it had are beyond its share, of which a second's worth may come at once. */
static int64_t ahead_us(const struct door_address *a, int64_t now_mono_us) {
    int64_t ahead = a->due_mono_us - now_mono_us - TM_SECOND_US;
    return ahead > 0 ? ahead : 0;
}

struct door_guest *door_next(const struct door *d, int64_t now_mono_us) {
    const struct door_address *best = NULL;
    for (uint32_t i = 0; i < d->used && d->n[DOOR_READY] > 0; i++) {
        const struct door_address *a = &d->v[i];
        if (a->at[DOOR_READY].n == 0) {
            continue;
        }
        int64_t less = best == NULL ? -1 : ahead_us(a, now_mono_us) - ahead_us(best, now_mono_us);
        if (less < 0 || (less == 0 && is_older(a->at[DOOR_READY].oldest, best->at[DOOR_READY].oldest))) {
            best = a;
        }
    }
    return best == NULL ? NULL : best->at[DOOR_READY].oldest;
}

struct door_guest *door_gives_way(const struct door *d, const struct door_guest *g, int64_t now_mono_us) {
    const struct door_list *most = NULL;
    struct door_guest *oldest = NULL;
    for (uint32_t i = 0; i < d->used; i++) {
        const struct door_list *list = &d->v[i].at[DOOR_SHAKING];
        if (list->n == 0) {
            continue;
        }
        if (most == NULL || list->n > most->n ||
            (list->n == most->n && is_older(list->oldest, most->oldest))) {
            most = list;
        }
        oldest = is_older(list->oldest, oldest) ? list->oldest : oldest;
    }
    if (most != NULL && most->n > g->from->at[DOOR_SHAKING].n) {
        return most->oldest;
    }
    return oldest != NULL && now_mono_us - oldest->since_mono_us >= DOOR_CROWDED_US ? oldest : NULL;
}
