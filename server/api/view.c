#include "server/api/view.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <math.h>

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

void view_alarm(struct buf *out, const struct core *core, uint32_t alarm) {
    const struct model *m = core_model(core);
    CHECK(alarm < m->n_alarms);
    const struct model_alarm *cfg = &m->alarms[alarm];
    struct alarm_view v = core_alarm(core, alarm);
    bool has_tag = cfg->tag != MODEL_NONE;
    bool has_limit = alarm_kind_has_limit((enum alarm_kind)cfg->kind);
    buf_text(out, "{\"name\":");
    buf_json_string(out, m->alarm_texts[alarm].name);
    view_string(out, "site", m->sites[cfg->site].name);
    if (has_tag) {
        view_string(out, "tag", m->tags[cfg->tag].name);
    } else {
        buf_text(out, ",\"tag\":null");
    }
    view_string(out, "gateway", m->gateways[cfg->gateway].name);
    buf_printf(out, ",\"kind\":\"%s\",\"priority\":%u,\"letter\":\"%c\",\"occ\":%u,\"call\":%u",
               alarm_kind_name((enum alarm_kind)cfg->kind), v.priority, v.letter, v.occ, v.call);
    key_time(out, "raised", v.raised_us);
    key_time(out, "changed", v.changed_us);
    key_number(out, "value", v.raised_us == 0 ? (double)NAN : v.value);
    key_number(out, "limit", has_limit ? cfg->limit : (double)NAN);
    view_string(out, "unit", has_tag ? m->tags[cfg->tag].unit : slice_str(""));
    buf_text(out, ",\"message\":");
    view_text(out, &m->alarm_texts[alarm].message, m->alarm_texts[alarm].name);
    key_actor(out, "acked_by", v.acked_us == 0 ? "" : v.acked_by);
    key_time(out, "acked_at", v.acked_us);
    buf_printf(out, ",\"untrusted\":%s}", v.untrusted ? "true" : "false");
}

void view_record(struct buf *out, const struct alarm_record *r, struct slice alarm_name) {
    buf_printf(out, "{\"seq\":%llu,\"n\":%llu,\"alarm\":", (unsigned long long)r->seq,
               (unsigned long long)r->n);
    if (alarm_name.n == 0) {
        buf_text(out, "null");
    } else {
        buf_json_string(out, alarm_name);
    }
    buf_printf(out, ",\"kind\":\"%s\",\"from\":\"%c\",\"to\":\"%c\",\"occ\":%u,\"call\":%u,\"priority\":%u",
               alarm_record_kind_name(r->kind), r->from, r->to, r->occ, r->call, r->priority);
    key_time(out, "src", r->src_us);
    key_time(out, "at", r->at_us);
    key_number(out, "value", r->value);
    key_number(out, "limit", r->limit);
    buf_printf(out, ",\"quality\":%u", r->quality);
    key_actor(out, "actor", r->actor);
    view_string(out, "comment", slice_str(r->comment));
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
