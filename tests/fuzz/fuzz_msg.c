/* The first byte is a control message's type, the rest its body. A message that is taken comes back whole
 * from its own encoding. */
#include "protocol/msg.h"
#include "tests/fuzz/fuzz.h"

union any {
    struct msg_hello hello;
    struct msg_welcome welcome;
    struct msg_error error;
    struct msg_bye bye;
    struct msg_ping ping;
    struct msg_pong pong;
    struct msg_window window;
    struct msg_ack ack;
    struct {
        struct msg_prefix m;
        struct slice rest;
    } prefix;
};

static enum status decode(uint8_t type, struct slice body, union any *ret, struct error *err) {
    switch ((enum msg_type)type) {
    case MSG_HELLO:
        return hello_decode(body, &ret->hello, err);
    case MSG_WELCOME:
        return welcome_decode(body, &ret->welcome, err);
    case MSG_ERROR:
        return error_decode(body, &ret->error, err);
    case MSG_BYE:
        return bye_decode(body, &ret->bye, err);
    case MSG_PING:
        return ping_decode(body, &ret->ping, err);
    case MSG_PONG:
        return pong_decode(body, &ret->pong, err);
    case MSG_WINDOW:
        return window_decode(body, &ret->window, err);
    case MSG_ACK:
        return ack_decode(body, &ret->ack, err);
    case MSG_EVENT:
        return prefix_decode(body, true, &ret->prefix.m, &ret->prefix.rest, err);
    case MSG_REFRESH:
    case MSG_DICT:
    case MSG_DATA:
    case MSG_CRITICAL:
        break;
    }
    return prefix_decode(body, false, &ret->prefix.m, &ret->prefix.rest, err);
}

static void encode(uint8_t type, struct buf *out, const union any *m) {
    buf_clear(out);
    switch ((enum msg_type)type) {
    case MSG_HELLO:
        hello_encode(out, &m->hello);
        return;
    case MSG_WELCOME:
        welcome_encode(out, &m->welcome);
        return;
    case MSG_ERROR:
        error_encode(out, &m->error);
        return;
    case MSG_BYE:
        bye_encode(out, &m->bye);
        return;
    case MSG_PING:
        ping_encode(out, &m->ping);
        return;
    case MSG_PONG:
        pong_encode(out, &m->pong);
        return;
    case MSG_WINDOW:
        window_encode(out, &m->window);
        return;
    case MSG_ACK:
        ack_encode(out, &m->ack);
        return;
    case MSG_REFRESH:
    case MSG_DICT:
    case MSG_DATA:
    case MSG_EVENT:
    case MSG_CRITICAL:
        break;
    }
    prefix_encode(out, type == MSG_EVENT, &m->prefix.m);
    buf_append(out, m->prefix.rest.p, m->prefix.rest.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    if (n == 0) {
        return 0;
    }
    static union any one; /* large, and filled whole by each decoding that succeeds */
    static union any two;
    struct error err = {0};
    enum status status = decode(p[0], slice_of(p + 1, n - 1), &one, &err);
    if (status != OK) {
        check_refusal(status, &err);
        return 0;
    }
    struct buf first;
    struct buf second;
    buf_init(&first, LINK_BODY_MAX_HARD);
    buf_init(&second, LINK_BODY_MAX_HARD);
    encode(p[0], &first, &one);
    CHECK(buf_status(&first, NULL) == OK);
    CHECK(first.n <= n - 1 + LINK_BODY_MAX_HELLO); /* fields that were left out may appear, no more */
    CHECK(decode(p[0], buf_slice(&first), &two, &err) == OK);
    encode(p[0], &second, &two);
    CHECK(slice_eq(buf_slice(&first), buf_slice(&second)));
    buf_done(&first);
    buf_done(&second);
    return 0;
}
