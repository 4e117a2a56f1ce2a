#include "server/api/live_priv.h"
#include "server/api/view.h"

static void write_time(struct buf *out, int64_t now_us) {
    buf_printf(out, "\"T\":%lld", (long long)(now_us / 1000));
}

void live_write_hello(const struct live_client *c, struct buf *out, int64_t now_us) {
    const struct api *a = c->live->api;
    buf_printf(out, "{\"op\":\"hello\",\"e\":\"%s\",\"n\":%llu,", a->epoch,
               (unsigned long long)c->live->ring.newest);
    write_time(out, now_us);
    view_string(out, "build", slice_str(a->build));
    view_string(out, "user", slice_str(c->user.name));
    view_string(out, "role", slice_str(role_name(c->user.role)));
    buf_byte(out, '}');
}

void live_write_status(const struct live *l, struct buf *out, int64_t now_us) {
    const struct api *a = l->api;
    struct api_health h;
    a->host.health(a->host.ctx, &h);
    buf_text(out, "{\"op\":\"status\",");
    write_time(out, now_us);
    view_string(out, "store", slice_str(h.store));
    view_string(out, "text", slice_str(h.store_text));
    buf_text(out, ",\"gateways\":[");
    uint32_t n = a->core == NULL ? 0 : core_model(a->core)->n_gateways;
    for (uint32_t i = 0; i < n; i++) {
        int64_t since_us = 0;
        bool up = core_link_up(a->core, i, &since_us);
        buf_text(out, i > 0 ? ",[" : "[");
        buf_json_string(out, core_model(a->core)->gateways[i].name);
        buf_printf(out, ",%s,%lld]", up ? "true" : "false", (long long)(since_us / 1000));
    }
    buf_text(out, "]}");
}

void live_write_snapshot(struct live_client *c, const struct live_sub *s, struct buf *out, int64_t now_us) {
    const struct core *core = c->live->api->core;
    const struct model *m = core_model(core);
    c->n_values++;
    buf_printf(out, "{\"op\":\"snap\",\"id\":%lld,\"n\":%llu,", (long long)s->id,
               (unsigned long long)c->n_values);
    write_time(out, now_us);
    buf_text(out, ",\"tags\":[");
    for (uint32_t i = 0; i < s->n; i++) {
        buf_printf(out, i > 0 ? ",[%u," : "[%u,", s->tags[i]);
        buf_json_string(out, m->tags[s->tags[i]].name);
        buf_byte(out, ']');
    }
    buf_text(out, "],\"v\":[");
    for (uint32_t i = 0; i < s->n; i++) {
        if (i > 0) {
            buf_byte(out, ',');
        }
        view_live(out, core, s->tags[i], now_us);
        conflate_clear(&c->tags, s->tags[i]);
    }
    buf_text(out, "]}");
}

void live_write_values(struct live_client *c, struct buf *out, int64_t now_us) {
    enum { ONE_VALUE_MAX = 96 };
    c->n_values++;
    buf_printf(out, "{\"op\":\"d\",\"n\":%llu,", (unsigned long long)c->n_values);
    write_time(out, now_us);
    buf_text(out, ",\"v\":[");
    uint32_t tag = 0;
    bool first = true;
    while (out->n < WEB_PIECE_MAX - ONE_VALUE_MAX && conflate_take(&c->tags, &tag)) {
        if (!first) {
            buf_byte(out, ',');
        }
        first = false;
        view_live(out, c->live->api->core, tag, now_us);
    }
    buf_text(out, "]}");
}

void live_write_beat(const struct live_client *c, struct buf *out, int64_t now_us) {
    buf_text(out, "{\"op\":\"hb\",");
    struct api_health h;
    const struct api *a = c->live->api;
    a->host.health(a->host.ctx, &h);
    write_time(out, now_us);
    buf_printf(out, ",\"n\":[%llu,%llu],\"j\":%llu}", (unsigned long long)c->n_values,
               (unsigned long long)c->alarm_sent, (unsigned long long)h.journaled_seq);
}

void live_write_silence(const struct live *l, uint32_t which, struct buf *out) {
    buf_printf(out,
               "{\"op\":\"silence\",\"n\":%llu,\"position\":", (unsigned long long)l->silences[which].after);
    if (which < MODEL_POSITIONS_MAX) {
        buf_json_string(out, view_position(core_model(l->api->core), which));
    } else {
        buf_text(out, "null");
    }
    buf_byte(out, '}');
}

void live_write_counts(const struct live *l, struct buf *out) {
    buf_text(out, "{\"op\":\"counts\",");
    view_counts(out, &l->counts);
    buf_byte(out, '}');
}

void live_write_alarm(const struct live *l, const struct alarm_record *r, struct buf *out) {
    const struct core *core = l->api->core;
    bool present = core != NULL && r->alarm < core_model(core)->n_alarms;
    buf_printf(out, "{\"op\":\"alarm\",\"n\":%llu,\"a\":", (unsigned long long)r->seq);
    if (present) {
        view_alarm(out, core, l->api->config, r->alarm);
    } else {
        buf_text(out, "null");
    }
    buf_text(out, ",\"r\":");
    view_record(out, r, present ? core_model(core)->alarm_texts[r->alarm].name : slice_str(""));
    buf_byte(out, '}');
}
