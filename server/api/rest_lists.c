#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/base/tm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- sites */

static void write_site(struct api *a, struct buf *out, const struct config_item *item) {
    const struct model *m = core_model(a->core);
    uint32_t i = model_find_site(m, item->name);
    const struct model_site *site = &m->sites[i];
    buf_text(out, "{\"name\":");
    buf_json_string(out, site->name);
    buf_text(out, ",\"title\":");
    view_text(out, &site->title, site->name);
    view_string(out, "area", site->area);
    view_string(out, "kind", site->kind);
    buf_text(out, ",\"gateways\":[");
    bool first = true;
    for (uint32_t g = 0; g < m->n_gateways; g++) {
        if (m->gateways[g].site == i) {
            if (!first) {
                buf_byte(out, ',');
            }
            buf_json_string(out, m->gateways[g].name);
            first = false;
        }
    }
    buf_printf(out, "],\"tags\":%u,\"revision\":%lld}", site->n_tags, (long long)item->revision);
}

void rest_sites(struct api *a, struct http_request *r) {
    const struct config_item *item = NULL;
    bool first = true;
    buf_text(&r->out, "{\"sites\":[");
    for (uint32_t i = 0; (item = config_set_at(a->config, CONFIG_SITE, i)) != NULL; i++) {
        if (model_find_site(core_model(a->core), item->name) == MODEL_NONE) {
            continue;
        }
        if (!first) {
            buf_byte(&r->out, ',');
        }
        write_site(a, &r->out, item);
        first = false;
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}

/* --- gateways */

static void key_time(struct buf *out, const char *key, int64_t t_us) {
    buf_printf(out, ",\"%s\":", key);
    view_time(out, t_us);
}

/* What its last session has shown; null where none is known since this server started. */
static void write_certificate(struct buf *out, const struct api_gateway *s) {
    if (s->certificate == NULL || s->certificate_ends_us == 0) {
        buf_text(out, ",\"certificate\":null");
        return;
    }
    buf_text(out, ",\"certificate\":{\"fingerprint\":\"");
    for (size_t i = 0; i < IDENTITY_HASH_SIZE; i++) {
        buf_printf(out, "%02x", s->certificate[i]);
    }
    buf_text(out, "\",\"until\":");
    view_time(out, s->certificate_ends_us);
    buf_byte(out, '}');
}

/* ,"key":{"until","reason"}, or null. */
static void write_until(struct buf *out, const char *key, int64_t until_us, const char *why) {
    buf_printf(out, ",\"%s\":", key);
    if (until_us == 0) {
        buf_text(out, "null");
        return;
    }
    buf_text(out, "{\"until\":");
    view_time(out, until_us);
    view_string(out, "reason", slice_str(why));
    buf_byte(out, '}');
}

/* What it tells of itself, as it is now; null where it told nothing since the server started. */
static void write_health(struct buf *out, const struct gateway_health *h) {
    if (h == NULL || h->at_us == 0) {
        buf_text(out, ",\"health\":null");
        return;
    }
    buf_text(out, ",\"health\":{\"at\":");
    view_time(out, h->at_us);
    for (int i = 0; i < GATEWAY_FIGURES; i++) {
        buf_printf(out, ",\"%s\":", gateway_figure_name((enum gateway_figure)i));
        if (!h->known[i]) {
            buf_text(out, "null");
        } else if (i == GATEWAY_LINK) {
            buf_text(out, h->figures[i] != 0 ? "true" : "false");
        } else {
            buf_printf(out, "%lld", (long long)h->figures[i]);
        }
    }
    buf_text(out, ",\"devices\":[");
    for (uint32_t i = 0; i < h->n_devices; i++) {
        buf_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_json_string(out, slice_str(h->devices[i].name));
        buf_printf(out, ",\"up\":%s}", h->devices[i].up ? "true" : "false");
    }
    buf_text(out, "]}");
}

/* What is known of its clock beside the offset. */
static void write_clock(struct buf *out, const struct api_gateway *s) {
    bool heard = s->since_us != 0 && s->software[0] != '\0';
    buf_text(out, ",\"clock_error_ms\":");
    if (heard && s->clock_measure_us >= 0) {
        buf_json_number(out, (double)s->clock_measure_us / 1000.0);
    } else {
        buf_text(out, "null");
    }
    if (heard) {
        view_string(out, "clock_source", slice_str(s->clock_source));
        buf_text(out, ",\"clock_said_error_ms\":");
        buf_json_number(out, (double)s->clock_said_us / 1000.0);
        buf_printf(out, ",\"clock_synchronised\":%s", s->clock_unsynced ? "false" : "true");
    } else {
        buf_text(out, ",\"clock_source\":null,\"clock_said_error_ms\":null,\"clock_synchronised\":null");
    }
    buf_printf(out, ",\"clock_off\":%s", s->clock_off ? "true" : "false");
}

static void write_gateway(struct api *a, struct buf *out, uint32_t i, int64_t revision) {
    const struct model *m = core_model(a->core);
    const struct model_gateway *g = &m->gateways[i];
    struct api_gateway s = {0};
    a->host.gateway(a->host.ctx, i, &s);
    buf_text(out, "{\"name\":");
    buf_json_string(out, g->name);
    view_string(out, "site", m->sites[g->site].name);
    buf_text(out, ",\"title\":");
    view_text(out, &g->title, g->name);
    buf_printf(out, ",\"enabled\":%s,\"up\":%s", g->enabled ? "true" : "false", s.up ? "true" : "false");
    key_time(out, "since", s.since_us);
    view_string(out, "peer", slice_str(s.peer));
    view_string(out, "software", slice_str(s.software));
    buf_printf(out,
               ",\"records\":%llu,\"duplicates\":%llu,\"quarantined\":%llu,\"unknown_tags\":%llu,"
               "\"backlog_bytes\":%llu",
               (unsigned long long)s.records, (unsigned long long)s.duplicates,
               (unsigned long long)s.quarantined, (unsigned long long)s.unknown_tags,
               (unsigned long long)s.backlog_bytes);
    key_time(out, "oldest_sample", s.oldest_sample_us);
    buf_printf(out, ",\"dropped_total\":%llu,\"clock_offset_ms\":", (unsigned long long)s.dropped_total);
    buf_json_number(out, (double)s.clock_offset_us / 1000.0);
    write_clock(out, &s);
    key_time(out, "last_seen", s.last_seen_us);
    view_string(out, "fault", slice_str(s.fault));
    write_certificate(out, &s);
    write_health(out, s.health);
    write_until(out, "suspended", s.suspended_until_us, s.suspended_why);
    write_until(out, "duplicate", s.duplicate_until_us, s.duplicate_why);
    buf_printf(out, ",\"revision\":%lld}", (long long)revision);
}

void rest_gateways(struct api *a, struct http_request *r) {
    const struct config_item *item = NULL;
    bool first = true;
    buf_text(&r->out, "{\"gateways\":[");
    for (uint32_t i = 0; (item = config_set_at(a->config, CONFIG_GATEWAY, i)) != NULL; i++) {
        uint32_t g = model_find_gateway(core_model(a->core), item->name);
        if (g == MODEL_NONE) {
            continue;
        }
        if (!first) {
            buf_byte(&r->out, ',');
        }
        write_gateway(a, &r->out, g, item->revision);
        first = false;
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}

void rest_gateway_release(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_GATEWAY_RELEASE, .actor = api_actor(r)};
    if (r->vars[0].n >= sizeof q.release.gateway) {
        http_failed(r, ERR_NOT_FOUND, NULL);
        return;
    }
    (void)snprintf(q.release.gateway, sizeof q.release.gateway, "%.*s", SLICE_ARG(r->vars[0]));
    api_ask_for(a, r, &q, api_then_done);
}

/* --- tags */

static void write_tag(const struct core *core, struct buf *out, uint32_t i, int64_t revision) {
    const struct model *m = core_model(core);
    const struct model_tag *t = &m->tags[i];
    struct tag_live v = core_tag(core, i);
    buf_text(out, "{\"name\":");
    buf_json_string(out, t->name);
    view_string(out, "site", m->sites[t->site].name);
    if (t->gateway == MODEL_NONE) {
        buf_text(out, ",\"gateway\":null"); /* calculated */
    } else {
        view_string(out, "gateway", m->gateways[t->gateway].name);
    }
    buf_printf(out, ",\"stored\":%s,\"title\":", t->gateway == MODEL_NONE ? "false" : "true");
    view_text(out, &t->title, t->local);
    view_string(out, "type", slice_str(tag_type_name(t->type)));
    view_string(out, "unit", t->unit);
    const struct {
        const char *key;
        double number;
    } numbers[] = {{"low", t->low},           {"high", t->high},
                   {"scale", t->scale},       {"offset", t->offset},
                   {"deadband", t->deadband}, {"stale_s", (double)t->stale_us / (double)TM_SECOND_US},
                   {"decimals", t->decimals}};
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        buf_printf(out, ",\"%s\":", numbers[n].key);
        buf_json_number(out, numbers[n].number);
    }
    view_string(out, "interpolate", slice_str(t->stepped ? "step" : "linear"));
    buf_printf(out, ",\"counter\":%s,\"modulus\":", t->counter ? "true" : "false");
    buf_json_number(out, t->modulus);
    view_string(out, "equipment", t->equipment);
    view_string(out, "role", t->role);
    buf_text(out, ",\"states\":[");
    for (uint32_t n = 0; n < t->n_states; n++) {
        if (n > 0) {
            buf_byte(out, ',');
        }
        buf_json_string(out, t->states[n]);
    }
    buf_printf(out, "],\"cost\":%u", core_tag_cost(core, i));
    buf_printf(out, ",\"revision\":%lld,\"value\":", (long long)revision);
    buf_json_number(out, v.value);
    buf_printf(out, ",\"quality\":%u", v.quality);
    key_time(out, "time", v.t_us);
    key_time(out, "received", v.received_us);
    buf_byte(out, '}');
}

struct tag_filter {
    struct slice site;
    struct slice q;
    bool has_site;
};

static bool contains(struct slice text, struct slice part) {
    for (size_t i = 0; part.n <= text.n && i <= text.n - part.n; i++) {
        if (strncasecmp(text.p + i, part.p, part.n) == 0) {
            return true;
        }
    }
    return part.n == 0;
}

static bool tag_passes(const struct model *m, const struct model_tag *t, const struct tag_filter *f) {
    if (f->has_site && !slice_eq(m->sites[t->site].name, f->site)) {
        return false;
    }
    return f->q.n == 0 || contains(t->name, f->q) || contains(t->title.en, f->q) ||
           contains(t->title.zh, f->q);
}

/* Bytes first, length after: the order in which config_set_at gives names. */
static bool name_above(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int rc = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return rc > 0 || (rc == 0 && a.n > b.n);
}

/* The first item behind `after`. */
static uint32_t first_after(const struct config_set *set, enum config_kind kind, struct slice after) {
    uint32_t low = 0;
    uint32_t high = config_set_count(set, kind);
    while (low < high && after.n > 0) {
        uint32_t middle = low + (high - low) / 2;
        if (name_above(config_set_at(set, kind, middle)->name, after)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void refuse_param(struct http_request *r, const char *name, const char *right) {
    struct config_fault fault = {.pointer = ""};
    (void)snprintf(fault.pointer, sizeof fault.pointer, "?%s", name);
    (void)snprintf(fault.text, sizeof fault.text, "%s", right);
    http_faults(r, 400, "a query parameter is not as it should be", &fault, 1);
}

void rest_tags(struct api *a, struct http_request *r) {
    enum { LIMIT_DEFAULT = 1000, LIMIT_MAX = 5000 };
    const struct model *m = core_model(a->core);
    struct tag_filter filter = {{0}, {0}, false};
    struct slice after = {0};
    int64_t limit = LIMIT_DEFAULT;
    filter.has_site = http_param(r, "site", &filter.site);
    (void)http_param(r, "q", &filter.q);
    (void)http_param(r, "after", &after);
    if (!http_param_number(r, "limit", 1, LIMIT_MAX, &limit)) {
        refuse_param(r, "limit", "must be 1 to 5000");
        return;
    }
    struct slice last = {0};
    bool more = false;
    int64_t n = 0;
    const struct config_item *item = NULL;
    buf_text(&r->out, "{\"tags\":[");
    for (uint32_t i = first_after(a->config, CONFIG_TAG, after);
         (item = config_set_at(a->config, CONFIG_TAG, i)) != NULL; i++) {
        uint32_t tag = model_find_tag(m, item->name);
        if (tag == MODEL_NONE || !tag_passes(m, &m->tags[tag], &filter)) {
            continue;
        }
        if (n == limit) {
            more = true;
            break;
        }
        if (n > 0) {
            buf_byte(&r->out, ',');
        }
        write_tag(a->core, &r->out, tag, item->revision);
        last = item->name;
        n++;
    }
    buf_text(&r->out, "],\"next\":");
    if (more) {
        buf_json_string(&r->out, last);
    } else {
        buf_text(&r->out, "null");
    }
    buf_byte(&r->out, '}');
    http_json(r, 200);
}

/* --- alarm settings */

void rest_alarm_settings(struct api *a, struct http_request *r) {
    const struct model *m = core_model(a->core);
    struct slice site = {0};
    struct slice tag = {0};
    bool has_site = http_param(r, "site", &site);
    bool has_tag = http_param(r, "tag", &tag);
    const struct config_item *item = NULL;
    bool first = true;
    buf_text(&r->out, "{\"settings\":[");
    for (uint32_t i = 0; (item = config_set_at(a->config, CONFIG_ALARM, i)) != NULL; i++) {
        uint32_t at = model_find_alarm(m, item->name);
        if (at == MODEL_NONE || (has_site && !slice_eq(m->sites[m->alarms[at].site].name, site)) ||
            (has_tag &&
             (m->alarms[at].tag == MODEL_NONE || !slice_eq(m->tags[m->alarms[at].tag].name, tag)))) {
            continue;
        }
        if (!first) {
            buf_byte(&r->out, ',');
        }
        view_item(&r->out, item->body, item->revision);
        first = false;
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}
