#include "server/api/session.h"

#include <stdlib.h>
#include <string.h>

enum status sessions_init(struct sessions *s, uint32_t max, struct error *err) {
    s->v = calloc(max, sizeof *s->v);
    s->max = max;
    return s->v == NULL ? error_set(err, ERR_NOMEM, "sessions", "out of memory") : OK;
}

void sessions_done(struct sessions *s) {
    free(s->v);
    s->v = NULL;
    s->max = 0;
}

struct session *sessions_find(struct sessions *s, const uint8_t token_hash[TOKEN_HASH_SIZE]) {
    for (uint32_t i = 0; i < s->max; i++) {
        if (s->v[i].used && memcmp(s->v[i].token_hash, token_hash, TOKEN_HASH_SIZE) == 0) {
            return &s->v[i];
        }
    }
    return NULL;
}

static bool better(const struct session *a, const struct session *b) {
    if (b == NULL || a->used != b->used) {
        return b == NULL || !a->used;
    }
    return a->checked_mono_us < b->checked_mono_us;
}

struct session *sessions_put(struct sessions *s, const uint8_t token_hash[TOKEN_HASH_SIZE]) {
    struct session *place = sessions_find(s, token_hash);
    if (place != NULL) {
        return place;
    }
    for (uint32_t i = 0; i < s->max; i++) {
        struct session *v = &s->v[i];
        if ((!v->used || (v->sockets == 0 && !v->asking)) && better(v, place)) {
            place = v;
        }
    }
    if (place != NULL) {
        *place = (struct session){.used = true};
        memcpy(place->token_hash, token_hash, TOKEN_HASH_SIZE);
    }
    return place;
}
