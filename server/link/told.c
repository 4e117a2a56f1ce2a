#include "server/link/told.h"

#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
#include "protocol/msg.h"
#include "server/base/tm.h"

#include <inttypes.h>
#include <stdio.h>

enum { FIELDS_SIZE = 160, ID_TEXT_SIZE = 33 };

/* --- EVENT --- */

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
static void describe_fields(const struct msg_event *m, char ret[FIELDS_SIZE]) {
    char from[TM_TEXT_SIZE];
    char to[TM_TEXT_SIZE];
    ret[0] = '\0';
    if (m->code == EVENT_CLOCK_STEPPED) {
        (void)snprintf(ret, FIELDS_SIZE, "; by %.3f s", (double)m->step_us / 1e6);
    } else if (m->code == EVENT_SAMPLES_LOST && tm_format(m->lost.from_us, from) == OK &&
               tm_format(m->lost.to_us, to) == OK) {
        int n = snprintf(ret, FIELDS_SIZE, "; %" PRIu64 " samples from %s to %s", m->lost.samples, from, to);
        if (m->lost.end > m->lost.first) { /* else they never had a number */
            (void)snprintf(ret + n, (size_t)(FIELDS_SIZE - n), ", records %" PRIu64 " to %" PRIu64,
                           m->lost.first, m->lost.end - 1);
        }
    }
}

static enum status read_event(struct slice rest, uint32_t text_max, struct told_record *ret,
                              struct error *err) {
    struct msg_event m = {0};
    char t[TM_TEXT_SIZE];
    char fields[FIELDS_SIZE];
    enum status status = event_decode(rest, &m, err);
    if (status == OK && m.text.n > text_max) {
        status = error_set(err, ERR_TOO_BIG, "EVENT", "its text has more than %u bytes", text_max);
    }
    if (status == OK && m.code == EVENT_SAMPLES_LOST && m.lost.end > LINK_SEQ_MAX) {
        status = error_set(err, ERR_INVALID, "EVENT", "number %" PRIu64 " is beyond all that can be stored",
                           m.lost.end);
    }
    if (status == OK) {
        status = tm_format(m.t_us, t);
    }
    if (status == OK) {
        describe_fields(&m, fields);
        *ret = (struct told_record){.action = action_of(m.code),
                                    .has_lost = m.code == EVENT_SAMPLES_LOST,
                                    .lost = m.lost,
                                    .has_step = m.code == EVENT_CLOCK_STEPPED,
                                    .step_us = m.step_us,
                                    .step_t_us = m.t_us};
        (void)snprintf(ret->text, sizeof ret->text, "code %u at %s%s%.*s%s: %.*s", m.code, t,
                       m.path.n > 0 ? ", " : "", SLICE_ARG(m.path), fields, SLICE_ARG(m.text));
    }
    return status;
}

/* --- answers to what this server does not ask for --- */

static enum status read_command(struct slice rest, struct told_record *ret, struct error *err) {
    struct msg_command_result m = {0};
    char t[TM_TEXT_SIZE];
    char id[ID_TEXT_SIZE];
    enum status status = command_result_decode(rest, &m, err);
    if (status == OK) {
        status = tm_format(m.t_us, t);
    }
    if (status == OK) {
        for (size_t i = 0; i < sizeof m.id.bytes; i++) {
            (void)snprintf(id + 2 * i, 3, "%02x", m.id.bytes[i]);
        }
        *ret = (struct told_record){.action = "link.unasked"};
        (void)snprintf(ret->text, sizeof ret->text,
                       "CMD_RESULT: this server asked for none; it is stored: command %s at %s: %s, %s: %.*s",
                       id, t, command_stage_name(m.stage), command_reason_name(m.reason), SLICE_ARG(m.text));
    }
    return status;
}

static enum status read_config(struct slice rest, struct told_record *ret, struct error *err) {
    static const char *const outcomes[] = {
        [CONFIG_APPLIED] = "applied", [CONFIG_REFUSED] = "refused", [CONFIG_ROLLED_BACK] = "rolled back"};
    struct msg_config_result m = {0};
    char t[TM_TEXT_SIZE];
    enum status status = config_result_decode(rest, &m, err);
    if (status == OK) {
        status = tm_format(m.t_us, t);
    }
    if (status == OK) {
        bool known = m.outcome < sizeof outcomes / sizeof outcomes[0];
        *ret = (struct told_record){.action = "link.unasked"};
        (void)snprintf(
            ret->text, sizeof ret->text,
            "CFG_RESULT: this server asked for none; it is stored: version %" PRIu64 " at %s: %s (%u): %.*s",
            m.version, t, known ? outcomes[m.outcome] : "unknown outcome", m.outcome, SLICE_ARG(m.text));
    }
    return status;
}

enum status told_read(uint8_t type, struct slice rest, uint32_t text_max, struct told_record *ret,
                      struct error *err) {
    return type == MSG_EVENT        ? read_event(rest, text_max, ret, err)
           : type == MSG_CMD_RESULT ? read_command(rest, ret, err)
                                    : read_config(rest, ret, err);
}
