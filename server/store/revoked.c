#include "server/store/revoked.h"

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/core/identity.h"

#include <stdlib.h>

const char revoked_sql[] = "select fingerprint from gateway_revocation order by fingerprint";

/* By gateway_certificate_gateway_idx and gateway_revocation_fingerprint_unique. */
static const char certificates_sql[] =
    "select k.key, coalesce((select (extract(epoch from max(c.not_after)) * 1000000)::bigint"
    "                          from gateway_certificate c where c.gateway_key = k.key and not exists"
    "                            (select from gateway_revocation r where r.fingerprint = c.fingerprint)), 0)"
    "  from (select gateway_key from gateway_certificate union select gateway_key from gateway_revocation) k "
    "(key)"
    " order by 1";

uint8_t *revoked_read(const PGresult *result, size_t *ret_n) {
    size_t n = (size_t)PQntuples(result);
    uint8_t *list = malloc(n * IDENTITY_HASH_SIZE + 1);
    for (size_t i = 0; i < n && list != NULL; i++) {
        struct slice fingerprint = pg_get_slice(result, (int)i, 0);
        CHECK(fingerprint.n == IDENTITY_HASH_SIZE); /* a constraint of the table */
        memcpy(list + i * IDENTITY_HASH_SIZE, fingerprint.p, IDENTITY_HASH_SIZE);
    }
    *ret_n = n;
    return list;
}

static void tell_certificates(struct revoked *r, const PGresult *result) {
    size_t n = (size_t)PQntuples(result);
    struct store_certificate *v = calloc(n + 1, sizeof *v);
    if (v == NULL) {
        log_event(LOG_ERROR, "store.certificates_not_read", "text=\"out of memory\"");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct store_certificate){.gateway_key = pg_get_i64(result, (int)i, 0),
                                          .ends_us = pg_get_i64(result, (int)i, 1)};
    }
    r->on_certificates(r->ctx, v, n);
    free(v);
}

static void on_read(void *ctx, struct pg_answer *answer) {
    struct revoked *r = ctx;
    r->reading = false;
    size_t n = 0;
    uint8_t *list = answer->outcome == PG_DONE ? revoked_read(answer->results[0], &n) : NULL;
    if (answer->outcome == PG_UNKNOWN) {
        return; /* the connection is new soon, and it is read then */
    }
    if (list == NULL) {
        log_event(LOG_ERROR, "store.revoked_not_read", "text=%s", LOG_Q(slice_str(answer->error.text)));
        return;
    }
    r->on_list(r->ctx, list, n);
    free(list);
    tell_certificates(r, answer->results[1]);
    revoked_turn_end(r);
}

void revoked_turn_end(struct revoked *r) {
    if (!r->due || r->reading || !r->open || !pg_has_room(r->pg)) {
        return;
    }
    r->due = false;
    r->reading = true;
    pg_begin(r->pg, PG_READ, on_read, r);
    pg_send(r->pg, revoked_sql, NULL);
    pg_send(r->pg, certificates_sql, NULL);
    pg_end(r->pg);
    pg_flush(r->pg);
}

void revoked_open(struct revoked *r) {
    r->open = true;
    r->due = true;
    revoked_turn_end(r);
}

void revoked_down(struct revoked *r) {
    r->open = false;
}

void revoked_notified(struct revoked *r) {
    r->due = true;
    revoked_turn_end(r);
}
