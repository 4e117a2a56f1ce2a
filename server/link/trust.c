/* What the link shows and whom it believes: its files. They are looked at a few times a second, and read when
 * they have changed and come to rest; a fault in them leaves everything as it is. */
#include "server/base/log.h"
#include "server/base/tm.h"
#include "server/link/link_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LOOK_US INT64_C(500000)

static struct trust_stamp stamp_of(const char *path) {
    struct stat st = {0};
    if (path == NULL || stat(path, &st) != 0) {
        return (struct trust_stamp){0}; /* perhaps between two names: it is there at the next look */
    }
    return (struct trust_stamp){.device = st.st_dev,
                                .inode = st.st_ino,
                                .size = st.st_size,
                                .modified_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec};
}

static bool same(const struct trust_stamp *a, const struct trust_stamp *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified_ns == b->modified_ns;
}

static enum status load(const struct trust *t, struct tls_context **ret_tls, struct issuer **ret_issuer,
                        struct error *err) {
    const struct tls_config cfg = {.role = TLS_SERVER,
                                   .ca_file = t->path[TRUST_CA],
                                   .cert_file = t->path[TRUST_CERT],
                                   .key_file = t->path[TRUST_KEY],
                                   .crl_file = t->path[TRUST_CRL]};
    struct tls_context *tls = NULL;
    struct issuer *issuer = NULL;
    enum status status = tls_context_new(&cfg, &tls, err);
    if (status == OK && t->path[TRUST_CA_KEY] != NULL) {
        status = issuer_new(t->path[TRUST_CA], t->path[TRUST_CA_KEY], &issuer, err);
    }
    if (status != OK) {
        tls_context_free(&tls);
        return status;
    }
    if (issuer != NULL) {
        tls_context_enrol(tls, issuer);
    }
    *ret_tls = tls;
    *ret_issuer = issuer;
    return OK;
}

static void look(struct trust *t) {
    for (size_t i = 0; i < TRUST_FILES; i++) {
        t->seen[i] = stamp_of(t->path[i]);
    }
}

enum status trust_open(struct link *l, const struct link_config *cfg, struct error *err) {
    const char *const paths[TRUST_FILES] = {cfg->ca_file, cfg->cert_file, cfg->key_file, cfg->crl_file,
                                            cfg->ca_key_file};
    struct trust *t = &l->trust;
    for (size_t i = 0; i < TRUST_FILES; i++) {
        t->path[i] = paths[i] == NULL ? NULL : strdup(paths[i]);
        if (paths[i] != NULL && t->path[i] == NULL) {
            return error_set(err, ERR_NOMEM, "link", "out of memory");
        }
    }
    look(t);
    return load(t, &l->tls, &l->issuer, err);
}

void trust_close(struct link *l) {
    for (size_t i = 0; i < TRUST_FILES; i++) {
        free(l->trust.path[i]);
    }
    tls_context_free(&l->tls);
    issuer_free(&l->issuer);
}

/* --- a change --- */

/* Those that shake hands were begun with what counts no longer; they come again. */
static void end_handshakes(struct link *l, struct link_now now) {
    for (struct conn *c = l->conns; c != NULL; c = c->next) {
        if (c->phase == CONN_OPEN && c->guest.from != NULL) {
            conn_turn_away(c, now);
        }
    }
}

static void end_revoked(struct link *l, struct link_now now) {
    char detail[TLS_REASON_SIZE];
    for (struct conn *c = l->conns; c != NULL; c = c->next) {
        if (c->phase != CONN_OPEN || session_state(c->session) == SESSION_CLOSING ||
            !tls_is_revoked(c->tls, l->tls)) {
            continue;
        }
        (void)snprintf(detail, sizeof detail, "the certificate of this session is on the new list %s",
                       l->trust.path[TRUST_CRL]);
        l->env.host.incident(l->env.host.ctx, "link.revoked", c->peer, session_gateway_name(c->session).p,
                             detail);
        session_bye(c->session, BYE_REVOKED, GUARD_RETRY_MS, "the certificate was revoked", now);
    }
}

static void swap(struct link *l, struct tls_context *tls, struct issuer *issuer, struct link_now now) {
    end_handshakes(l, now); /* they borrow the issuer; whoever is inside does not */
    tls_context_free(&l->tls);
    issuer_free(&l->issuer);
    l->tls = tls;
    l->issuer = issuer;
    end_revoked(l, now);
}

/* A list that has ended would keep everybody out: better the one before. */
static enum status check_list(const struct link *l, const struct tls_context *tls, struct link_now now,
                              struct error *err) {
    if (tls_context_crl_ends_us(tls) > now.wall_us) {
        return OK;
    }
    return error_set(err, ERR_INVALID, l->trust.path[TRUST_CRL],
                     "the list of revoked certificates has ended (nextUpdate): get a newer one from its "
                     "authority");
}

enum status link_reload(struct link *l, struct error *err) {
    struct link_now now = link_now();
    struct tls_context *tls = NULL;
    struct issuer *issuer = NULL;
    look(&l->trust);
    enum status status = load(&l->trust, &tls, &issuer, err);
    if (status == OK) {
        status = check_list(l, tls, now, err);
    }
    if (status != OK) {
        tls_context_free(&tls);
        issuer_free(&issuer);
        char detail[sizeof err->text + 64];
        (void)snprintf(detail, sizeof detail, "%s; what was read before stays in force", err->text);
        l->env.host.incident(l->env.host.ctx, "link.files_refused", "", err->where, detail);
        return status;
    }
    swap(l, tls, issuer, now);
    log_event(LOG_INFO, "link.files_read", "ca=%s cert=%s crl=%s", LOG_Q(slice_str(l->trust.path[TRUST_CA])),
              LOG_Q(slice_str(l->trust.path[TRUST_CERT])),
              LOG_Q(slice_str(l->trust.path[TRUST_CRL] == NULL ? "" : l->trust.path[TRUST_CRL])));
    if (l->host.files_read != NULL) {
        l->host.files_read(l->host.ctx);
    }
    return OK;
}

static bool has_changed(struct trust *t) {
    bool moved = false;
    for (size_t i = 0; i < TRUST_FILES; i++) {
        struct trust_stamp s = stamp_of(t->path[i]);
        moved = moved || !same(&s, &t->seen[i]);
        t->seen[i] = s;
    }
    bool rests = t->changing && !moved;
    t->changing = moved;
    return rests;
}

static void warn_of_end(struct link *l, struct link_now now) {
    int64_t ends_us = tls_context_crl_ends_us(l->tls);
    if (now.wall_us < tls_context_crl_warn_us(l->tls) ||
        !bucket_take(&l->trust.warned, now.mono_us, TM_HOUR_US, 1)) {
        return;
    }
    char when[TM_TEXT_SIZE] = "";
    (void)!tm_format(ends_us, when); /* of a year that has no text form there is none */
    if (now.wall_us < ends_us) {
        log_event(LOG_WARN, "link.crl_ends", "file=%s at=%s", LOG_Q(slice_str(l->trust.path[TRUST_CRL])),
                  when);
    } else {
        log_event(LOG_ERROR, "link.crl_ended", "file=%s at=%s text=\"all gateways are refused\"",
                  LOG_Q(slice_str(l->trust.path[TRUST_CRL])), when);
    }
}

void trust_tick(struct link *l, struct link_now now) {
    struct trust *t = &l->trust;
    if (l->stopping || now.mono_us < t->look_mono_us) {
        return;
    }
    t->look_mono_us = now.mono_us + LOOK_US;
    struct error err = {0};
    if (has_changed(t)) {
        (void)!link_reload(l, &err); /* it has told what is wrong */
    }
    warn_of_end(l, now);
}

int64_t link_crl_ends_us(const struct link *l, bool *ret_soon) {
    int64_t ends_us = tls_context_crl_ends_us(l->tls);
    *ret_soon = link_now().wall_us >= tls_context_crl_warn_us(l->tls);
    return ends_us == INT64_MAX ? 0 : ends_us;
}
