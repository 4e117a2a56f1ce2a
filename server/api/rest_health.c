#include "server/api/openapi_json.h"
#include "server/api/rest.h"
#include "server/api/view.h"

#include <string.h>

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
    buf_text(&r->out, ",\"revocation_list\":{\"ends\":");
    view_time(&r->out, h.crl_ends_us);
    buf_printf(&r->out, ",\"due\":%s},\"expired_samples\":%llu", h.crl_due ? "true" : "false",
               (unsigned long long)h.expired);
    view_string(&r->out, "build", slice_str(a->build));
    buf_byte(&r->out, '}');
    http_json(r, starting ? 503 : 200);
}

void rest_openapi(struct api *a, struct http_request *r) {
    (void)a;
    http_shared(r, 200, "application/json", slice_of(openapi_json, openapi_json_size));
}
