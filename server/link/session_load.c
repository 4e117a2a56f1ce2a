/* The dictionaries that the database has kept for a gateway, put on its shelf in slices: however many there
 * are, and however they were cut, the others have their turn in between. */
#include "server/base/check.h"
#include "server/link/session_internal.h"

#include <stdlib.h>

/* What a part costs beside its bytes, in bytes: a base is copied by its pointers. */
enum { PART_COST = 1024 };

void session_load_done(struct session *s) {
    free(s->load.v);
    s->load = (struct session_load){0};
}

static bool is_of(const struct session *s, const struct link_dict *in, uint32_t ep) {
    return in->epoch == s->epochs[ep].epoch;
}

static uint32_t epoch_place(const struct session *s, const struct link_dict *in) {
    uint32_t ep = 0;
    while (ep < s->n_epochs && !is_of(s, in, ep)) {
        ep++;
    }
    return ep;
}

bool session_load_begin(struct session *s, const struct link_settled *settled) {
    size_t bytes = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < settled->n_dicts; i++) {
        bool wanted = epoch_place(s, &settled->dicts[i]) < s->n_epochs;
        bytes += wanted ? settled->dicts[i].body.n : 0;
        n += wanted ? 1 : 0;
    }
    if (n == 0) {
        return true;
    }
    struct load_part *v = malloc(n * sizeof *v + bytes);
    if (v == NULL) {
        return false;
    }
    char *at = (char *)(v + n);
    s->shelf.tags_max = s->env->model->gateways[s->gateway].tags_max;
    s->load = (struct session_load){.v = v};
    /* The present epoch first, should there be more than the shelf takes. */
    for (uint32_t ep = 0; ep < s->n_epochs; ep++) {
        for (uint32_t i = 0; i < settled->n_dicts; i++) {
            const struct link_dict *in = &settled->dicts[i];
            if (!is_of(s, in, ep) || in->body.n == 0) {
                continue;
            }
            memcpy(at, in->body.p, in->body.n);
            s->load.v[s->load.n++] =
                (struct load_part){.ep = ep, .dict = in->dict, .body = slice_of(at, in->body.n)};
            at += in->body.n;
        }
    }
    return true;
}

static void load_part(struct session *s, const struct load_part *part) {
    struct msg_prefix prefix = {0};
    struct slice rest = {0};
    struct shelf_change change;
    if (prefix_decode(part->body, true, &prefix, &rest, NULL) != OK) {
        return;
    }
    /* What was good once is good again, but for the quota; records that miss it are quarantined. */
    if (shelf_read(&s->shelf, part->ep, part->dict, rest, &change, NULL) != OK ||
        shelf_accept(&s->shelf, &change) != OK) {
        shelf_drop(&change);
    }
}

bool session_load_slice(struct session *s, uint32_t *budget) {
    while (s->load.at<s->load.n && * budget> 0) {
        const struct load_part *part = &s->load.v[s->load.at++];
        size_t cost = part->body.n + PART_COST;
        load_part(s, part);
        *budget -= cost < *budget ? (uint32_t)cost : *budget;
    }
    if (s->load.at < s->load.n) {
        return false;
    }
    session_load_done(s);
    return true;
}
