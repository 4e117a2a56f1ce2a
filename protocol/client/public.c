/* The installed interface (include/penstock/client.h) over client.h: names with a prefix, plain C types. */
#include "protocol/client/client.h"
#include "protocol/client/enrolment.h"
#include "protocol/client/include/penstock/client.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum { FLUSH_MS = 1000, SYNC_MS = 200 };
#define JOURNAL_BYTES (UINT64_C(64) * 1024 * 1024)

/* The public enumerations are the inner ones under other names. */
_Static_assert((int)PENSTOCK_OK == (int)OK && (int)PENSTOCK_INVALID == (int)ERR_INVALID &&
                   (int)PENSTOCK_CONFLICT == (int)ERR_CONFLICT && (int)PENSTOCK_IO == (int)ERR_IO &&
                   (int)PENSTOCK_INTERNAL == (int)ERR_INTERNAL,
               "statuses agree");
_Static_assert((int)PENSTOCK_BOOL == (int)VALUE_BOOL && (int)PENSTOCK_BYTES == (int)VALUE_BYTES &&
                   (int)PENSTOCK_SCALED == (int)VALUE_SCALED,
               "types agree");
_Static_assert((int)PENSTOCK_CLOCK_NONE == (int)CLOCK_NONE && (int)PENSTOCK_CLOCK_GNSS == (int)CLOCK_GNSS,
               "clocks agree");
_Static_assert((int)PENSTOCK_EXECUTED == (int)COMMAND_STAGE_EXECUTED &&
                   (int)PENSTOCK_FAILED == (int)COMMAND_STAGE_FAILED &&
                   (int)PENSTOCK_REJECTED == (int)COMMAND_STAGE_REJECTED &&
                   (int)PENSTOCK_IN_DOUBT == (int)COMMAND_STAGE_IN_DOUBT &&
                   (int)PENSTOCK_REASON_INTERLOCKED == (int)COMMAND_INTERLOCKED &&
                   (int)PENSTOCK_REASON_BUSY == (int)COMMAND_BUSY &&
                   (int)PENSTOCK_REASON_NO_EFFECT == (int)COMMAND_NO_EFFECT &&
                   (int)PENSTOCK_REASON_LOCAL_CONTROL == (int)COMMAND_LOCAL_CONTROL,
               "outcomes and reasons agree");
_Static_assert((int)PENSTOCK_DEVICE_DOWN == (int)EVENT_DEVICE_DOWN &&
                   (int)PENSTOCK_DEVICE_UP == (int)EVENT_DEVICE_UP &&
                   (int)PENSTOCK_LOCAL_OPERATION == (int)EVENT_LOCAL_OPERATION &&
                   (int)PENSTOCK_TROUBLE == (int)EVENT_TROUBLE,
               "events agree");
_Static_assert((int)PENSTOCK_WRITABLE == (int)DICT_WRITABLE && (int)PENSTOCK_SELECT == (int)DICT_SELECT &&
                   (int)PENSTOCK_HISTORISE == (int)DICT_HISTORISE,
               "flags agree");
_Static_assert(sizeof((struct penstock_error *)0)->where == sizeof((struct error *)0)->where &&
                   sizeof((struct penstock_error *)0)->text == sizeof((struct error *)0)->text,
               "errors have the same room");

struct penstock_client {
    struct client *client;
    struct penstock_hooks hooks;
};

/* Hands an inner result out. */
static enum penstock_status give(enum status st, const struct error *err, struct penstock_error *ret) {
    if (st != OK && ret != NULL) {
        ret->code = (enum penstock_status)st;
        memcpy(ret->where, err->where, sizeof ret->where);
        memcpy(ret->text, err->text, sizeof ret->text);
    }
    return (enum penstock_status)st;
}

static void on_link(void *ctx, bool up, const char *reason) {
    const struct penstock_client *c = ctx;
    if (c->hooks.on_link != NULL) {
        c->hooks.on_link(c->hooks.ctx, up, reason);
    }
}

static void on_note(void *ctx, const char *event, const char *text) {
    const struct penstock_client *c = ctx;
    if (c->hooks.on_note != NULL) {
        c->hooks.on_note(c->hooks.ctx, event, text);
    }
}

/* ---- commands ---- */

static bool is_text(int type) {
    return type == VALUE_STRING || type == VALUE_BYTES;
}

static struct penstock_value value_out(const struct link_value *v, const struct dict_entry *e) {
    struct penstock_value out = {.type = v->type};
    if (is_text(v->type)) {
        out.text = v->s.p;
        out.text_size = v->s.n;
        return out;
    }
    struct link_sample s = {.type = v->type};
    if (v->type == VALUE_F32 || v->type == VALUE_F64) {
        s.f = v->f;
    } else {
        s.i = v->i;
        out.integer = v->i;
    }
    (void)link_sample_number(&s, e, &out.number);
    return out;
}

static struct link_value value_in(const struct penstock_value *v) {
    struct link_value in = {.type = (uint8_t)v->type};
    if (is_text(v->type)) {
        in.s = slice_of(v->text, v->text_size);
    } else if (v->type == VALUE_F32 || v->type == VALUE_F64) {
        in.f = v->number;
    } else {
        in.i = v->integer;
    }
    return in;
}

/* An order as the hooks get it; its texts with a NUL. */
struct order_out {
    struct penstock_command command;
    char operator_name[LINK_OPERATOR_MAX + 1];
    char reason[LINK_REASON_MAX + 1];
};

static void order_out(const struct penstock_client *c, const struct command_order *order,
                      struct order_out *ret) {
    *ret = (struct order_out){.command.tag = order->tag};
    memcpy(ret->command.id, order->id.bytes, sizeof ret->command.id);
    ret->command.value = value_out(&order->value, client_tag(c->client, order->tag));
    (void)snprintf(ret->operator_name, sizeof ret->operator_name, "%.*s", SLICE_ARG(order->operator_name));
    (void)snprintf(ret->reason, sizeof ret->reason, "%.*s", SLICE_ARG(order->reason));
    ret->command.operator_name = ret->operator_name;
    ret->command.reason = ret->reason;
}

static void on_command(void *ctx, const struct command_order *order) {
    const struct penstock_client *c = ctx;
    struct order_out out;
    order_out(c, order, &out);
    c->hooks.on_command(c->hooks.ctx, &out.command);
}

static enum command_reason on_command_check(void *ctx, const struct command_order *order) {
    const struct penstock_client *c = ctx;
    struct order_out out;
    order_out(c, order, &out);
    return (enum command_reason)c->hooks.on_command_check(c->hooks.ctx, &out.command);
}

bool penstock_client_command_may_begin(struct penstock_client *c, const uint8_t id[16]) {
    struct command_id inner;
    memcpy(inner.bytes, id, sizeof inner.bytes);
    return c->hooks.on_command != NULL && client_command_may_begin(c->client, &inner);
}

enum penstock_status penstock_client_command_done(struct penstock_client *c,
                                                  const struct penstock_result *result,
                                                  struct penstock_error *error) {
    struct error err = {0};
    if (c->hooks.on_command == NULL) {
        return give(error_set(&err, ERR_WRONG_STATE, "command", "this gateway has no hook for commands"),
                    &err, error);
    }
    struct msg_command_result inner = {.stage = (uint8_t)result->outcome,
                                       .reason = (uint16_t)result->reason,
                                       .value = value_in(&result->read_back),
                                       .text = slice_str(result->text)};
    memcpy(inner.id.bytes, result->id, sizeof inner.id.bytes);
    return give(client_command_done(c->client, &inner, &err), &err, error);
}

/* ---- enrolment ---- */

enum penstock_status penstock_enrol(const struct penstock_enrolment *enrolment,
                                    struct penstock_error *error) {
    struct error err = {0};
    struct enrol_token token = {.name = ""};
    struct identity *identity = NULL;
    enum status st = enrol_token_parse(slice_str(enrolment->token), &token, &err);
    if (st == OK) {
        const struct identity_config files = {.name = token.name,
                                              .ca_file = enrolment->ca_file,
                                              .cert_file = enrolment->cert_file,
                                              .key_file = enrolment->key_file};
        st = identity_new(&files, &identity, &err);
    }
    if (st == OK) {
        const struct enrolment_server server = {.host = enrolment->host,
                                                .port = enrolment->port != 0 ? enrolment->port : LINK_PORT,
                                                .name = enrolment->server_name};
        st = enrolment_with_token(identity, &server, &token, &err);
    }
    OPENSSL_cleanse(&token, sizeof token);
    identity_free(&identity);
    return give(st, &err, error);
}

/* ---- configuration ---- */

static enum status on_config(void *ctx, uint64_t version, struct slice bytes, struct error *err) {
    const struct penstock_client *c = ctx;
    struct penstock_error e = {0};
    enum penstock_status st = c->hooks.on_config(c->hooks.ctx, version, bytes.p, bytes.n, &e);
    e.where[sizeof e.where - 1] = '\0';
    e.text[sizeof e.text - 1] = '\0';
    return st == PENSTOCK_OK ? OK : error_set(err, (enum status)st, e.where, "%s", e.text);
}

static void on_config_rollback(void *ctx, uint64_t version) {
    const struct penstock_client *c = ctx;
    c->hooks.on_config_rollback(c->hooks.ctx, version);
}

/* ---- making ---- */

/* The first field that must be there and is not; NULL if all are. */
static const char *missing_field(const struct penstock_config *cfg) {
    const struct {
        const void *value;
        const char *name;
    } fields[] = {
        {cfg->loop, "loop"},           {cfg->name, "name"},         {cfg->software, "software"},
        {cfg->host, "host"},           {cfg->ca_file, "ca_file"},   {cfg->server_name, "server_name"},
        {cfg->cert_file, "cert_file"}, {cfg->key_file, "key_file"}, {cfg->journal_dir, "journal_dir"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].value == NULL) {
            return fields[i].name;
        }
    }
    return NULL;
}

/* Not even a byte: nothing. */
static uint64_t keep_bytes(const struct penstock_config *cfg) {
    uint64_t capacity = cfg->journal_bytes != 0 ? cfg->journal_bytes : JOURNAL_BYTES;
    uint64_t most = cfg->journal_keep_bytes != 0 ? cfg->journal_keep_bytes : capacity / 4;
    return most == 1 ? 0 : most;
}

enum penstock_status penstock_client_new(const struct penstock_config *cfg, struct penstock_client **ret,
                                         struct penstock_error *error) {
    struct error err = {0};
    const char *missing = missing_field(cfg);
    if (missing != NULL) {
        return give(error_set(&err, ERR_INVALID, missing, "is required"), &err, error);
    }
    struct penstock_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return give(error_set(&err, ERR_NOMEM, "client", "no memory"), &err, error);
    }
    c->hooks = cfg->hooks;
    const struct client_config inner = {
        .loop = cfg->loop,
        .name = cfg->name,
        .software = cfg->software,
        .host = cfg->host,
        .port = cfg->port != 0 ? cfg->port : LINK_PORT,
        .server_name = cfg->server_name,
        .ca_file = cfg->ca_file,
        .cert_file = cfg->cert_file,
        .key_file = cfg->key_file,
        .journal_dir = cfg->journal_dir,
        .journal_bytes = cfg->journal_bytes != 0 ? cfg->journal_bytes : JOURNAL_BYTES,
        .journal_segment_bytes = cfg->journal_segment_bytes,
        .journal_keep_bytes = keep_bytes(cfg),
        .flush_ms = cfg->flush_ms != 0 ? cfg->flush_ms : FLUSH_MS,
        .sync_ms = cfg->sync_ms != 0 ? cfg->sync_ms : SYNC_MS,
        .gather_ms = cfg->gather_ms,
        .clock_source = (enum clock_source)cfg->clock_source,
        .clock_error_us = cfg->clock_error_us,
        .hooks = {.ctx = c,
                  .on_link = on_link,
                  .on_note = on_note,
                  .on_command = cfg->hooks.on_command != NULL ? on_command : NULL,
                  .on_command_check = cfg->hooks.on_command_check != NULL ? on_command_check : NULL,
                  .on_config = cfg->hooks.on_config != NULL ? on_config : NULL,
                  .on_config_rollback = cfg->hooks.on_config_rollback != NULL ? on_config_rollback : NULL},
    };
    enum status st = client_new(&inner, &c->client, &err);
    if (st != OK) {
        free(c);
        return give(st, &err, error);
    }
    *ret = c;
    return PENSTOCK_OK;
}

enum penstock_status penstock_client_define(struct penstock_client *c, const struct penstock_tag *def,
                                            uint32_t *ret_tag, struct penstock_error *error) {
    struct error err = {0};
    const struct tag_def inner = {.name = slice_str(def->name),
                                  .unit = slice_str(def->unit),
                                  .description = slice_str(def->description),
                                  .type = (enum value_type)def->type,
                                  .flags = def->flags,
                                  .scale = def->scale,
                                  .offset = def->offset,
                                  .has_range = def->has_range,
                                  .low = def->low,
                                  .high = def->high};
    return give(client_define(c->client, &inner, ret_tag, &err), &err, error);
}

enum penstock_status penstock_client_start(struct penstock_client *c, struct penstock_error *error) {
    struct error err = {0};
    return give(client_start(c->client, &err), &err, error);
}

enum penstock_status penstock_client_put(struct penstock_client *c, uint32_t tag, int64_t t_us, double value,
                                         uint8_t quality, struct penstock_error *error) {
    struct error err = {0};
    return give(client_put(c->client, tag, t_us, value, quality, &err), &err, error);
}

enum penstock_status penstock_client_put_integer(struct penstock_client *c, uint32_t tag, int64_t t_us,
                                                 int64_t value, uint8_t quality,
                                                 struct penstock_error *error) {
    struct error err = {0};
    return give(client_put_integer(c->client, tag, t_us, value, quality, &err), &err, error);
}

enum penstock_status penstock_client_put_text(struct penstock_client *c, uint32_t tag, int64_t t_us,
                                              const void *p, size_t n, uint8_t quality,
                                              struct penstock_error *error) {
    struct error err = {0};
    return give(client_put_text(c->client, tag, t_us, slice_of(p, n), quality, &err), &err, error);
}

enum penstock_status penstock_client_event(struct penstock_client *c, const struct penstock_event *event,
                                           struct penstock_error *error) {
    struct error err = {0};
    if (event->code != PENSTOCK_DEVICE_DOWN && event->code != PENSTOCK_DEVICE_UP &&
        event->code != PENSTOCK_LOCAL_OPERATION) {
        return give(error_set(&err, ERR_INVALID, "code", "%d is no event that a gateway tells", event->code),
                    &err, error);
    }
    const struct msg_event inner = {.code = (uint16_t)event->code,
                                    .severity = (enum event_severity)event->severity,
                                    .t_us = event->t_us,
                                    .path = slice_str(event->path),
                                    .text = slice_str(event->text)};
    return give(client_event(c->client, &inner, &err), &err, error);
}

void penstock_client_flush(struct penstock_client *c) {
    client_flush(c->client);
}

bool penstock_client_is_drained(const struct penstock_client *c) {
    return client_is_drained(c->client);
}

void penstock_client_get_status(const struct penstock_client *c, struct penstock_client_status *ret) {
    struct client_status s;
    client_get_status(c->client, &s);
    *ret = (struct penstock_client_status){.up = s.up,
                                           .has_clock_offset = s.link.has_offset,
                                           .clock_offset_us = s.link.clock_offset_us,
                                           .journal_bytes = s.journal.bytes,
                                           .journal_waiting = s.journal.waiting,
                                           .oldest_waiting_us = s.journal.oldest_sample_us,
                                           .dropped = s.journal.dropped_total,
                                           .lost = s.lost,
                                           .records_sent = s.link.records_sent,
                                           .records_acked = s.link.records_acked};
}

void penstock_client_stop(struct penstock_client *c, void (*on_stopped)(void *ctx), void *ctx) {
    client_stop(c->client, on_stopped, ctx);
}

void penstock_client_free(struct penstock_client **ref) {
    struct penstock_client *c = *ref;
    if (c == NULL) {
        return;
    }
    client_free(&c->client);
    free(c);
    *ref = NULL;
}
