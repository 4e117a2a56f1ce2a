#include "server/api/route.h"

#include "server/api/rest.h"

#include <stdio.h>
#include <string.h>

static const struct route table[] = {
    {HTTP_POST, "/api/session", "", ACCESS_ANYONE, true, 4096, rest_session_create},
    {HTTP_GET, "/api/session", "", ACCESS_SESSION, true, 0, rest_session_get},
    {HTTP_DELETE, "/api/session", "", ACCESS_SESSION, true, 0, rest_session_delete},
    {HTTP_PUT, "/api/session/password", "", ACCESS_SESSION, true, 4096, rest_session_password},
    {HTTP_GET, "/api/health", "", ACCESS_ANYONE, true, 0, rest_health},
    {HTTP_GET, "/api/openapi.json", "", ACCESS_SESSION, true, 0, rest_openapi},
    {HTTP_GET, "/api/sites", "", ACCESS_VIEWER, false, 0, rest_sites},
    {HTTP_GET, "/api/sites/{site}", "", ACCESS_VIEWER, false, 0, rest_site_get},
    {HTTP_PUT, "/api/sites/{site}", "", ACCESS_ENGINEER, false, 0, rest_site_put},
    {HTTP_DELETE, "/api/sites/{site}", "reason", ACCESS_ENGINEER, false, 0, rest_site_delete},
    {HTTP_GET, "/api/gateways", "", ACCESS_VIEWER, false, 0, rest_gateways},
    {HTTP_GET, "/api/gateways/{gateway}", "", ACCESS_VIEWER, false, 0, rest_gateway_get},
    {HTTP_GET, "/api/gateways/{gateway}/ledger", "from, to", ACCESS_VIEWER, false, 0, rest_gateway_ledger},
    {HTTP_POST, "/api/gateways/{gateway}/release", "", ACCESS_ENGINEER, false, 4096, rest_gateway_release},
    {HTTP_GET, "/api/quarantine", "gateway, code, before, limit", ACCESS_VIEWER, false, 0, rest_quarantine},
    {HTTP_GET, "/api/quarantine/{id}", "", ACCESS_VIEWER, false, 0, rest_quarantine_get},
    {HTTP_GET, "/api/quarantine/{id}/record", "format", ACCESS_VIEWER, false, 0, rest_quarantine_record},
    {HTTP_POST, "/api/quarantine/{id}/replay", "", ACCESS_ENGINEER, false, 4096, rest_quarantine_replay},
    {HTTP_GET, "/api/store", "", ACCESS_VIEWER, false, 0, rest_store},
    {HTTP_GET, "/api/ledger", "from, to", ACCESS_VIEWER, false, 0, rest_ledger},
    {HTTP_PUT, "/api/gateways/{gateway}", "", ACCESS_ENGINEER, false, 0, rest_gateway_put},
    {HTTP_DELETE, "/api/gateways/{gateway}", "reason", ACCESS_ENGINEER, false, 0, rest_gateway_delete},
    {HTTP_POST, "/api/gateways/{gateway}/enrolment", "", ACCESS_ENGINEER, false, 16, rest_gateway_enrol},
    {HTTP_POST, "/api/gateways/{gateway}/revocation", "", ACCESS_ENGINEER, false, 4096, rest_gateway_revoke},
    {HTTP_POST, "/api/gateways/{gateway}/renewal_window", "", ACCESS_ADMIN, false, 4096, rest_gateway_window},
    {HTTP_GET, "/api/tags", "site, q, after, limit", ACCESS_VIEWER, false, 0, rest_tags},
    {HTTP_GET, "/api/tags/{site}/{local}", "", ACCESS_VIEWER, false, 0, rest_tag_get},
    {HTTP_PUT, "/api/tags/{site}/{local}", "", ACCESS_ENGINEER, false, 0, rest_tag_put},
    {HTTP_DELETE, "/api/tags/{site}/{local}", "reason", ACCESS_ENGINEER, false, 0, rest_tag_delete},
    {HTTP_GET, "/api/tags/{site}/{local}/samples", "from, to, points", ACCESS_VIEWER, false, 0, rest_samples},
    {HTTP_GET, "/api/samples", "tag, from, to, points", ACCESS_VIEWER, false, 0, rest_samples_many},
    {HTTP_GET, "/api/samples/raw", "tag, from, to, format", ACCESS_VIEWER, false, 0, rest_raw},
    {HTTP_GET, "/api/aggregates", "tag, from, to, every, fn, uncertain, format", ACCESS_VIEWER, false, 0,
     rest_aggregates},
    {HTTP_GET, "/api/alarm-settings", "site, tag", ACCESS_VIEWER, false, 0, rest_alarm_settings},
    {HTTP_GET, "/api/alarm-settings/{site}/{local}", "", ACCESS_VIEWER, false, 0, rest_alarm_setting_get},
    {HTTP_PUT, "/api/alarm-settings/{site}/{local}", "", ACCESS_ENGINEER, false, 0, rest_alarm_setting_put},
    {HTTP_DELETE, "/api/alarm-settings/{site}/{local}", "reason", ACCESS_ENGINEER, false, 0,
     rest_alarm_setting_delete},
    {HTTP_GET, "/api/alarms", "state, site, area, position, priority", ACCESS_VIEWER, false, 0, rest_alarms},
    {HTTP_POST, "/api/alarms/requests", "", ACCESS_OPERATOR, false, 512 * 1024, rest_alarm_requests},
    {HTTP_POST, "/api/alarms/ack", "", ACCESS_OPERATOR, false, 128 * 1024, rest_alarm_ack},
    {HTTP_POST, "/api/alarms/silence", "", ACCESS_OPERATOR, false, 4096, rest_alarm_silence},
    {HTTP_GET, "/api/alarm", "name", ACCESS_VIEWER, false, 0, rest_alarm},
    {HTTP_GET, "/api/alarm/why", "name", ACCESS_VIEWER, false, 0, rest_alarm_why},
    {HTTP_GET, "/api/alarms/history",
     "site, area, position, priority, alarm, kind, order, from, to, before, before_src, limit", ACCESS_VIEWER,
     false, 0, rest_alarm_history},
    {HTTP_GET, "/api/alarms/state_at", "t, state, site, area, position, priority, after, limit",
     ACCESS_VIEWER, false, 0, rest_alarm_state_at},
    {HTTP_GET, "/api/alarms/kpi", "from, to, position", ACCESS_VIEWER, false, 0, rest_alarm_kpi},
    {HTTP_GET, "/api/alarms/checks", "", ACCESS_VIEWER, false, 0, rest_alarm_checks},
    {HTTP_GET, "/api/alarms/bad_actors", "from, to, position", ACCESS_VIEWER, false, 0,
     rest_alarm_bad_actors},
    {HTTP_GET, "/api/config", "", ACCESS_VIEWER, false, 0, rest_config_get},
    {HTTP_POST, "/api/config", "", ACCESS_ENGINEER, false, HTTP_CONFIG_BODY_MAX, rest_config_post},
    {HTTP_GET, "/api/revisions", "before, limit", ACCESS_VIEWER, false, 0, rest_revisions},
    {HTTP_POST, "/api/backtests", "", ACCESS_ENGINEER, false, HTTP_CONFIG_BODY_MAX, rest_backtest_start},
    {HTTP_GET, "/api/backtests", "", ACCESS_VIEWER, false, 0, rest_backtests},
    {HTTP_GET, "/api/backtest", "id", ACCESS_VIEWER, false, 0, rest_backtest},
    {HTTP_DELETE, "/api/backtest", "id", ACCESS_ENGINEER, false, 0, rest_backtest_cancel},
    {HTTP_GET, "/api/audit", "before, limit", ACCESS_ADMIN, false, 0, rest_audit},
};

const struct route *route_table(uint32_t *ret_n) {
    *ret_n = sizeof table / sizeof table[0];
    return table;
}

bool route_match(const char *pattern, struct slice path, struct slice ret_vars[HTTP_VARS_MAX]) {
    size_t at = 0;
    uint32_t n_vars = 0;
    const char *p = pattern;
    while (*p != '\0') {
        if (*p == '{') {
            size_t start = at;
            while (at < path.n && path.p[at] != '/') {
                at++;
            }
            const char *end = strchr(p, '}');
            if (at == start || n_vars == HTTP_VARS_MAX || end == NULL) {
                return false;
            }
            ret_vars[n_vars++] = slice_of(path.p + start, at - start);
            p = end + 1;
        } else {
            if (at == path.n || path.p[at] != *p) {
                return false;
            }
            at++;
            p++;
        }
    }
    return at == path.n;
}

static bool is_among(struct slice name, const char *names) {
    while (*names != 0) {
        size_t n = strcspn(names, ",");
        if (slice_eq(name, slice_of(names, n))) {
            return true;
        }
        names += n;
        names += strspn(names, ", ");
    }
    return false;
}

const struct http_param *route_odd_param(const struct route *route, const struct http_request *r) {
    for (uint32_t i = 0; i < r->n_params; i++) {
        if (!is_among(r->params[i].name, route->query)) {
            return &r->params[i];
        }
    }
    return NULL;
}

static void add_allow(char allow[64], const char *name) {
    size_t n = strlen(allow);
    (void)snprintf(allow + n, 64 - n, "%s%s", n > 0 ? ", " : "", name);
}

const struct route *route_find(struct http_request *r, char ret_allow[64]) {
    enum http_method method = r->method == HTTP_HEAD ? HTTP_GET : r->method;
    struct slice vars[HTTP_VARS_MAX] = {{0}};
    ret_allow[0] = '\0';
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!route_match(table[i].path, slice_str(r->path), vars)) {
            continue;
        }
        if (table[i].method == method) {
            memcpy(r->vars, vars, sizeof vars);
            return &table[i];
        }
        add_allow(ret_allow, http_method_name(table[i].method));
    }
    return NULL;
}

bool route_allows(enum access access, enum role role) {
    switch (access) {
    case ACCESS_UNSET:
        return false;
    case ACCESS_ANYONE:
    case ACCESS_SESSION:
        return true;
    case ACCESS_VIEWER:
        return role >= ROLE_VIEWER;
    case ACCESS_OPERATOR:
        return role >= ROLE_OPERATOR;
    case ACCESS_ENGINEER:
        return role >= ROLE_ENGINEER;
    case ACCESS_ADMIN:
        return role >= ROLE_ADMIN;
    }
    return false;
}
