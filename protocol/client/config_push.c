#include "protocol/client/config_push.h"

#include "protocol/client/file.h"
#include "server/base/crc32c.h"
#include "server/base/utf8.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static void tell(struct config_push *p, uint64_t version, enum config_outcome outcome, struct slice text,
                 int64_t t_us) {
    if (text.n > LINK_TEXT_MAX) {
        text.n = LINK_TEXT_MAX;
    }
    text.n = utf8_valid_prefix(text.p, text.n);
    struct msg_config_result m = {
        .version = version, .outcome = (uint8_t)outcome, .t_us = t_us, .text = text};
    p->host.result(p->host.ctx, &m);
}

static void roll_back(struct config_push *p, const char *why, struct moment now) {
    uint64_t bad = p->state.trying != 0 ? p->state.trying : p->state.version;
    uint64_t good = p->state.trying != 0 ? p->state.version : p->state.former;
    p->host.rollback(p->host.ctx, good);
    if (p->state.trying != 0) {
        p->state.trying = 0; /* one that was on trial before still is */
        p->state.barred = bad;
    } else {
        p->state = (struct config_state){.version = good, .barred = bad};
    }
    /* If that cannot be written, the next start rolls back again, which changes nothing. */
    (void)p->host.save(p->host.ctx, &p->state, NULL);
    tell(p, bad, CONFIG_ROLLED_BACK, slice_str(why), now.wall_us);
}

void config_push_init(struct config_push *p, const struct config_push_host *host,
                      const struct config_state *state, struct moment now) {
    *p = (struct config_push){.host = *host, .state = *state, .trial_mono_us = now.mono_us + CONFIG_TRIAL_US};
    buf_init(&p->bytes, LINK_CONFIG_MAX);
    if (p->state.trying != 0) {
        roll_back(p, "the gateway stopped while it applied it", now);
    }
}

void config_push_done(struct config_push *p) {
    buf_done(&p->bytes);
}

void config_push_up(struct config_push *p) {
    if (p->state.on_trial) {
        struct config_state next = p->state;
        next.on_trial = false;
        if (p->host.save(p->host.ctx, &next, NULL) == OK) {
            p->state = next;
        }
    }
}

void config_push_down(struct config_push *p) {
    p->fetching = false;
    buf_clear(&p->bytes);
}

static void ask(struct config_push *p) {
    uint32_t left = p->offer.size - (uint32_t)p->bytes.n;
    struct msg_config_get m = {.version = p->offer.version,
                               .offset = (uint32_t)p->bytes.n,
                               .length = left < LINK_CONFIG_CHUNK_MAX ? left : LINK_CONFIG_CHUNK_MAX};
    p->host.get(p->host.ctx, &m);
}

void config_push_offer(struct config_push *p, const struct msg_config_offer *m) {
    if (m->version == p->state.version || m->version == p->state.barred) {
        return;
    }
    config_push_down(p);
    p->fetching = true;
    p->offer = *m;
    p->offer.text = slice_str("");
    ask(p);
}

static bool is_right(const struct config_push *p) {
    uint8_t digest[LINK_SHA256_SIZE];
    unsigned n = 0;
    return EVP_Digest(p->bytes.p, p->bytes.n, digest, &n, EVP_sha256(), NULL) == 1 && n == sizeof digest &&
           memcmp(digest, p->offer.sha256, sizeof digest) == 0;
}

/* It stays as it was. */
static void refuse(struct config_push *p, struct slice why, struct moment now) {
    struct config_state next = p->state;
    next.trying = 0;
    next.barred = p->offer.version;
    (void)p->host.save(p->host.ctx, &next, NULL);
    p->state = next;
    tell(p, p->offer.version, CONFIG_REFUSED, why, now.wall_us);
}

static void apply(struct config_push *p, struct moment now) {
    struct error err = {0};
    struct config_state next = p->state;
    next.trying = p->offer.version;
    enum status st = p->host.save(p->host.ctx, &next, &err);
    if (st != OK) {
        tell(p, p->offer.version, CONFIG_REFUSED, slice_str(err.text), now.wall_us);
        return;
    }
    p->state = next;
    st = p->host.apply(p->host.ctx, p->offer.version, buf_slice(&p->bytes), &err);
    if (st != OK) {
        char text[sizeof err.where + sizeof err.text + 3];
        int n = snprintf(text, sizeof text, "%s%s%s", err.where, err.where[0] != '\0' ? ": " : "", err.text);
        refuse(p, slice_of(text, n > 0 ? (size_t)n : 0), now);
        return;
    }
    /* A second one on top of a trial: what had a session last is what to go back to. */
    uint64_t former = p->state.on_trial ? p->state.former : p->state.version;
    p->state = (struct config_state){.version = p->offer.version, .former = former, .on_trial = true};
    p->trial_mono_us = now.mono_us + CONFIG_TRIAL_US;
    /* If that cannot be written, the next start takes it back. */
    (void)p->host.save(p->host.ctx, &p->state, NULL);
    tell(p, p->offer.version, CONFIG_APPLIED, slice_str(""), now.wall_us);
    p->host.reconnect(p->host.ctx);
}

enum status config_push_chunk(struct config_push *p, const struct msg_config_chunk *m, struct moment now,
                              struct error *err) {
    if (!p->fetching || m->version != p->offer.version) {
        return OK; /* the answer to what is not wanted any more */
    }
    if (m->bytes.n == 0) {
        config_push_down(p);
        return OK;
    }
    uint32_t left = p->offer.size - (uint32_t)p->bytes.n;
    uint32_t asked = left < LINK_CONFIG_CHUNK_MAX ? left : LINK_CONFIG_CHUNK_MAX;
    if (m->offset != p->bytes.n || m->bytes.n > asked) {
        return error_set(err, ERR_INVALID, "CFG_CHUNK", "%zu bytes from %u; asked were %u from %zu",
                         m->bytes.n, m->offset, asked, p->bytes.n);
    }
    buf_append(&p->bytes, m->bytes.p, m->bytes.n);
    if (p->bytes.failed) {
        config_push_down(p); /* no memory now; it is offered again */
        return OK;
    }
    if (p->bytes.n < p->offer.size) {
        ask(p);
        return OK;
    }
    p->fetching = false;
    if (is_right(p)) {
        apply(p, now);
    } else {
        refuse(p, slice_str("its SHA-256 is not the one that was offered"), now);
    }
    buf_clear(&p->bytes);
    return OK;
}

void config_push_advance(struct config_push *p, struct moment now) {
    if (p->state.on_trial && now.mono_us >= p->trial_mono_us) {
        roll_back(p, "there was no session within 10 minutes", now);
    }
}

int64_t config_push_next_mono_us(const struct config_push *p) {
    return p->state.on_trial ? p->trial_mono_us : MOMENT_NEVER;
}

/* u32 CRC-32C of the rest | u8 1 | u8 on trial | u16 0 | 4 versions */
void config_state_encode(const struct config_state *state, uint8_t ret[CONFIG_STATE_SIZE]) {
    memset(ret, 0, CONFIG_STATE_SIZE);
    ret[4] = 1;
    ret[5] = state->on_trial ? 1 : 0;
    put_u64(ret + 8, state->version);
    put_u64(ret + 16, state->former);
    put_u64(ret + 24, state->trying);
    put_u64(ret + 32, state->barred);
    put_u32(ret, crc32c(0, ret + 4, CONFIG_STATE_SIZE - 4));
}

bool config_state_decode(const uint8_t p[CONFIG_STATE_SIZE], struct config_state *ret) {
    if (p[4] != 1 || get_u32(p) != crc32c(0, p + 4, CONFIG_STATE_SIZE - 4)) {
        return false;
    }
    *ret = (struct config_state){.version = get_u64(p + 8),
                                 .former = get_u64(p + 16),
                                 .trying = get_u64(p + 24),
                                 .barred = get_u64(p + 32),
                                 .on_trial = p[5] == 1};
    return true;
}
