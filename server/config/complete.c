#include "server/base/buf.h"
#include "server/base/check.h"
#include "server/config/item.h"

enum { COMM_PRIORITY = 2, COMM_DELAY_S = 30, BODY_BYTES_MAX = 4096 };

static const struct item *item_at(const struct config_set *set, enum config_kind kind, uint32_t i) {
    /* pub is the item's first member */
    return (const struct item *)(const void *)config_set_at(set, kind, i);
}

static void write_name(struct buf *out, struct slice site, struct slice gateway) {
    buf_printf(out, "%.*s/%.*s.comm", SLICE_ARG(site), SLICE_ARG(gateway));
}

static void write_body(struct buf *out, struct slice name, struct slice gateway) {
    buf_printf(
        out, "{\"gateway\":\"%.*s\",\"kind\":\"comm\",\"message\":{\"en\":\"No connection to gateway %.*s\",",
        SLICE_ARG(gateway), SLICE_ARG(gateway));
    buf_printf(out, "\"zh\":\"与网关 %.*s 的通信中断\"},\"name\":\"%.*s\",\"on_delay_s\":%d,\"priority\":%d}",
               SLICE_ARG(gateway), SLICE_ARG(name), (int)COMM_DELAY_S, (int)COMM_PRIORITY);
}

static enum status put(struct config_set *set, struct slice name, struct slice body, struct error *err) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_set_put(set, CONFIG_ALARM, name, body, 0, 0, faults, &n);
    if (status != OK) {
        (void)error_set(err, status, "configuration", "the comm alarm \"%.*s\" cannot be added: %s",
                        SLICE_ARG(name), n > 0 ? faults[0].text : status_name(status));
    }
    return status;
}

/* The comm alarm of a gateway, if it is not there. */
static enum status add_missing(struct config_set *set, const struct item *gateway, config_on_change on_change,
                               void *ctx, struct error *err) {
    struct buf name;
    struct buf body;
    buf_init(&name, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    write_name(&name, gateway->parsed.site, gateway->pub.name);
    write_body(&body, buf_slice(&name), gateway->pub.name);
    enum status status = OK;
    if (name.failed || body.failed) {
        status = error_set(err, ERR_NOMEM, "configuration", "no memory for a comm alarm");
    } else if (config_set_find(set, CONFIG_ALARM, buf_slice(&name)) == NULL) {
        status = put(set, buf_slice(&name), buf_slice(&body), err);
        if (status == OK && on_change != NULL) {
            const struct config_item *item = config_set_find(set, CONFIG_ALARM, buf_slice(&name));
            on_change(ctx, CONFIG_ALARM, item->name, item->body);
        }
    }
    buf_done(&name);
    buf_done(&body);
    return status;
}

/* A comm alarm stays while its gateway is there and of the site that the alarm's name says. */
static bool has_gateway(const struct config_set *set, const struct item *alarm) {
    const struct config_item *gateway = config_set_find(set, CONFIG_GATEWAY, alarm->parsed.gateway);
    return gateway != NULL &&
           slice_eq(((const struct item *)(const void *)gateway)->parsed.site, item_site_of(alarm->pub.name));
}

enum status config_set_complete(struct config_set *set, config_on_change on_change, void *ctx,
                                struct error *err) {
    for (uint32_t i = config_set_count(set, CONFIG_ALARM); i > 0; i--) {
        const struct item *alarm = item_at(set, CONFIG_ALARM, i - 1);
        if (alarm->parsed.alarm_kind != ALARM_COMM || has_gateway(set, alarm)) {
            continue;
        }
        if (on_change != NULL) {
            on_change(ctx, CONFIG_ALARM, alarm->pub.name, (struct slice){0});
        }
        enum status removed = config_set_remove(set, CONFIG_ALARM, alarm->pub.name);
        CHECK(removed == OK);
    }
    const struct item *gateway = NULL;
    for (uint32_t i = 0; (gateway = item_at(set, CONFIG_GATEWAY, i)) != NULL; i++) {
        enum status status = add_missing(set, gateway, on_change, ctx, err);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}
