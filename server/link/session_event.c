/* What a gateway tells of itself: EVENT, and answers to what this server does not ask for yet. */
#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
#include "protocol/event_msg.h"
#include "server/base/tm.h"
#include "server/link/session_internal.h"

#include <inttypes.h>
#include <stdio.h>

static enum status check_event(const struct session *s, struct slice rest, struct msg_event *ret,
                               struct error *err) {
    enum status status = event_decode(rest, ret, err);
    if (status == OK && ret->text.n > s->env->limits.link.text_bytes) {
        status = error_set(err, ERR_TOO_BIG, "EVENT", "its text has more than %u bytes",
                           s->env->limits.link.text_bytes);
    }
    if (status == OK && ret->code == EVENT_SAMPLES_LOST && ret->lost.end > LINK_SEQ_MAX) {
        status = error_set(err, ERR_INVALID, "EVENT", "number %" PRIu64 " is beyond all that can be stored",
                           ret->lost.end);
    }
    return status;
}

enum status session_check_told(const struct session *s, uint8_t type, struct slice rest,
                               struct msg_event *ret_event, struct error *err) {
    struct msg_command_result command;
    struct msg_config_result config;
    switch (type) {
    case MSG_EVENT:
        return check_event(s, rest, ret_event, err);
    case MSG_CMD_RESULT:
        return command_result_decode(rest, &command, err);
    case MSG_CFG_RESULT:
        return config_result_decode(rest, &config, err);
    default:
        return OK; /* DICT and DATA are checked where they are used */
    }
}

/* --- EVENT --- */

enum { TOLD_SIZE = 160 };

/* Under which name it stands in the audit and the log. */
static const char *action_of(uint16_t code) {
    switch (code) {
    case EVENT_STARTED:
        return "gateway.started";
    case EVENT_CLOCK_STEPPED:
        return "gateway.clock_stepped";
    case EVENT_DEVICE_DOWN:
        return "gateway.device_down";
    case EVENT_DEVICE_UP:
        return "gateway.device_up";
    case EVENT_SAMPLES_LOST:
        return "gateway.samples_lost";
    case EVENT_LOCAL_OPERATION:
        return "gateway.local_operation";
    case EVENT_CONFIG_APPLIED:
        return "gateway.config_applied";
    case EVENT_CONFIG_REFUSED:
        return "gateway.config_refused";
    case EVENT_CERT_RENEWED:
        return "gateway.cert_renewed";
    case EVENT_CERT_TROUBLE:
        return "gateway.cert_trouble";
    default:
        return "gateway.event";
    }
}

/* What the fields of a code say; "" for most. */
static void describe_fields(const struct msg_event *m, char ret[TOLD_SIZE]) {
    char from[TM_TEXT_SIZE];
    char to[TM_TEXT_SIZE];
    ret[0] = '\0';
    if (m->code == EVENT_CLOCK_STEPPED) {
        (void)snprintf(ret, TOLD_SIZE, "; by %.3f s", (double)m->step_us / 1e6);
    } else if (m->code == EVENT_SAMPLES_LOST && tm_format(m->lost.from_us, from) == OK &&
               tm_format(m->lost.to_us, to) == OK) {
        (void)snprintf(ret, TOLD_SIZE, "; %" PRIu64 " samples from %s to %s, records %" PRIu64 " to %" PRIu64,
                       m->lost.samples, from, to, m->lost.first,
                       m->lost.end > m->lost.first ? m->lost.end - 1 : m->lost.first);
    }
}

static void take_event(struct session *s, const struct msg_event *m, struct link_now now) {
    char t[TM_TEXT_SIZE];
    char fields[TOLD_SIZE];
    if (tm_format(m->t_us, t) != OK) {
        return; /* cannot be: a time outside of what can be written is a bad record */
    }
    describe_fields(m, fields);
    session_event(s, action_of(m->code), now, "code %u at %s%s%.*s%s: %.*s", m->code, t,
                  m->path.n > 0 ? ", " : "", SLICE_ARG(m->path), fields, SLICE_ARG(m->text));
}

void session_on_told(struct session *s, uint8_t type, const struct msg_event *event, struct link_now now) {
    if (type == MSG_EVENT) {
        take_event(s, event, now);
    } else if (type == MSG_CMD_RESULT || type == MSG_CFG_RESULT) {
        session_incident(s, "link.unasked", now, "%s: this server asked for none; it is stored",
                         msg_type_name(type));
    }
}

/* --- answers to what was not asked --- */

enum verdict session_on_unasked(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_command_ack ack;
    struct error err = {0};
    if (command_ack_decode(f->body, &ack, &err) != OK) {
        return session_bad_body(s, f, &err, now);
    }
    session_incident(s, "link.unasked", now, "CMD_ACK: this server sent no command");
    return VERDICT_NEXT;
}

/* No configuration is on offer, which is what an empty part says. */
enum verdict session_on_config_get(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_config_get get;
    struct error err = {0};
    if (config_get_decode(f->body, &get, &err) != OK) {
        return session_bad_body(s, f, &err, now);
    }
    struct msg_config_chunk none = {.version = get.version, .offset = get.offset};
    size_t mark = frame_begin(&s->out, MSG_CFG_CHUNK, 0);
    config_chunk_encode(&s->out, &none);
    frame_end(&s->out, mark);
    return VERDICT_NEXT;
}
