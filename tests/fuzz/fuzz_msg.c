/* The first byte is a message's type, the rest its body (of a record: what follows the prefix; DICT and DATA
 * have targets of their own, and mean a prefix here). A message that is taken comes back whole
 * from its own encoding. */
#include "protocol/cert_msg.h"
#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
#include "protocol/enrol.h"
#include "protocol/event_msg.h"
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
    struct msg_event event;
    struct msg_command command;
    struct msg_command_ack command_ack;
    struct msg_command_result command_result;
    struct msg_config_offer config_offer;
    struct msg_config_get config_get;
    struct msg_config_chunk config_chunk;
    struct msg_config_result config_result;
    struct msg_cert_request cert_request;
    struct msg_cert_issued cert_issued;
    struct msg_enrol enrol;
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
        return event_decode(body, &ret->event, err);
    case MSG_CMD:
        return command_decode(body, &ret->command, err);
    case MSG_CMD_ACK:
        return command_ack_decode(body, &ret->command_ack, err);
    case MSG_CMD_RESULT:
        return command_result_decode(body, &ret->command_result, err);
    case MSG_CFG_OFFER:
        return config_offer_decode(body, &ret->config_offer, err);
    case MSG_CFG_GET:
        return config_get_decode(body, &ret->config_get, err);
    case MSG_CFG_CHUNK:
        return config_chunk_decode(body, &ret->config_chunk, err);
    case MSG_CFG_RESULT:
        return config_result_decode(body, &ret->config_result, err);
    case MSG_CERT_REQUEST:
        return cert_request_decode(body, &ret->cert_request, err);
    case MSG_CERT_ISSUED:
        return cert_issued_decode(body, &ret->cert_issued, err);
    case MSG_ENROL:
        return enrol_decode(body, &ret->enrol, err);
    case MSG_CERT_OFFER:
        return cert_offer_decode(body, err);
    case MSG_REFRESH:
        return refresh_decode(body, err);
    case MSG_DICT:
        return prefix_decode(body, true, &ret->prefix.m, &ret->prefix.rest, err);
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
    case MSG_EVENT:
        event_encode(out, &m->event);
        return;
    case MSG_CMD:
        command_encode(out, &m->command);
        return;
    case MSG_CMD_ACK:
        command_ack_encode(out, &m->command_ack);
        return;
    case MSG_CMD_RESULT:
        command_result_encode(out, &m->command_result);
        return;
    case MSG_CFG_OFFER:
        config_offer_encode(out, &m->config_offer);
        return;
    case MSG_CFG_GET:
        config_get_encode(out, &m->config_get);
        return;
    case MSG_CFG_CHUNK:
        config_chunk_encode(out, &m->config_chunk);
        return;
    case MSG_CFG_RESULT:
        config_result_encode(out, &m->config_result);
        return;
    case MSG_CERT_REQUEST:
        cert_request_encode(out, &m->cert_request);
        return;
    case MSG_CERT_ISSUED:
        cert_issued_encode(out, &m->cert_issued);
        return;
    case MSG_ENROL:
        enrol_encode(out, &m->enrol);
        return;
    case MSG_CERT_OFFER:
    case MSG_REFRESH:
        return;
    case MSG_DICT:
    case MSG_DATA:
    case MSG_CRITICAL:
        break;
    }
    prefix_encode(out, type == MSG_DICT, &m->prefix.m);
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
