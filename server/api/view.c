#include "server/api/view.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void view_time(struct buf *out, int64_t t_us) {
    char text[TM_TEXT_SIZE];
    if (t_us == 0 || tm_format(t_us, text) != OK) {
        buf_text(out, "null");
        return;
    }
    buf_printf(out, "\"%s\"", text);
}

void view_text(struct buf *out, const struct model_text *text, struct slice fallback) {
    struct slice en = text->en.n > 0 ? text->en : fallback;
    buf_text(out, "{\"en\":");
    buf_json_string(out, en);
    buf_text(out, ",\"zh\":");
    buf_json_string(out, text->zh.n > 0 ? text->zh : en);
    buf_byte(out, '}');
}

void view_string(struct buf *out, const char *key, struct slice text) {
    buf_printf(out, ",\"%s\":", key);
    buf_json_string(out, text);
}

void view_name(struct buf *out, const char *key, struct slice name) {
    if (name.n == 0) {
        buf_printf(out, ",\"%s\":null", key);
    } else {
        view_string(out, key, name);
    }
}

static void key_time(struct buf *out, const char *key, int64_t t_us) {
    buf_printf(out, ",\"%s\":", key);
    view_time(out, t_us);
}

static void key_number(struct buf *out, const char *key, double number) {
    buf_printf(out, ",\"%s\":", key);
    buf_json_number(out, number);
}

static void key_actor(struct buf *out, const char *key, const char *name) {
    if (name[0] == '\0') {
        buf_printf(out, ",\"%s\":null", key);
    } else {
        view_string(out, key, slice_str(name));
    }
}

static void key_bool(struct buf *out, const char *key, bool value) {
    buf_printf(out, ",\"%s\":%s", key, value ? "true" : "false");
}

struct slice view_position(const struct model *m, uint32_t position) {
    return position < m->n_positions ? m->positions[position] : slice_str("main");
}

struct slice view_body_name(struct slice body, const char *key) {
    /* Within a text a quote is escaped, so the sequence can only be a key with a text. */
    char pattern[40];
    int n = snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    CHECK(n > 0 && (size_t)n < sizeof pattern);
    const char *at = memmem(body.p, body.n, pattern, (size_t)n);
    if (at == NULL) {
        return (struct slice){0};
    }
    at += n;
    const char *end = memchr(at, '"', (size_t)(body.p + body.n - at));
    return end == NULL ? (struct slice){0} : slice_of(at, (size_t)(end - at));
}

/* --- an alarm */

/* Inside, time is microseconds; people count running hours by seconds. */
static double shown_amount(const struct model_alarm *cfg, double amount) {
    return cfg->kind == ALARM_RUNTIME ? amount / 1e6 : amount;
}

/* "by" and "reason" are null when there was no room to remember them: the journal has them. */
static void write_note(struct buf *out, const struct alarm_note *note) {
    buf_text(out, "\"since\":");
    view_time(out, note->since_us);
    key_actor(out, "by", note->by);
    view_string(out, "reason", slice_str(note->reason));
    buf_byte(out, '}');
}

static void write_hidden(struct buf *out, const struct core *core, uint32_t alarm,
                         const struct alarm_view *v) {
    enum { SHOWN_MAX = 64 };
    const char *names[SHOWN_MAX];
    struct alarm_note note = {0};
    buf_text(out, ",\"shelved\":");
    if ((v->facts & FACT_SHELVED) != 0) {
        (void)core_alarm_shelf(core, alarm, &note);
        buf_text(out, "{\"until\":");
        view_time(out, v->shelved_until_us);
        buf_printf(out, ",\"one_shot\":%s,", v->one_shot ? "true" : "false");
        write_note(out, &note);
    } else {
        buf_text(out, "null");
    }
    note = (struct alarm_note){0};
    buf_text(out, ",\"out_of_service\":");
    if ((v->facts & FACT_OUT_OF_SERVICE) != 0) {
        (void)core_alarm_out_of_service(core, alarm, &note);
        buf_byte(out, '{');
        write_note(out, &note);
    } else {
        buf_text(out, "null");
    }
    uint32_t n = core_alarm_suppressors(core, alarm, names, SHOWN_MAX);
    buf_text(out, ",\"suppressed_by\":[");
    for (uint32_t i = 0; i < n && i < SHOWN_MAX; i++) {
        if (i > 0) {
            buf_byte(out, ',');
        }
        buf_json_string(out, slice_str(names[i]));
    }
    buf_byte(out, ']');
}

static void write_place(struct buf *out, const struct model *m, const struct config_set *config,
                        uint32_t alarm) {
    const struct model_alarm *cfg = &m->alarms[alarm];
    const struct config_item *item = config_set_find(config, CONFIG_ALARM, m->alarm_texts[alarm].name);
    buf_text(out, "{\"name\":");
    buf_json_string(out, m->alarm_texts[alarm].name);
    view_string(out, "site", m->sites[cfg->site].name);
    view_string(out, "area", m->sites[cfg->site].area);
    view_string(out, "position", view_position(m, cfg->position));
    view_name(out, "tag", cfg->tag == MODEL_NONE ? (struct slice){0} : m->tags[cfg->tag].name);
    view_name(out, "gateway",
              cfg->gateway == MODEL_NONE ? (struct slice){0} : m->gateways[cfg->gateway].name);
    view_string(out, "kind", slice_str(alarm_kind_name((enum alarm_kind)cfg->kind)));
    view_name(out, "class", item == NULL ? (struct slice){0} : view_body_name(item->body, "class"));
}

static void write_numbers(struct buf *out, const struct core *core, uint32_t alarm,
                          const struct alarm_view *v) {
    const struct model *m = core_model(core);
    const struct model_alarm *cfg = &m->alarms[alarm];
    bool has_limit = alarm_kind_has_limit((enum alarm_kind)cfg->kind);
    key_time(out, "raised", v->raised_us);
    key_time(out, "changed", v->changed_us);
    key_number(out, "value", v->raised_us == 0 ? (double)NAN : v->value);
    key_number(out, "limit", has_limit ? shown_amount(cfg, v->limit) : (double)NAN);
    char unit[ALARM_UNIT_SIZE];
    view_string(out, "unit", slice_str(core_alarm_unit(core, alarm, unit)));
    key_number(out, "accumulated", shown_amount(cfg, core_alarm_accumulated(core, alarm)));
}

static void write_rules(struct buf *out, const struct model *m, uint32_t alarm) {
    const struct model_alarm *cfg = &m->alarms[alarm];
    key_bool(out, "shelvable", model_alarm_is(cfg, ALARM_SHELVABLE));
    key_number(out, "max_shelve_s", (double)model_alarm_more(m, alarm)->max_shelve_us / 1e6);
    key_bool(out, "comment_required", model_alarm_is(cfg, ALARM_COMMENT));
}

void view_alarm_open(struct buf *out, const struct core *core, const struct config_set *config,
                     uint32_t alarm) {
    const struct model *m = core_model(core);
    CHECK(alarm < m->n_alarms);
    struct alarm_view v = core_alarm(core, alarm);
    write_place(out, m, config, alarm);
    buf_printf(out,
               ",\"priority\":%u,\"letter\":\"%c\",\"base\":\"%c\",\"occ\":%u,\"call\":%u,\"since_ack\":%u",
               v.priority, v.letter, v.base, v.occ, v.call, v.occ - v.acked_occ);
    write_numbers(out, core, alarm, &v);
    buf_text(out, ",\"message\":");
    view_text(out, &m->alarm_texts[alarm].message, m->alarm_texts[alarm].name);
    key_actor(out, "acked_by", v.acked_us == 0 ? "" : v.acked_by);
    key_time(out, "acked_at", v.acked_us);
    key_bool(out, "untrusted", v.untrusted);
    key_time(out, "untrusted_since", v.untrusted_us);
    key_bool(out, "ring", v.ring);
    key_bool(out, "confirm_due", v.confirm_due);
    key_bool(out, "latched", v.latched);
    key_bool(out, "first", v.first);
    key_bool(out, "chatter", v.chatter);
    key_bool(out, "retain", v.retain);
    key_bool(out, "pending", v.pending);
    key_bool(out, "suspect", v.suspect);
    write_hidden(out, core, alarm, &v);
    write_rules(out, m, alarm);
}

void view_alarm(struct buf *out, const struct core *core, const struct config_set *config, uint32_t alarm) {
    view_alarm_open(out, core, config, alarm);
    buf_byte(out, '}');
}

void view_counts(struct buf *out, const struct core_counts *c) {
    buf_printf(out, "\"unacked\":[%u,%u,%u,%u,%u]", c->unacked[0], c->unacked[1], c->unacked[2],
               c->unacked[3], c->unacked[4]);
    buf_printf(out,
               ",\"active\":%u,\"shelved\":%u,\"suppressed\":%u,\"oos\":%u,\"disabled\":%u,"
               "\"untrusted\":%u,\"flood\":%u,\"flooded\":%s",
               c->active, c->shelved, c->suppressed, c->out_of_service, c->disabled, c->untrusted, c->flood,
               c->flooded ? "true" : "false");
}

/* --- a record */

/* Records of before base letters were kept have none. */
static void key_letter(struct buf *out, const char *key, char letter) {
    view_name(out, key, slice_of(&letter, letter == '\0' ? 0 : 1));
}

void view_record(struct buf *out, const struct alarm_record *r, struct slice alarm_name) {
    buf_printf(out, "{\"seq\":%llu,\"n\":%llu", (unsigned long long)r->seq, (unsigned long long)r->n);
    view_name(out, "alarm", alarm_name);
    view_string(out, "kind", slice_str(alarm_record_kind_name(r->kind)));
    key_letter(out, "from", r->from);
    key_letter(out, "to", r->to);
    key_letter(out, "base", r->base);
    buf_printf(out, ",\"occ\":%u,\"call\":%u,\"priority\":%u", r->occ, r->call, r->priority);
    key_bool(out, "ring", (r->flags & RECORD_RING) != 0);
    key_bool(out, "chatter", (r->flags & RECORD_CHATTER) != 0);
    key_bool(out, "first", (r->flags & RECORD_FIRST) != 0);
    key_bool(out, "auto", (r->flags & RECORD_AUTO) != 0);
    key_bool(out, "suspect", (r->flags & RECORD_SUSPECT) != 0);
    key_bool(out, "hidden", (r->flags & RECORD_HIDDEN) != 0);
    key_bool(out, "untrusted", (r->flags & RECORD_UNTRUSTED) != 0);
    view_string(out, "cause", slice_str(alarm_cause_name(r->cause)));
    view_name(out, "reason", slice_str(unshelve_reason_name(r->unshelved)));
    key_time(out, "src", r->src_us);
    key_time(out, "at", r->at_us);
    key_time(out, "until", r->until_us);
    key_number(out, "value", r->value);
    key_number(out, "limit", r->limit);
    view_string(out, "unit", slice_str(r->unit));
    buf_printf(out, ",\"quality\":%u", r->quality);
    key_actor(out, "actor", r->actor);
    view_string(out, "desk", slice_str(r->desk));
    view_string(out, "source", slice_str(r->source));
    view_string(out, "comment", slice_str(r->comment));
    buf_byte(out, '}');
}

/* --- an alarm as it was */

static void write_past_note(struct buf *out, int64_t since_us, struct slice by, struct slice reason) {
    buf_text(out, "\"since\":");
    view_time(out, since_us);
    view_name(out, "by", by);
    view_string(out, "reason", reason);
    buf_byte(out, '}');
}

static void write_past_hidden(struct buf *out, const struct state_row *row) {
    const struct alarm_record *r = &row->record;
    buf_text(out, ",\"shelved\":");
    if ((r->facts & FACT_SHELVED) != 0) {
        buf_text(out, "{\"until\":");
        view_time(out, r->until_us);
        buf_printf(out, ",\"one_shot\":%s,", (r->facts & FACT_ONE_SHOT) != 0 ? "true" : "false");
        write_past_note(out, row->shelved_us, row->shelved_by, row->shelved_reason);
    } else {
        buf_text(out, "null");
    }
    buf_text(out, ",\"out_of_service\":");
    if ((r->facts & FACT_OUT_OF_SERVICE) != 0) {
        buf_byte(out, '{');
        write_past_note(out, row->out_of_service_us, row->out_of_service_by, row->out_of_service_reason);
    } else {
        buf_text(out, "null");
    }
    buf_text(out, ",\"suppressed_by\":");
    if (row->suppressors.n == 0) {
        buf_text(out, "[]");
    } else {
        buf_append(out, row->suppressors.p, row->suppressors.n);
    }
}

void view_state(struct buf *out, const struct state_row *row) {
    const struct alarm_record *r = &row->record;
    bool acked = row->acked_us != 0 && row->acked_occ == r->occ;
    buf_printf(out, "{\"seq\":%llu", (unsigned long long)r->seq);
    view_name(out, "name", row->alarm_name);
    view_name(out, "position", row->position);
    key_letter(out, "letter", r->to);
    key_letter(out, "base", r->base);
    buf_printf(out, ",\"occ\":%u,\"call\":%u,\"since_ack\":%u,\"priority\":%u", r->occ, r->call,
               r->occ - r->acked_occ, r->priority);
    key_time(out, "raised", r->raised_us);
    key_time(out, "changed", r->at_us);
    key_number(out, "value", r->value);
    key_number(out, "limit", r->limit);
    view_string(out, "unit", slice_str(r->unit));
    view_name(out, "acked_by", acked ? row->acked_by : (struct slice){0});
    key_time(out, "acked_at", acked ? row->acked_us : 0);
    key_bool(out, "latched", (r->facts & FACT_LATCHED) != 0);
    key_bool(out, "confirm_due", (r->facts & FACT_CONFIRM_DUE) != 0);
    key_bool(out, "untrusted", (r->flags & RECORD_UNTRUSTED) != 0);
    write_past_hidden(out, row);
    buf_byte(out, '}');
}

void view_item(struct buf *out, struct slice body, int64_t revision) {
    /* A canonical body is a compact object with at least its name. */
    CHECK(body.n > 2);
    CHECK(body.p[body.n - 1] == '}');
    buf_append(out, body.p, body.n - 1);
    buf_printf(out, ",\"revision\":%lld}", (long long)revision);
}

void view_live(struct buf *out, const struct core *core, uint32_t tag, int64_t now_us) {
    struct tag_live v = core_tag(core, tag);
    buf_printf(out, "[%u,", tag);
    buf_json_number(out, v.value);
    if (v.t_us == 0) {
        buf_printf(out, ",%u,null]", v.quality);
    } else {
        buf_printf(out, ",%u,%lld]", v.quality, (long long)((now_us - v.t_us) / 1000));
    }
}
