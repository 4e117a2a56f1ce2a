#include "server/api/openapi_json.h"
#include "server/api/rest.h"
#include "server/api/view.h"

#include <string.h>

static void audit_exports(struct buf *out, const struct api_audit *v) {
    buf_text(out, ",\"exports\":[");
    for (uint32_t i = 0; i < v->n_exports; i++) {
        buf_printf(out, "%s{\"name\":\"%s\",\"state\":\"%s\",\"position\":%lld,\"waiting_s\":%lld}",
                   i == 0 ? "" : ",", v->exports[i].name, v->exports[i].state, (long long)v->exports[i].pos,
                   (long long)(v->exports[i].waiting_us / 1000000));
    }
    buf_text(out, "]}");
}

static void audit_health(struct buf *out, const struct api_audit *v) {
    buf_printf(out,
               ",\"audit\":{\"sealing\":%s,\"sealed\":%lld,\"sealed_at\":", v->sealing ? "true" : "false",
               (long long)v->sealed);
    view_time(out, v->sealed_us);
    buf_printf(out, ",\"signed\":%s,\"checkpoint\":%lld,\"checkpoint_at\":", v->signs ? "true" : "false",
               (long long)v->checkpoint);
    view_time(out, v->checkpoint_us);
    buf_text(out, ",\"broken_at\":");
    view_time(out, v->broken_us);
    audit_exports(out, v);
}

void rest_health(struct api *a, struct http_request *r) {
    struct api_health h;
    a->host.health(a->host.ctx, &h);
    bool starting = a->core == NULL;
    bool ok = strcmp(h.store, "ok") == 0;
    const char *status = starting ? "starting" : (ok ? "ok" : "degraded");
    buf_printf(&r->out, "{\"status\":\"%s\",\"store\":{\"state\":", status);
    buf_json_string(&r->out, slice_str(h.store));
    buf_printf(&r->out, ",\"lag_ms\":%lld", (long long)(h.store_lag_us / 1000));
    view_string(&r->out, "text", slice_str(h.store_text));
    buf_text(&r->out, "},\"started\":");
    view_time(&r->out, h.started_us);
    buf_printf(&r->out, ",\"loop_lag_ms\":%lld,\"journal\":{\"seq\":%llu,\"durable\":%llu}",
               (long long)(h.loop_lag_us / 1000), (unsigned long long)h.journal_seq,
               (unsigned long long)h.journaled_seq);
    buf_printf(&r->out,
               ",\"packing\":{\"lag_s\":%lld,\"rows\":%lld,\"samples\":%llu,\"chunks\":%llu,\"pruned\":%llu,"
               "\"damaged\":%llu",
               (long long)(h.packing.lag_us / 1000000), (long long)h.packing.rows,
               (unsigned long long)h.packing.samples, (unsigned long long)h.packing.chunks,
               (unsigned long long)h.packing.pruned, (unsigned long long)h.packing.damaged);
    view_string(&r->out, "text", slice_str(h.packing.text));
    buf_text(&r->out, "},\"revocation_list\":{\"ends\":");
    view_time(&r->out, h.crl_ends_us);
    buf_printf(&r->out, ",\"due\":%s},\"expired_samples\":%llu,\"spool_aside\":%u,\"spool_room\":%lld",
               h.crl_due ? "true" : "false", (unsigned long long)h.expired, h.spool_asides,
               (long long)h.spool_room);
    audit_health(&r->out, &h.audit);
    view_string(&r->out, "build", slice_str(a->build));
    buf_byte(&r->out, '}');
    http_json(r, starting ? 503 : 200);
}

void rest_openapi(struct api *a, struct http_request *r) {
    (void)a;
    http_shared(r, 200, "application/json", slice_of(openapi_json, openapi_json_size));
}
