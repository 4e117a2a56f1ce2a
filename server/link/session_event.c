/* What a gateway tells of itself: EVENT, and answers to what this server does not ask for yet. */
#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
#include "server/link/session_internal.h"

void session_on_told(struct session *s, uint8_t type, const struct told_record *told, struct link_now now) {
    if (type == MSG_EVENT) {
        session_event(s, told->action, now, "%s", told->text);
    } else if (type == MSG_CMD_RESULT || type == MSG_CFG_RESULT) {
        session_incident(s, told->action, now, "%s", told->text);
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
    session_end_frame(s, mark);
    return VERDICT_NEXT;
}
