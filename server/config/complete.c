#include "server/base/buf.h"
#include "server/base/check.h"
#include "server/config/alarm_item.h"

enum { BODY_BYTES_MAX = 4096 };

/* What a gateway's own alarms say if nobody has said otherwise. */
static const struct {
    enum alarm_kind kind;
    const char *en; /* the gateway's name follows */
    const char *zh[2];
    const char *rest;
} own_alarms[] = {
    {ALARM_COMM, "No connection to gateway", {"与网关", "的通信中断"}, "\"after_s\":30,\"priority\":2"},
    {ALARM_CLOCK,
     "The clock is wrong in gateway",
     {"网关", "的时钟不正确"},
     "\"off_delay_s\":60,\"priority\":3"},
};

static const struct item *item_at(const struct config_set *set, enum config_kind kind, uint32_t i) {
    /* pub is the item's first member */
    return (const struct item *)(const void *)config_set_at(set, kind, i);
}

static struct slice site_of_gateway(const struct item *gateway) {
    struct config_parsed parsed;
    item_unpack(gateway, &parsed);
    return parsed.gateway.site;
}

static void write_name(struct buf *out, enum alarm_kind kind, const struct item *gateway) {
    buf_printf(out, "%.*s/%.*s.%s", SLICE_ARG(site_of_gateway(gateway)), SLICE_ARG(gateway->pub.name),
               alarm_item_suffix(kind));
}

static void write_body(struct buf *out, size_t row, struct slice name, struct slice gateway) {
    buf_printf(out, "{\"name\":\"%.*s\",\"kind\":\"%s\",\"gateway\":\"%.*s\",%s,", SLICE_ARG(name),
               alarm_kind_name(own_alarms[row].kind), SLICE_ARG(gateway), own_alarms[row].rest);
    buf_printf(out, "\"message\":{\"en\":\"%s %.*s\",\"zh\":\"%s %.*s %s\"}}", own_alarms[row].en,
               SLICE_ARG(gateway), own_alarms[row].zh[0], SLICE_ARG(gateway), own_alarms[row].zh[1]);
}

static enum status put(struct config_set *set, struct slice name, struct slice body, struct error *err) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_set_put(set, CONFIG_ALARM, name, body, 0, 0, faults, &n);
    if (status != OK) {
        (void)error_set(err, status, "configuration", "the alarm \"%.*s\" cannot be added: %s",
                        SLICE_ARG(name), n > 0 ? faults[0].text : status_name(status));
    }
    return status;
}

/* One of a gateway's own alarms, if it is not there. */
static enum status add_missing(struct config_set *set, const struct item *gateway, size_t row,
                               config_on_change on_change, void *ctx, struct error *err) {
    struct buf name;
    struct buf body;
    buf_init(&name, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    write_name(&name, own_alarms[row].kind, gateway);
    write_body(&body, row, buf_slice(&name), gateway->pub.name);
    enum status status = OK;
    if (name.failed || body.failed) {
        status = error_set(err, ERR_NOMEM, "configuration", "no memory for a gateway's alarm");
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

/* A gateway's alarm stays while the gateway is there and of the site that the alarm's name says. */
static bool stays(const struct config_set *set, const struct item *alarm) {
    struct config_parsed parsed;
    item_unpack(alarm, &parsed);
    if (alarm_item_suffix(parsed.alarm.kind) == NULL) {
        return true;
    }
    const struct config_item *gateway = config_set_find(set, CONFIG_GATEWAY, parsed.alarm.gateway);
    return gateway != NULL && slice_eq(site_of_gateway((const struct item *)(const void *)gateway),
                                       item_site_of(alarm->pub.name));
}

enum status config_set_complete(struct config_set *set, config_on_change on_change, void *ctx,
                                struct error *err) {
    for (uint32_t i = config_set_count(set, CONFIG_ALARM); i > 0; i--) {
        const struct item *alarm = item_at(set, CONFIG_ALARM, i - 1);
        if (stays(set, alarm)) {
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
        for (size_t row = 0; row < sizeof own_alarms / sizeof own_alarms[0]; row++) {
            enum status status = add_missing(set, gateway, row, on_change, ctx, err);
            if (status != OK) {
                return status;
            }
        }
    }
    return OK;
}
