/* A server's session and its roster: the first byte says in which state it begins, then come operations:
 *
 *   00 to BF  so many bytes and one more arrive, as they follow
 *   C0 to DF  so many seconds and one more pass
 *   F0 to FF  a frame arrives: flags (low half), then a byte of type, one of length, the body
 *   EF        the answer to a request for a certificate, if one is awaited; a byte says which
 *   others    what the host, the database and the configuration may do at any moment (act())
 *
 * Whatever comes: a number is handed over at most once in a session, only what was committed is acknowledged,
 * what the session says can be read, and nothing is read after the end. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/link/rig.h"

enum { STORED_MAX = 4096 };

/* Numbers in the corpus, which must not move when the session gets another state: the low three bits of the
 * first byte. */
enum beginning {
    IN_HANDSHAKE,
    IN_HELLO,
    IN_SETTLING,
    IN_LIVE,
    IN_CLOSING,
    IN_LIVE_WITH_DICT,
    IN_ENROLLING,         /* showing no certificate */
    IN_ENROLLING_EXPIRED, /* showing one that has ended */
};
/* The other bits. */
enum { HOST_IS_FULL = 0x08, CERTIFICATE_ENDS = 0x10, TAKES_LITTLE = 0x20 };

struct stored {
    uint64_t epoch;
    uint64_t seq;
    uint32_t crc;
    bool committed;
    bool compared; /* it came again: whether as it was is to be said */
    bool forked;
};

struct world {
    struct rig rig; /* first: the host's functions of the rig take it as their context */
    struct session *s;
    struct stored stored[STORED_MAX];
    uint32_t n_stored;
    bool asked;  /* for a certificate; the answer is to come */
    size_t most; /* that a frame to the gateway may have */
};

/* By all inputs together. */
static struct {
    bool states[SESSION_CLOSING + 1];
    bool enrolled;
    bool renewed;
} reached;

const char *fuzz_not_reached(void) {
    static const char *const names[] = {"HANDSHAKE", "HELLO", "SETTLING", "LIVE", "ENROLLING", "CLOSING"};
    _Static_assert(sizeof names / sizeof names[0] == SESSION_CLOSING + 1, "one of each state");
    for (size_t i = 0; i <= SESSION_CLOSING; i++) {
        if (!reached.states[i]) {
            return names[i];
        }
    }
    return !reached.enrolled  ? "a certificate while ENROLLING"
           : !reached.renewed ? "a certificate while LIVE"
                              : NULL;
}

/* --- the host --- */

static enum status on_record(void *ctx, const struct link_record *in) {
    struct world *w = ctx;
    for (uint32_t i = 0; i < w->n_stored; i++) {
        struct stored *at = &w->stored[i];
        if (at->epoch == in->epoch && at->seq == in->seq) {
            CHECK(in->again && at->committed && !at->compared);
            at->compared = true;
            at->forked = at->crc != in->crc;
            return OK;
        }
    }
    CHECK(!in->again);
    CHECK(in->n_samples == 0 || in->fault == 0);
    CHECK(in->fault == 0 || in->fault_text[0] != '\0');
    enum status status = w->n_stored < STORED_MAX ? rig_on_record(ctx, in) : ERR_FULL;
    if (status == OK) {
        w->stored[w->n_stored++] = (struct stored){.epoch = in->epoch, .seq = in->seq, .crc = in->crc};
    }
    return status;
}

static void on_snapshot(void *ctx, uint32_t gateway, const struct sample *v, uint32_t n,
                        int64_t received_us) {
    (void)ctx;
    (void)received_us;
    CHECK(gateway == 0);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].tag < RIG_TAG_OTHER); /* the last is another gateway's */
    }
}

static void on_certify(void *ctx, struct session *s, enum identity_why why, const struct msg_enrol *ask,
                       struct link_now now) {
    (void)ctx; /* the roster's */
    (void)now;
    struct world *w = session_user(s);
    CHECK(!w->asked);
    CHECK(ask->name.n > 0 && ask->request.n > 0);
    CHECK((why == IDENTITY_RENEW) == (session_state(s) == SESSION_LIVE));
    CHECK(ask->secret.n == (why == IDENTITY_ENROL ? ENROL_SECRET_SIZE : 0));
    w->asked = true;
}

/* The low bit: 0 issued, 1 refused; the next: with a chain as long as can be. */
static void certify(struct world *w, uint8_t how) {
    if (!w->asked) {
        return;
    }
    static char long_chain[LINK_CERT_CHAIN_MAX];
    memset(long_chain, 'x', sizeof long_chain);
    bool issued = (how & 1) == 0;
    struct slice chain = (how & 2) == 0 ? slice_str("PEM") : slice_of(long_chain, sizeof long_chain);
    enum session_state was = session_state(w->s);
    const struct msg_cert_issued answer = {.status = issued ? CERT_ISSUED : CERT_REFUSED,
                                           .text = slice_str(issued ? "" : "the test says no"),
                                           .chain = issued ? chain : slice_str("")};
    w->asked = false;
    session_certified(w->s, &answer, w->rig.now);
    CHECK(was != SESSION_ENROLLING || session_state(w->s) == SESSION_CLOSING);
    reached.enrolled = reached.enrolled || (issued && was == SESSION_ENROLLING);
    reached.renewed = reached.renewed || (issued && was == SESSION_LIVE);
}

static void commit(struct world *w, uint32_t i) {
    struct stored *at = &w->stored[i];
    if (i >= w->n_stored || (at->committed && !at->compared)) {
        return;
    }
    bool forked = at->compared && at->forked;
    at->committed = true;
    at->compared = false;
    if (forked) {
        roster_forked(w->rig.roster, RIG_KEY, at->epoch, at->seq, w->rig.now);
    } else {
        roster_committed(w->rig.roster, RIG_KEY, at->epoch, at->seq);
    }
}

/* Each number in an ACK was committed, in this session or before it. */
static void check_ack(const struct world *w, const struct frame *f) {
    struct msg_ack ack;
    CHECK(ack_decode(f->body, &ack, NULL) == OK);
    uint64_t named = 0;
    for (uint32_t i = 0; i < ack.n_ranges; i++) {
        named += ack.ranges[i].end - ack.ranges[i].first;
    }
    uint32_t committed = 0;
    for (uint32_t i = 0; i < w->n_stored; i++) {
        committed += w->stored[i].committed;
    }
    CHECK(named <= committed);
}

static void check_said(struct world *w) {
    session_send_acks(w->s);
    struct buf *out = session_out(w->s);
    for (size_t at = 0; at < out->n;) {
        struct frame f;
        size_t need = 0;
        CHECK(frame_parse(out->p + at, out->n - at, w->most, &f, &need, NULL) == FRAME_OK);
        CHECK(msg_type_sender(f.type) == MSG_BY_SERVER || msg_type_sender(f.type) == MSG_BY_BOTH);
        if (f.type == MSG_ACK) {
            check_ack(w, &f);
        }
        at += need;
    }
    (void)rig_take_said(&w->rig, w->s);
}

/* --- the beginning --- */

static void settle(struct world *w, enum status status) {
    struct link_settled settled = rig_settled_ok();
    settled.status = status;
    settled.error = (struct error){.code = status, .where = "gateway", .text = "the test says no"};
    if (session_state(w->s) == SESSION_SETTLING) {
        rig_settle(&w->rig, &settled);
    }
}

static void show_certificate(struct world *w, int days) {
    static const uint8_t fingerprint[IDENTITY_HASH_SIZE] = {1, 2, 3};
    session_set_certificate(w->s, fingerprint, w->rig.now.wall_us + days * TM_DAY_US, "2A");
}

static void begin_enrolling(struct world *w, unsigned beginning) {
    if (beginning == IN_ENROLLING_EXPIRED) {
        show_certificate(w, -1);
    }
    w->most = LINK_BODY_MAX_ENROLLED;
    session_open_enrolment(w->s, beginning == IN_ENROLLING_EXPIRED ? "gw-s1" : "", w->rig.now);
}

static void begin_session(struct world *w, unsigned beginning, uint8_t how) {
    if ((how & CERTIFICATE_ENDS) != 0) {
        show_certificate(w, IDENTITY_RENEW_DAYS - 1);
    }
    session_open(w->s, "gw-s1", w->rig.now);
    if (beginning == IN_HELLO) {
        return;
    }
    struct msg_hello hello = rig_hello_msg(3);
    hello.caps = LINK_CAP_RENEWAL;
    if ((how & TAKES_LITTLE) != 0) {
        hello.max_rx_frame = LINK_BODY_MAX_HELLO;
    }
    w->most = hello.max_rx_frame;
    rig_send_hello(&w->rig, w->s, &hello);
    if (beginning == IN_SETTLING) {
        return;
    }
    settle(w, OK);
    CHECK(session_state(w->s) == SESSION_LIVE);
    if (beginning == IN_CLOSING) {
        session_bye(w->s, BYE_NORMAL, 0, "it is over", w->rig.now);
    } else if (beginning == IN_LIVE_WITH_DICT) {
        rig_send_dict(&w->rig, w->s, 0, 0, 1);
    }
}

static void begin(struct world *w, uint8_t how) {
    unsigned beginning = how & 7U;
    CHECK(session_new(&w->rig.env, "192.0.2.1:5", w, w->rig.now, &w->s) == OK);
    if (beginning >= IN_ENROLLING) {
        begin_enrolling(w, beginning);
    } else if (beginning != IN_HANDSHAKE) {
        begin_session(w, beginning, how);
    }
    w->rig.full = (how & HOST_IS_FULL) != 0;
}

/* --- operations --- */

static void frame_arrives(struct world *w, struct input *in, uint8_t flags) {
    uint8_t type = take_byte(in);
    size_t length = take_byte(in);
    rig_send(&w->rig, w->s, type, flags, take(in, length));
}

static void act(struct world *w, uint8_t op) {
    struct rig *r = &w->rig;
    switch (op) {
    case 0xE0:
        for (uint32_t i = 0; i < w->n_stored; i++) {
            commit(w, i);
        }
        break;
    case 0xE1:
        commit(w, w->n_stored - 1);
        break;
    case 0xE2:
        r->full = !r->full;
        break;
    case 0xE3:
        session_resume(w->s, r->now);
        break;
    case 0xE4:
        settle(w, OK);
        break;
    case 0xE5:
        settle(w, ERR_DENIED);
        break;
    case 0xE6:
        settle(w, ERR_UNAVAILABLE);
        break;
    case 0xE7:
        rig_set_model(r, rig_model(2, true));
        break;
    case 0xE8:
        rig_set_model(r, rig_model(2, false));
        break;
    case 0xE9:
        session_freeze(w->s);
        break;
    case 0xEA:
        session_thaw(w->s, r->now);
        break;
    case 0xEB:
        roster_refresh(r->roster, 0, r->now);
        break;
    case 0xEC:
        roster_set_store(r->roster, (r->env.store_state + 1) % 3, 7);
        break;
    case 0xED:
        session_bye(w->s, BYE_RESTART, 1000, "restart", r->now);
        break;
    case 0xEE:
        session_lost(w->s, "the line is cut", r->now);
        break;
    default:
        break;
    }
}

static void step(struct world *w, struct input *in) {
    uint8_t op = take_byte(in);
    bool over = session_state(w->s) == SESSION_CLOSING;
    if (op < 0xC0) {
        struct slice part = take(in, (size_t)op + 1);
        rig_send_bytes(&w->rig, w->s, part.p, part.n);
    } else if (op < 0xE0) {
        rig_advance(&w->rig, (op - 0xC0 + 1) * TM_SECOND_US);
        session_tick(w->s, w->rig.now);
    } else if (op >= 0xF0) {
        frame_arrives(w, in, op & 0x0F);
    } else if (op == 0xEF) {
        certify(w, take_byte(in));
    } else {
        act(w, op);
    }
    reached.states[session_state(w->s)] = true;
    CHECK(!over || (session_state(w->s) == SESSION_CLOSING && session_room(w->s) == 0));
    check_said(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    if (n == 0) {
        return 0;
    }
    struct world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    rig_init(&w->rig);
    w->rig.env.host.record = on_record;
    w->rig.env.host.snapshot = on_snapshot;
    w->rig.env.owner.certify = on_certify;
    w->most = LINK_BODY_MAX_HARD;
    struct input in = {p + 1, n - 1};
    begin(w, p[0]);
    reached.states[session_state(w->s)] = true;
    check_said(w);
    while (in.n > 0) {
        step(w, &in);
    }
    session_lost(w->s, "the end of the input", w->rig.now);
    session_free(&w->s);
    rig_done(&w->rig);
    free(w);
    return 0;
}
