/* Commands between the link, the disk and the gateway: see commands.h for what is decided. */
#include "protocol/client/client_state.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/utf8.h"

#include <math.h>

enum { RESULT_MAX = LINK_STRING_MAX + LINK_TEXT_MAX + 100 };

static enum status on_store(void *ctx, const struct command_memory *m, struct error *err) {
    struct client *c = ctx;
    struct error failure = {0};
    enum status st = command_log_append(&c->command_log, m, &failure);
    if (st != OK) {
        client_note(c, "commands.not_written", failure.text);
        if (err != NULL) {
            *err = failure;
        }
    }
    return st;
}

static enum status on_rewrite(void *ctx, const struct command_memory *v, uint32_t n, int64_t since_us,
                              struct error *err) {
    struct client *c = ctx;
    return command_log_rewrite(&c->command_log, v, n, since_us, err);
}

static void on_ack(void *ctx, const struct msg_command_ack *m) {
    struct client *c = ctx;
    uplink_command_ack(c->uplink, m);
}

static void on_result(void *ctx, const struct msg_command_result *m) {
    struct client *c = ctx;
    struct error err = {0};
    struct buf body;
    buf_init(&body, RESULT_MAX);
    command_result_encode(&body, m);
    enum status st = buf_status(&body, &err);
    if (st == OK) {
        st = recorder_append(&c->recorder, MSG_CMD_RESULT, buf_slice(&body), &err);
    }
    buf_done(&body);
    if (st != OK) {
        /* The server asks for it. */
        client_note(c, "journal.not_written", err.text);
    }
}

/* Aliases never change within a start, so any dictionary of it will do. */
static bool on_find(void *ctx, uint64_t dict, uint32_t alias, struct command_tag *ret) {
    const struct client *c = ctx;
    if (dict == 0 || dict > c->recorder.dict_ids || alias == 0 || alias > tags_count(c->tags)) {
        return false;
    }
    *ret = (struct command_tag){.tag = alias - 1,
                                .entry = tags_entry(c->tags, alias - 1),
                                .present = tags_present(c->tags, alias - 1)};
    return true;
}

static enum command_reason on_check(void *ctx, const struct command_order *order) {
    const struct client *c = ctx;
    return c->hooks.on_command_check != NULL ? c->hooks.on_command_check(c->hooks.ctx, order) : COMMAND_OK;
}

static void on_actuate(void *ctx, const struct command_order *order) {
    const struct client *c = ctx;
    c->hooks.on_command(c->hooks.ctx, order);
}

static enum status on_entry(void *ctx, const struct command_memory *m, struct error *err) {
    struct client *c = ctx;
    return commands_remember(c->commands, m, err);
}

enum status client_commands_open(struct client *c, struct error *err) {
    const struct commands_host host = {.ctx = c,
                                       .store = on_store,
                                       .rewrite = on_rewrite,
                                       .ack = on_ack,
                                       .result = on_result,
                                       .find = on_find,
                                       .check = on_check,
                                       .actuate = on_actuate};
    enum status st = commands_new(&host, &c->commands, err);
    if (st != OK) {
        return st;
    }
    int64_t since_us = 0;
    st = command_log_open(&c->command_log, journal_dir_fd(c->journal), on_entry, c, &since_us, err);
    if (st == OK) {
        struct moment now = {.wall_us = clock_wall_us(), .mono_us = clock_mono_us()};
        commands_recover(c->commands, since_us, now);
    }
    return st;
}

void client_commands_close(struct client *c) {
    if (c->commands != NULL) {
        command_log_close(&c->command_log);
        commands_free(&c->commands);
    }
}

void client_commands_up(struct client *c, const struct msg_welcome *m) {
    if (c->commands != NULL) {
        commands_begin(c->commands, &(struct commands_session){.session = m->session,
                                                               .allowed = m->commands_allowed,
                                                               .server_us = m->now_us});
    }
}

void client_commands_down(struct client *c, struct moment now) {
    if (c->commands != NULL) {
        commands_end(c->commands, now);
    }
}

void client_commands_receive(void *ctx, const struct msg_command *m, struct moment now) {
    struct client *c = ctx;
    struct uplink_status link;
    uplink_get_status(c->uplink, &link);
    const struct command_clock clock = {.now = now,
                                        .synced = !c->recorder.clock_unsure,
                                        .has_offset = link.has_offset,
                                        .offset_us = link.clock_offset_us};
    commands_receive(c->commands, m, &clock);
}

bool client_command_may_begin(struct client *c, const struct command_id *id) {
    CHECK(c->commands != NULL);
    struct moment now = {.wall_us = clock_wall_us(), .mono_us = clock_mono_us()};
    bool may = commands_may_begin(c->commands, id, now);
    client_wake(c);
    return may;
}

/* A device may show anything: what no message can carry is left out. */
static struct link_value sendable(const struct link_value *v) {
    bool is_sendable = false;
    switch (v->type) {
    case VALUE_BOOL:
        is_sendable = v->i == 0 || v->i == 1;
        break;
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_SCALED:
    case VALUE_ENUM:
        is_sendable = true;
        break;
    case VALUE_F32:
        is_sendable = isfinite((float)v->f);
        break;
    case VALUE_F64:
        is_sendable = isfinite(v->f);
        break;
    case VALUE_STRING:
        is_sendable = v->s.n <= LINK_STRING_MAX && utf8_is_text(v->s);
        break;
    case VALUE_BYTES:
        is_sendable = v->s.n <= LINK_STRING_MAX;
        break;
    default:
        break;
    }
    return is_sendable ? *v : (struct link_value){0};
}

enum status client_command_done(struct client *c, const struct msg_command_result *result,
                                struct error *err) {
    CHECK(c->commands != NULL);
    struct msg_command_result stamped = *result;
    stamped.value = sendable(&result->value);
    if (stamped.t_us <= 0) {
        stamped.t_us = clock_wall_us();
    }
    if (stamped.text.n > LINK_TEXT_MAX) {
        stamped.text.n = LINK_TEXT_MAX;
    }
    stamped.text.n = utf8_valid_prefix(stamped.text.p, stamped.text.n);
    enum status st = commands_done(c->commands, &stamped, err);
    client_wake(c);
    return st;
}
