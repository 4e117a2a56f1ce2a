#include "server/base/buf.h"
#include "server/base/check.h"
#include "server/config/alarm_item.h"

#include <string.h>

enum { BODY_BYTES_MAX = 4096 };

/* What a gateway's own alarms say if nobody has said otherwise. %.*s is the gateway's name. */
static const struct {
    enum alarm_kind kind;
    const char *en;
    const char *zh;
    const char *rest;
    const char *cause; /* NULL: nothing beside the message */
    const char *consequence;
    const char *action;
} own_alarms[] = {
    {ALARM_COMM, "No connection to gateway %.*s", "与网关 %.*s 的通信中断", "\"after_s\":30,\"priority\":2",
     NULL, NULL, NULL},
    {ALARM_CLOCK, "The clock is wrong in gateway %.*s", "网关 %.*s 的时钟不正确",
     "\"off_delay_s\":60,\"priority\":3", NULL, NULL, NULL},
    {ALARM_CERTIFICATE, "The certificate of gateway %.*s ends soon", "网关 %.*s 的证书即将到期",
     "\"on_delay_s\":3600,\"priority\":4",
     "In its last 30 days gateway %.*s renews its certificate by itself; that this one is still in use says "
     "that "
     "it does not work: it was not connected, its requests are refused (audit), it cannot write its new key, "
     "or "
     "its certificate is not of this server and somebody has to replace it.",
     "When the certificate has ended, gateway %.*s is refused: the station is neither seen nor commanded.",
     "See Gateways and the audit for gateway %.*s. Bring it back to the line, or enrol it again with a new "
     "token; "
     "if the certificate has ended already, open a window for its renewal."},
    {ALARM_DUPLICATE, "A second client has the identity of gateway %.*s", "另一客户端使用了网关 %.*s 的身份",
     "\"off_delay_s\":600,\"priority\":2",
     "Two devices have the key of gateway %.*s (a copied disk, a stolen key), or its line is flapping so "
     "that it "
     "comes again and again before it was seen to go.",
     "The connection that was there is kept. If that is the wrong one of the two, its values are taken for "
     "those "
     "of gateway %.*s.",
     "The alarm's history says from where and with which certificate the other one comes. Find both devices; "
     "if "
     "one does not belong there, revoke gateway %.*s and enrol the right device again."},
};

/* … and those of the certificates of the server itself. */
static const struct {
    const char *en;
    const char *zh;
    const char *cause;
    const char *consequence;
    const char *action;
} server_alarms[SERVER_CERTIFICATES] = {
    [SERVER_CERTIFICATE_LINK] =
        {"The server's certificate for gateways ends soon", "服务器面向网关的证书即将到期",
         "Nobody has replaced the certificate that the server shows to gateways (link.cert).",
         "When it has ended, no gateway connects any more: all stations are lost.",
         "Make a new certificate and put it, with its key, in place of link.cert and link.key; it counts at "
         "once."},
    [SERVER_CERTIFICATE_WEB] =
        {"The server's certificate for browsers ends soon", "服务器面向浏览器的证书即将到期",
         "Nobody has replaced the certificate that the server shows to browsers (web.cert).",
         "When it has ended, browsers refuse the server: nobody sees or acts.",
         "Make a new certificate, put it in place of web.cert and restart penstockd."},
    [SERVER_CERTIFICATE_AUTHORITY] =
        {"The authority of the gateways' certificates ends soon", "网关证书的颁发机构证书即将到期",
         "Nobody has replaced the authority that signs gateways (link.ca).",
         "When it has ended, every certificate that it signed is refused: all stations are lost.",
         "Make a new authority and put it into link.ca beside the old one; give the gateways certificates of "
         "the new "
         "one before the old one ends, then remove that."},
};

/* … and of what else it watches of itself. */
static const struct {
    const char *en;
    const char *zh;
    const char *rest;
    const char *cause;
    const char *consequence;
    const char *action;
} own_of_server[SERVER_ALARMS] = {
    [SERVER_DISK_FORECAST] =
        {"The database's disk is full within a week", "数据库磁盘将在一周内写满", "\"priority\":3",
         "The database grows as the last day or the last week shows; at one day left the alarm is more "
         "urgent.",
         "When the disk is full nothing is stored: gateways keep their samples, and nothing can be changed.",
         "See Store for what grows. Give the disk more room, or keep less history."},
    [SERVER_DISK_FREE] =
        {"The database's disk has little room left", "数据库磁盘剩余空间不足", "\"priority\":3",
         "Less than a tenth of the disk is free; with less than a twentieth the alarm is more urgent. "
         "Perhaps "
         "something else than the database has filled it.",
         "When the disk is full nothing is stored: gateways keep their samples, and nothing can be changed.",
         "See Store for what grows. Remove what does not belong on this disk, or give it more room."},
    [SERVER_DISK_FULL] =
        {"Not storing: the database's disk is full", "未存储：数据库磁盘已满",
         "\"off_delay_s\":10,\"priority\":1", "There is no room on the database's disk.",
         "Values and alarms are live, but nothing is stored: gateways keep their samples for as long as they "
         "have room, history has no end, and settings cannot be changed.",
         "Make room on the disk. The server goes on by itself, and the gateways bring what they have kept."},
    [SERVER_HISTORY] =
        {"History is not packed", "历史数据未及时压缩归档", "\"priority\":3",
         "The server moves samples into their compact form ten minutes after they came. For ten more it "
         "could not: the database refuses it, or is too slow for what comes.",
         "Nothing is lost, and history is whole. But it takes more room on the disk, and trends are slow.",
         "/api/health (packing) and the log say why. Mend the database, or give it more of the machine; the "
         "server goes on by itself."},
    [SERVER_AUDIT_BEHIND] = {"The audit is not sealed, or not exported", "审计记录未封存或未导出",
                             "\"on_delay_s\":60,\"priority\":3",
                             "For more than five minutes the syslog collector or the file to which the audit "
                             "is exported has taken "
                             "nothing, or the database refuses to seal new rows into its chain.",
                             "Nothing is lost: what waits follows by itself. Until then there is no copy of "
                             "it outside the database, "
                             "and what is not sealed could be changed without a trace.",
                             "The log says why (audit.not_exported, audit.not_sealed), /api/health says "
                             "which. Bring the collector "
                             "back, make room for the file, or look at who changed rights in the database."},
    [SERVER_AUDIT_BROKEN] =
        {"The chain of the audit is broken", "审计链已断裂", "\"priority\":2",
         "Somebody who may do everything in the database has removed or rewritten the end of the audit, of "
         "the alarm journal or of the chain that seals them; or the database was set back to an earlier "
         "moment while the server ran.",
         "What people or alarms did in that time may not be there any more, or not be what it was. The "
         "server "
         "goes on and seals what follows.",
         "The audit (audit.broken) says from which position on. Compare with the exported file or the "
         "collector (penstock audit verify --checkpoints), and find out who had that access to the "
         "database."},
    [SERVER_SPOOL_ASIDE] =
        {"What operators did was put aside and not stored", "操作员的操作已被搁置，未存储", "\"priority\":2",
         "What was kept on the server's disk while the database was away does not follow the alarm journal, "
         "or cannot be read: the database was restored, another server went on meanwhile, or the disk is "
         "damaged.",
         "Acknowledgements, shelving and notes that were confirmed to people are not in the journal; what "
         "they "
         "had acknowledged rings again.",
         "The audit lists each of them (spool.unstored). Do again what must be done, then take the files "
         "spool.aside… away from beside the server's spool: the alarm returns within seconds."},
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

/* "field":"text", with the name put in its place. */
static void write_text(struct buf *out, const char *field, const char *text, struct slice name) {
    const char *at = strstr(text, "%.*s");
    buf_printf(out, "\"%s\":\"", field);
    if (at == NULL) {
        buf_text(out, text);
    } else {
        buf_printf(out, "%.*s%.*s%s", (int)(at - text), text, SLICE_ARG(name), at + strlen("%.*s"));
    }
    buf_text(out, "\"");
}

static void write_message(struct buf *out, const char *en, const char *zh, struct slice name) {
    buf_text(out, "\"message\":{");
    write_text(out, "en", en, name);
    buf_text(out, ",");
    write_text(out, "zh", zh, name);
    buf_text(out, "}");
}

static void write_guidance(struct buf *out, const char *cause, const char *consequence, const char *action,
                           struct slice name) {
    buf_text(out, ",");
    write_text(out, "cause", cause, name);
    buf_text(out, ",");
    write_text(out, "consequence", consequence, name);
    buf_text(out, ",");
    write_text(out, "action", action, name);
}

static void write_body(struct buf *out, size_t row, struct slice name, struct slice gateway) {
    buf_printf(out, "{\"name\":\"%.*s\",\"kind\":\"%s\",\"gateway\":\"%.*s\",%s,", SLICE_ARG(name),
               alarm_kind_name(own_alarms[row].kind), SLICE_ARG(gateway), own_alarms[row].rest);
    write_message(out, own_alarms[row].en, own_alarms[row].zh, gateway);
    if (own_alarms[row].cause != NULL) {
        write_guidance(out, own_alarms[row].cause, own_alarms[row].consequence, own_alarms[row].action,
                       gateway);
    }
    buf_text(out, "}");
}

/* Whom to tell of what is added. */
struct telling {
    config_on_change on_change;
    void *ctx;
};

/* Adds the item if it is not there. */
static enum status add(struct config_set *set, enum config_kind kind, const struct buf *name,
                       const struct buf *body, const struct telling *t, struct error *err) {
    if (name->failed || body->failed) {
        return error_set(err, ERR_NOMEM, "configuration", "no memory for an alarm of its own");
    }
    if (config_set_find(set, kind, buf_slice(name)) != NULL) {
        return OK;
    }
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_set_put(set, kind, buf_slice(name), buf_slice(body), 0, 0, faults, &n);
    if (status != OK) {
        return error_set(err, status, "configuration", "the %s \"%.*s\" cannot be added: %s",
                         config_kind_name(kind), SLICE_ARG(buf_slice(name)),
                         n > 0 ? faults[0].text : status_name(status));
    }
    if (t->on_change != NULL) {
        const struct config_item *item = config_set_find(set, kind, buf_slice(name));
        t->on_change(t->ctx, kind, item->name, item->body);
    }
    return OK;
}

/* One of a gateway's own alarms, if it is not there. */
static enum status add_missing(struct config_set *set, const struct item *gateway, size_t row,
                               const struct telling *t, struct error *err) {
    struct buf name;
    struct buf body;
    buf_init(&name, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    write_name(&name, own_alarms[row].kind, gateway);
    write_body(&body, row, buf_slice(&name), gateway->pub.name);
    enum status status = add(set, CONFIG_ALARM, &name, &body, t, err);
    buf_done(&name);
    buf_done(&body);
    return status;
}

static enum status add_server_alarm(struct config_set *set, enum server_certificate which,
                                    const struct telling *t, struct error *err) {
    const struct slice nobody = {.p = ""};
    struct buf name;
    struct buf body;
    buf_init(&name, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    buf_text(&name, alarm_item_server(which));
    buf_printf(&body, "{\"name\":\"%s\",\"kind\":\"%s\",\"priority\":4,", alarm_item_server(which),
               alarm_kind_name(ALARM_CERTIFICATE));
    write_message(&body, server_alarms[which].en, server_alarms[which].zh, nobody);
    write_guidance(&body, server_alarms[which].cause, server_alarms[which].consequence,
                   server_alarms[which].action, nobody);
    buf_text(&body, "}");
    enum status status = add(set, CONFIG_ALARM, &name, &body, t, err);
    buf_done(&name);
    buf_done(&body);
    return status;
}

static enum status add_own_alarm(struct config_set *set, enum server_alarm which, const struct telling *t,
                                 struct error *err) {
    const struct slice nobody = {.p = ""};
    struct buf name;
    struct buf body;
    buf_init(&name, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    buf_text(&name, alarm_item_own(which));
    buf_printf(&body, "{\"name\":\"%s\",\"kind\":\"%s\",%s,", alarm_item_own(which),
               alarm_kind_name(ALARM_SERVER), own_of_server[which].rest);
    write_message(&body, own_of_server[which].en, own_of_server[which].zh, nobody);
    write_guidance(&body, own_of_server[which].cause, own_of_server[which].consequence,
                   own_of_server[which].action, nobody);
    buf_text(&body, "}");
    enum status status = add(set, CONFIG_ALARM, &name, &body, t, err);
    buf_done(&name);
    buf_done(&body);
    return status;
}

/* The site that stands for the server, and its alarms. */
static enum status add_server(struct config_set *set, const struct telling *t, struct error *err) {
    struct buf name;
    struct buf body;
    buf_init(&name, BODY_BYTES_MAX);
    buf_init(&body, BODY_BYTES_MAX);
    buf_text(&name, ALARM_ITEM_SERVER);
    buf_text(&body, "{\"name\":\"" ALARM_ITEM_SERVER
                    "\",\"title\":{\"en\":\"Penstock server\",\"zh\":\"Penstock 服务器\"}}");
    enum status status = add(set, CONFIG_SITE, &name, &body, t, err);
    buf_done(&name);
    buf_done(&body);
    for (unsigned i = 0; i < SERVER_CERTIFICATES && status == OK; i++) {
        status = add_server_alarm(set, (enum server_certificate)i, t, err);
    }
    for (unsigned i = 0; i < SERVER_ALARMS && status == OK; i++) {
        status = add_own_alarm(set, (enum server_alarm)i, t, err);
    }
    return status;
}

/* A gateway's alarm stays while the gateway is there and of the site that the alarm's name says. */
static bool stays(const struct config_set *set, const struct item *alarm) {
    struct config_parsed parsed;
    item_unpack(alarm, &parsed);
    if (alarm_item_suffix(parsed.alarm.kind) == NULL || parsed.alarm.gateway.n == 0) {
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
    const struct telling t = {.on_change = on_change, .ctx = ctx};
    const struct item *gateway = NULL;
    for (uint32_t i = 0; (gateway = item_at(set, CONFIG_GATEWAY, i)) != NULL; i++) {
        for (size_t row = 0; row < sizeof own_alarms / sizeof own_alarms[0]; row++) {
            enum status status = add_missing(set, gateway, row, &t, err);
            if (status != OK) {
                return status;
            }
        }
    }
    return config_set_count(set, CONFIG_GATEWAY) > 0 ? add_server(set, &t, err) : OK;
}
