/* A gateway's session with a real journal. The input is operations:
 *
 *   00 to 9F  so many bytes and one more come from the server, as they follow
 *   A0 to AF  a frame comes: flags (low half), then a byte of type, one of length, the body
 *   C0 to CF  so many seconds and one more pass
 *   others    what the line, the process and the server may do at any moment (act())
 *
 * Whatever comes: what the gateway says can be read, and a new process goes on with the journal. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/client/uplink_rig.h"

/* By all inputs together. */
static bool states_reached[UPLINK_ENDED + 1];
static bool ends_reached[UPLINK_END_OURS + 1];

const char *fuzz_not_reached(void) {
    static const char *const states[] = {"IDLE", "GREETING", "UP", "ENDED"};
    static const char *const ends[] = {"an end by silence", "an end by a refusal",
                                       "an end by the server's BYE", "an end to come again",
                                       "an end by our BYE"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (!states_reached[i]) {
            return states[i];
        }
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (!ends_reached[i]) {
            return ends[i];
        }
    }
    return NULL;
}

static void note_state(const struct rig *r) {
    states_reached[uplink_state(r->u)] = true;
    if (uplink_state(r->u) == UPLINK_ENDED) {
        ends_reached[uplink_end(r->u)] = true;
    }
}

static void receive(struct rig *r, struct slice bytes) {
    uplink_receive(r->u, bytes.p, bytes.n, r->now);
}

static void frame_comes(struct rig *r, struct input *in, uint8_t flags) {
    uint8_t type = take_byte(in);
    size_t length = take_byte(in);
    struct buf frame;
    buf_init(&frame, LINK_FRAME_HEAD + LINK_BODY_MAX);
    frame_append(&frame, type, flags, take(in, length));
    receive(r, buf_slice(&frame));
    buf_done(&frame);
}

static bool can_begin(const struct rig *r) {
    return uplink_state(r->u) == UPLINK_IDLE || uplink_state(r->u) == UPLINK_ENDED;
}

/* The same bytes as in a connection that is gone have nothing to do in the next one. */
static void begin(struct rig *r) {
    if (can_begin(r)) {
        uplink_begin(r->u, r->now);
    }
}

static void welcome(struct rig *r) {
    begin(r);
    rig_run(r);
    rig_welcome_with(r, &rig_usual, NULL, 0);
}

static void produce(struct rig *r) {
    if (tags_pending(r->tags) == 0) {
        rig_produce(r, (double)(r->now.wall_us % 1000));
    }
}

static void act(struct rig *r, uint8_t op) {
    switch (op) {
    case 0xD0:
        produce(r);
        break;
    case 0xD1:
        welcome(r);
        break;
    case 0xD2:
        begin(r);
        break;
    case 0xD3:
        uplink_lost(r->u, "the line is cut");
        break;
    case 0xD4:
        uplink_bye(r->u, "good night");
        break;
    case 0xD5:
        r->stuck = !r->stuck;
        break;
    case 0xD6:
        rig_ack(r, 0, 0, 3);
        break;
    case 0xD7:
        rig_error(r, LINK_EPOCH_ROLLBACK, true, 0);
        break;
    case 0xD8: /* killed, and started again */
        rig_end(r);
        rig_start(r);
        break;
    case 0xD9:
        uplink_come_again(r->u, "the settings have changed");
        break;
    case 0xDA:
        uplink_ask_certificate(r->u, slice_str("DER"));
        break;
    case 0xDB:
        uplink_clock_stepped(r->u);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    void *state = NULL;
    CHECK(rig_setup(&state) == 0);
    struct rig *r = state;
    struct input in = {p, n};
    note_state(r);
    while (in.n > 0) {
        uint8_t op = take_byte(&in);
        if (op < 0xA0) {
            receive(r, take(&in, (size_t)op + 1));
        } else if (op < 0xB0) {
            frame_comes(r, &in, op & 0x0F);
        } else if (op >= 0xC0 && op < 0xD0) {
            r->now.mono_us += (op - 0xC0 + 1) * TM_SECOND_US;
            r->now.wall_us += (op - 0xC0 + 1) * TM_SECOND_US;
        } else {
            act(r, op);
        }
        note_state(r);
        rig_run(r);
        note_state(r);
    }
    CHECK(rig_teardown(&state) == 0);
    return 0;
}
