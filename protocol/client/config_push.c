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

/* A configuration that makes the gateway stop before its time is up would else get a new time at each start.
 * What is counted is durable before anything is done under it. */
static void count_start(struct config_push *p, struct moment now) {
    if (!p->state.on_trial) {
        return;
    }
    if (p->state.starts >= CONFIG_TRIAL_STARTS) {
        roll_back(p, "the gateway started 3 times without a session", now);
        return;
    }
    p->state.starts++;
    (void)p->host.save(p->host.ctx, &p->state, NULL);
}

/* How much of the trial is left. */
static int64_t trial_left_us(const struct config_push *p, struct moment now) {
    return CONFIG_TRIAL_US - p->state.trial_us - (now.mono_us - p->noted_mono_us);
}

void config_push_init(struct config_push *p, const struct config_push_host *host,
                      const struct config_state *state, struct moment now) {
    *p = (struct config_push){.host = *host, .state = *state, .noted_mono_us = now.mono_us};
    buf_init(&p->bytes, LINK_CONFIG_MAX);
    if (p->state.trying != 0) {
        roll_back(p, "the gateway stopped while it applied it", now);
    }
    count_start(p, now);
}

void config_push_done(struct config_push *p) {
    buf_done(&p->bytes);
}

void config_push_up(struct config_push *p) {
    if (p->state.on_trial) {
        struct config_state next = p->state;
        next.on_trial = false;
        next.starts = 0;
        next.trial_us = 0;
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
    p->noted_mono_us = now.mono_us;
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
    if (!p->state.on_trial) {
        return;
    }
    if (trial_left_us(p, now) <= 0) {
        roll_back(p, "there was no session within 10 minutes", now);
    } else if (now.mono_us - p->noted_mono_us >= CONFIG_TRIAL_NOTE_US) {
        p->state.trial_us += now.mono_us - p->noted_mono_us;
        p->noted_mono_us = now.mono_us;
        (void)p->host.save(p->host.ctx, &p->state, NULL); /* else it is known a little less well */
    }
}

int64_t config_push_next_mono_us(const struct config_push *p) {
    if (!p->state.on_trial) {
        return MOMENT_NEVER;
    }
    int64_t left_us = CONFIG_TRIAL_US - p->state.trial_us;
    return p->noted_mono_us + (left_us < CONFIG_TRIAL_NOTE_US ? left_us : CONFIG_TRIAL_NOTE_US);
}

/* u32 CRC-32C of the rest | u8 2 | u8 on trial | u8 starts | u8 0 | 4 versions | u64 microseconds on trial */
enum { STATE_FORM = 2, STATE_SIZE_1 = 40 /* the form before: without starts and time */ };

static bool is_whole(const uint8_t *p, uint8_t form, size_t size) {
    return p[4] == form && get_u32(p) == crc32c(0, p + 4, size - 4);
}

void config_state_encode(const struct config_state *state, uint8_t ret[CONFIG_STATE_SIZE]) {
    memset(ret, 0, CONFIG_STATE_SIZE);
    ret[4] = STATE_FORM;
    ret[5] = state->on_trial ? 1 : 0;
    ret[6] = state->starts;
    put_u64(ret + 8, state->version);
    put_u64(ret + 16, state->former);
    put_u64(ret + 24, state->trying);
    put_u64(ret + 32, state->barred);
    put_u64(ret + 40, (uint64_t)state->trial_us);
    put_u32(ret, crc32c(0, ret + 4, CONFIG_STATE_SIZE - 4));
}

bool config_state_decode(const uint8_t *p, size_t n, struct config_state *ret) {
    bool now = n == CONFIG_STATE_SIZE && is_whole(p, STATE_FORM, n);
    if (!now && !(n == STATE_SIZE_1 && is_whole(p, 1, n))) {
        return false;
    }
    struct config_state state = {.version = get_u64(p + 8),
                                 .former = get_u64(p + 16),
                                 .trying = get_u64(p + 24),
                                 .barred = get_u64(p + 32),
                                 .on_trial = p[5] == 1,
                                 .starts = now ? p[6] : 0};
    uint64_t trial_us = now ? get_u64(p + 40) : 0;
    state.trial_us = trial_us < CONFIG_TRIAL_US ? (int64_t)trial_us : CONFIG_TRIAL_US;
    *ret = state;
    return true;
}
