#include "server/config/alarm_item.h"

#include "server/base/check.h"
#include "server/config/fields.h"

#include <stdio.h>

#define K(kind)      (UINT32_C(1) << ALARM_##kind)
#define K_LIMITS     (K(HIGH) | K(LOW) | K(DEV))
#define K_CUSUM      (K(CUSUM) | K(CUSUM_LOW))
#define K_OF_GATEWAY (K(COMM) | K(CLOCK) | K(DUPLICATE))

/* A field that only some kinds have. Fields that are in no row are for all. */
static const struct {
    const char *field;
    uint32_t required;
    uint32_t allowed; /* beside those */
    const char *why;  /* it is needed: "is missing; …" */
} rows[] = {
    {"tag",
     K(HIGH) | K(LOW) | K(DEV) | K(ROC) | K(STATE) | K(CHANGE) | K(STALE) | K(QUALITY) | K(RUNTIME) |
         K(TOTAL) | K_CUSUM,
     0, "name the tag that the alarm watches"},
    {"gateway", K_OF_GATEWAY, K(CERTIFICATE), "the alarm watches one gateway"},
    {"limit", K(ROC) | K(RUNTIME) | K(TOTAL), K_LIMITS, "an alarm of this kind needs one"},
    {"limit_tag", 0, K_LIMITS, ""},
    {"setpoint", K(DEV), 0, "name the tag that gives the setpoint"},
    {"command", K(DISC), 0, "name the tag that gives the command"},
    {"feedback", K(DISC), 0, "name the tag that tells what was done"},
    {"states", K(STATE), 0, "list the states that are alarms"},
    {"after_s", 0, K(STALE) | K(COMM), ""},
    {"over_s", K(ROC), 0, "give the window of the rate, in seconds"},
    {"expr", K(EXPR), 0, "give the rule"},
    {"per", 0, K(TOTAL), ""},
    {"target", K_CUSUM, 0, "give the value that is right"},
    {"k", 0, K_CUSUM, ""},
    {"h", K_CUSUM, 0, "give the sum that is too much"},
    {"every_s", K_CUSUM, 0, "give the time between two steps"},
    {"deadband", 0, K_LIMITS | K(ROC), ""},
    {"inclusive", 0, K(HIGH) | K(LOW), ""},
};

static bool given(const struct config_parsed *parsed, const char *field) {
    return (parsed->present & field_bit(CONFIG_ALARM, field)) != 0;
}

static void check_fields_of_kind(const struct config_parsed *parsed, struct faults *faults) {
    uint32_t kind = UINT32_C(1) << parsed->alarm.kind;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char pointer[64];
        bool there = given(parsed, rows[i].field);
        bool missing = !there && (rows[i].required & kind) != 0;
        bool unfit = there && ((rows[i].required | rows[i].allowed) & kind) == 0;
        if (!missing && !unfit) {
            continue;
        }
        (void)snprintf(pointer, sizeof pointer, "/%s", rows[i].field);
        if (missing) {
            faults_add(faults, "E_MISSING", pointer, "is missing; %s", rows[i].why);
        } else {
            faults_add(faults, "E_FIELD", pointer, "has no meaning for an alarm of kind %s; leave it out",
                       alarm_kind_name(parsed->alarm.kind));
        }
    }
}

const char *alarm_item_suffix(enum alarm_kind kind) {
    return alarm_kind_of_gateway(kind) ? alarm_kind_name(kind) : NULL;
}

const char *alarm_item_server(enum server_certificate which) {
    static const char *const names[SERVER_CERTIFICATES] = {
        [SERVER_CERTIFICATE_LINK] = ALARM_ITEM_SERVER "/link.certificate",
        [SERVER_CERTIFICATE_WEB] = ALARM_ITEM_SERVER "/web.certificate",
        [SERVER_CERTIFICATE_AUTHORITY] = ALARM_ITEM_SERVER "/authority.certificate",
    };
    CHECK((unsigned)which < SERVER_CERTIFICATES);
    return names[which];
}

bool alarm_item_is_server(struct slice name) {
    for (unsigned i = 0; i < SERVER_CERTIFICATES; i++) {
        if (slice_is(name, alarm_item_server((enum server_certificate)i))) {
            return true;
        }
    }
    return false;
}

const char *alarm_item_own(enum server_alarm which) {
    static const char *const names[SERVER_ALARMS] = {
        [SERVER_DISK_FORECAST] = ALARM_ITEM_SERVER "/disk.forecast",
        [SERVER_DISK_FREE] = ALARM_ITEM_SERVER "/disk.free",
        [SERVER_DISK_FULL] = ALARM_ITEM_SERVER "/disk.full",
        [SERVER_HISTORY] = ALARM_ITEM_SERVER "/history.late",
        [SERVER_AUDIT_BEHIND] = ALARM_ITEM_SERVER "/audit.behind",
        [SERVER_AUDIT_BROKEN] = ALARM_ITEM_SERVER "/audit.broken",
        [SERVER_SPOOL_ASIDE] = ALARM_ITEM_SERVER "/spool.aside",
    };
    CHECK((unsigned)which < SERVER_ALARMS);
    return names[which];
}

bool alarm_item_is_own(struct slice name) {
    for (unsigned i = 0; i < SERVER_ALARMS; i++) {
        if (slice_is(name, alarm_item_own((enum server_alarm)i))) {
            return true;
        }
    }
    return false;
}

static bool ends_with(struct slice text, struct slice end) {
    return text.n >= end.n && memcmp(text.p + text.n - end.n, end.p, end.n) == 0;
}

static bool is_kept(struct slice local) {
    for (unsigned kind = 0; kind < ALARM_KINDS; kind++) {
        char end[16];
        if (!alarm_kind_of_gateway((enum alarm_kind)kind)) {
            continue;
        }
        (void)snprintf(end, sizeof end, ".%s", alarm_kind_name((enum alarm_kind)kind));
        if (ends_with(local, slice_str(end))) {
            return true;
        }
    }
    return false;
}

/* What the server watches of itself is fixed, and has fixed names. */
static void check_own(const struct config_parsed *parsed, struct faults *faults) {
    if (parsed->alarm.kind != ALARM_SERVER) {
        faults_add(faults, "E_NAME", "/name", "is the name of an alarm of the server itself, of kind server");
    } else if (!alarm_item_is_own(parsed->name)) {
        faults_add(faults, "E_NAME", "/name",
                   "is no name of an alarm of kind server; the server has %s, %s, %s, %s, %s, %s and %s",
                   alarm_item_own(SERVER_DISK_FORECAST), alarm_item_own(SERVER_DISK_FREE),
                   alarm_item_own(SERVER_DISK_FULL), alarm_item_own(SERVER_HISTORY),
                   alarm_item_own(SERVER_AUDIT_BEHIND), alarm_item_own(SERVER_AUDIT_BROKEN),
                   alarm_item_own(SERVER_SPOOL_ASIDE));
    }
}

/* SITE/GATEWAY.comm and the like are the gateways', and only theirs; those of the server's certificates have
 * no gateway. */
static void check_name(const struct config_parsed *parsed, struct faults *faults) {
    struct slice local = item_local_of(parsed->name);
    if (parsed->alarm.kind == ALARM_SERVER || alarm_item_is_own(parsed->name)) {
        check_own(parsed, faults);
        return;
    }
    const char *suffix = alarm_item_suffix(parsed->alarm.kind);
    if (suffix == NULL) {
        if (is_kept(local)) {
            faults_add(
                faults, "E_NAME", "/name",
                "ends as the names of alarms of gateways do (.comm, .clock, .certificate, .duplicate), "
                "which are kept for them");
        }
        return;
    }
    if (parsed->alarm.kind == ALARM_CERTIFICATE && parsed->alarm.gateway.n == 0) {
        if (!alarm_item_is_server(parsed->name)) {
            faults_add(
                faults, "E_MISSING", "/gateway",
                "is missing; the alarm watches the certificate of one gateway (those of the server are "
                "%s, %s and %s)",
                alarm_item_server(SERVER_CERTIFICATE_LINK), alarm_item_server(SERVER_CERTIFICATE_WEB),
                alarm_item_server(SERVER_CERTIFICATE_AUTHORITY));
        }
        return;
    }
    char wanted[2 * MODEL_NAME_MAX];
    (void)snprintf(wanted, sizeof wanted, "%.*s.%s", SLICE_ARG(parsed->alarm.gateway), suffix);
    if (parsed->alarm.gateway.n > 0 && !slice_is(local, wanted)) {
        faults_add(faults, "E_NAME", "/name", "must be SITE/%s: each gateway has exactly one %s alarm",
                   wanted, suffix);
    }
}

static void check_site(const struct config_parsed *parsed, const char *field, struct slice tag,
                       struct faults *faults) {
    char pointer[64];
    if (tag.n > 0 && !slice_eq(item_site_of(parsed->name), item_site_of(tag))) {
        (void)snprintf(pointer, sizeof pointer, "/%s", field);
        faults_add(faults, "E_TAG", pointer,
                   "is of site %.*s and the alarm of site %.*s; both must be of the same site",
                   SLICE_ARG(item_site_of(tag)), SLICE_ARG(item_site_of(parsed->name)));
    }
}

static void check_numbers(const struct config_parsed *parsed, struct faults *faults) {
    const struct parsed_alarm *a = &parsed->alarm;
    bool limited = given(parsed, "limit");
    if (given(parsed, "limit_tag") && limited) {
        faults_add(faults, "E_FIELD", "/limit_tag", "is there beside limit; the limit is one or the other");
    } else if (!given(parsed, "limit_tag") && !limited && (UINT32_C(1) << a->kind & K_LIMITS) != 0) {
        faults_add(faults, "E_MISSING", "/limit",
                   "is missing; an alarm of this kind needs one, or a limit_tag that gives it");
    }
    if (given(parsed, "states") && a->states.n == 0) {
        faults_add(faults, "E_MISSING", "/states", "is empty; list the states that are alarms");
    }
    if (given(parsed, "expr") && a->expr.n == 0) {
        faults_add(faults, "E_MISSING", "/expr", "is empty; give the rule");
    }
    if (given(parsed, "h") && a->h <= 0) {
        faults_add(faults, "E_RANGE", "/h", "is 0; it must be above it");
    }
    if (a->kind == ALARM_CHANGE && (a->common.on_delay_s > 0 || a->common.off_delay_s > 0)) {
        faults_add(faults, "E_FIELD", a->common.on_delay_s > 0 ? "/on_delay_s" : "/off_delay_s",
                   "has no meaning for an alarm of kind change, which comes and goes in one instant");
    }
    if (a->kind == ALARM_DUPLICATE && a->common.on_delay_s > 0) {
        faults_add(faults, "E_FIELD", "/on_delay_s",
                   "has no meaning for an alarm of kind duplicate: an attempt is a moment");
    }
    if (a->kind == ALARM_COMM && given(parsed, "after_s") && given(parsed, "on_delay_s")) {
        faults_add(faults, "E_FIELD", "/on_delay_s", "says the same as after_s for this kind; leave it out");
    }
}

static void check_priority(const struct config_parsed *parsed, struct faults *faults) {
    const struct parsed_common *c = &parsed->alarm.common;
    bool derived = given(parsed, "severity") && given(parsed, "time_to_act_s");
    if (!given(parsed, "priority") && !given(parsed, "class") && !derived) {
        faults_add(faults, "E_MISSING", "/priority",
                   "is missing; give it, or a class that has one, or severity and time_to_act_s");
    }
    if (c->ack == ACK_NONE && c->latch) {
        faults_add(faults, "E_LATCH_ACK", "/latch",
                   "is true, but ack is none: nobody would acknowledge what must be reset");
    }
}

void alarm_item_check(const struct config_parsed *parsed, struct faults *faults) {
    check_fields_of_kind(parsed, faults);
    check_name(parsed, faults);
    check_site(parsed, "tag", parsed->alarm.tag, faults);
    check_site(parsed, "command", parsed->alarm.command, faults);
    check_numbers(parsed, faults);
    check_priority(parsed, faults);
}
