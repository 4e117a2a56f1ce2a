#include "server/api/openapi_json.h"
#include "server/api/route.h"
#include "server/config/fields.h"
#include "tests/lib/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void a_part_in_braces_matches_one_part(void **state) {
    (void)state;
    struct slice vars[HTTP_VARS_MAX];
    assert_true(route_match("/api/tags/{site}/{local}", slice_str("/api/tags/S1/L_T1"), vars));
    assert_true(slice_is(vars[0], "S1"));
    assert_true(slice_is(vars[1], "L_T1"));
    static const char *const others[] = {"/api/tags/S1",
                                         "/api/tags/S1/",
                                         "/api/tags//x",
                                         "/api/tags/S1/x/y",
                                         "/api/tags/S1/x/",
                                         "/api/tag/S1/x",
                                         "",
                                         "/"};
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(route_match("/api/tags/{site}/{local}", slice_str(others[i]), vars));
    }
}

static const struct route *find(enum http_method method, const char *path, char allow[64]) {
    struct http_request *r = http_request_new();
    r->method = method;
    (void)snprintf(r->path, sizeof r->path, "%s", path);
    const struct route *route = route_find(r, allow);
    http_request_free(&r);
    return route;
}

static void each_path_has_its_methods(void **state) {
    (void)state;
    char allow[64];
    assert_string_equal(find(HTTP_GET, "/api/alarms/history", allow)->path, "/api/alarms/history");
    assert_string_equal(find(HTTP_HEAD, "/api/health", allow)->path, "/api/health");
    assert_null(find(HTTP_PUT, "/api/session", allow));
    assert_string_equal(allow, "POST, GET, DELETE");
    assert_null(find(HTTP_GET, "/api/none", allow));
    assert_string_equal(allow, "");
    assert_string_equal(find(HTTP_GET, "/api/tags/S1/L_T1/samples", allow)->path,
                        "/api/tags/{site}/{local}/samples");
}

static void only_login_and_health_are_open_to_anyone(void **state) {
    (void)state;
    uint32_t n = 0;
    uint32_t open = 0;
    const struct route *routes = route_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_not_equal(routes[i].access, ACCESS_UNSET);
        open += routes[i].access == ACCESS_ANYONE ? 1 : 0;
    }
    assert_int_equal(open, 2); /* POST /api/session and GET /api/health; pages are no routes */
}

static void a_higher_role_may_what_a_lower_one_may(void **state) {
    (void)state;
    static const enum access needs[] = {ACCESS_VIEWER, ACCESS_OPERATOR, ACCESS_ENGINEER, ACCESS_ADMIN};
    static const enum role roles[] = {ROLE_VIEWER, ROLE_OPERATOR, ROLE_ENGINEER, ROLE_ADMIN};
    for (size_t i = 0; i < COUNT(needs); i++) {
        assert_false(route_allows(needs[i], ROLE_NONE));
        for (size_t j = 0; j < COUNT(roles); j++) {
            assert_int_equal(route_allows(needs[i], roles[j]), j >= i);
        }
    }
    assert_false(route_allows(ACCESS_UNSET, ROLE_ADMIN));
}

static bool takes(enum http_method method, const char *path, const char *param) {
    char allow[64];
    const struct route *route = find(method, path, allow);
    struct http_request *r = http_request_new();
    assert_true(http_add_param(r, param, strlen(param)));
    bool takes = route_odd_param(route, r) == NULL;
    http_request_free(&r);
    return takes;
}

static void a_parameter_that_a_route_does_not_take_is_told(void **state) {
    (void)state;
    assert_true(takes(HTTP_GET, "/api/samples", "tag=S1/A"));
    assert_true(takes(HTTP_GET, "/api/samples", "points=3"));
    static const char *const odd[] = {"ta=1", "tags=1", "tag,=1", "tag, from=1", "from,=1", "=1", "Tag=1"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        assert_false(takes(HTTP_GET, "/api/samples", odd[i]));
    }
    assert_false(takes(HTTP_GET, "/api/sites", "site=S1"));
    assert_false(takes(HTTP_GET, "/api/sites", "=1"));
}

/* --- the document */

static const char *role_text(enum access access) {
    switch (access) {
    case ACCESS_UNSET:
        return "";
    case ACCESS_ANYONE:
        return "anyone";
    case ACCESS_SESSION:
        return "session";
    case ACCESS_VIEWER:
        return "viewer";
    case ACCESS_OPERATOR:
        return "operator";
    case ACCESS_ENGINEER:
        return "engineer";
    case ACCESS_ADMIN:
        return "admin";
    }
    return "";
}

static json_t *document(void) {
    json_error_t error;
    json_t *root = json_loadb((const char *)openapi_json, openapi_json_size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        print_error("openapi.json:%d: %s\n", error.line, error.text);
    }
    assert_non_null(root);
    return root;
}

static const json_t *operation(const json_t *paths, const struct route *route) {
    const json_t *path = json_object_get(paths, route->path);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)path, key, value) {
        if (strcasecmp(key, http_method_name(route->method)) == 0) {
            return value;
        }
    }
    return NULL;
}

static void every_route_is_in_the_document_with_its_role(void **state) {
    (void)state;
    json_t *root = document();
    uint32_t n = 0;
    const struct route *routes = route_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        const json_t *op = operation(json_object_get(root, "paths"), &routes[i]);
        if (op == NULL) {
            print_error("%s %s is not in openapi.json\n", http_method_name(routes[i].method), routes[i].path);
        }
        assert_non_null(op);
        assert_string_equal(json_string_value(json_object_get(op, "x-role")), role_text(routes[i].access));
    }
    json_decref(root);
}

static void everything_in_the_document_is_a_route(void **state) {
    (void)state;
    json_t *root = document();
    uint32_t n = 0;
    size_t operations = 0;
    (void)route_table(&n);
    const char *path = NULL;
    json_t *item = NULL;
    json_object_foreach(json_object_get(root, "paths"), path, item) {
        operations += json_object_size(item);
    }
    assert_int_equal(operations, n); /* with the test above: the same set */
    json_decref(root);
}

/* A parameter of the document, which may stand among those that operations share. */
static const json_t *parameter(const json_t *root, const json_t *p) {
    const char *ref = json_string_value(json_object_get(p, "$ref"));
    const json_t *shared = json_object_get(json_object_get(root, "components"), "parameters");
    return ref == NULL ? p : json_object_get(shared, strrchr(ref, '/') + 1);
}

static void write_query(const json_t *root, const json_t *op, struct buf *out) {
    size_t i = 0;
    json_t *item = NULL;
    buf_clear(out);
    json_array_foreach(json_object_get(op, "parameters"), i, item) {
        const json_t *p = parameter(root, item);
        if (strcmp(json_string_value(json_object_get(p, "in")), "query") == 0) {
            buf_printf(out, "%s%s", out->n > 0 ? ", " : "", json_string_value(json_object_get(p, "name")));
        }
    }
}

static void each_operation_says_which_parameters_its_route_takes(void **state) {
    (void)state;
    json_t *root = document();
    uint32_t n = 0;
    struct buf query;
    buf_init(&query, 1024);
    const struct route *routes = route_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        write_query(root, operation(json_object_get(root, "paths"), &routes[i]), &query);
        if (!slice_is(buf_slice(&query), routes[i].query)) {
            fail_msg("%s %s takes \"%s\", the document says \"%.*s\"", http_method_name(routes[i].method),
                     routes[i].path, routes[i].query, (int)query.n, (const char *)query.p);
        }
    }
    buf_done(&query);
    json_decref(root);
}

/* What a change may say is what the configuration reads. */
static void every_field_of_the_configuration_is_in_the_document(void **state) {
    (void)state;
    static const char *const schemas[CONFIG_KINDS] = {
        [CONFIG_SITE] = "Site",         [CONFIG_GATEWAY] = "Gateway", [CONFIG_TAG] = "Tag",
        [CONFIG_CLASS] = "Class",       [CONFIG_GROUP] = "Group",     [CONFIG_POLICY] = "Policy",
        [CONFIG_ALARM] = "AlarmSetting"};
    json_t *root = document();
    const json_t *all = json_object_get(json_object_get(root, "components"), "schemas");
    for (int kind = 0; kind < CONFIG_KINDS; kind++) {
        uint32_t n = 0;
        const struct field *fields = fields_of((enum config_kind)kind, &n);
        const json_t *properties = json_object_get(json_object_get(all, schemas[kind]), "properties");
        for (uint32_t i = 0; i < n; i++) {
            if (json_object_get(properties, fields[i].name) == NULL) {
                print_error("%s lacks %s\n", schemas[kind], fields[i].name);
            }
            assert_non_null(json_object_get(properties, fields[i].name));
        }
        assert_int_equal(json_object_size(properties), n);
    }
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_in_braces_matches_one_part),
        cmocka_unit_test(each_path_has_its_methods),
        cmocka_unit_test(only_login_and_health_are_open_to_anyone),
        cmocka_unit_test(a_higher_role_may_what_a_lower_one_may),
        cmocka_unit_test(a_parameter_that_a_route_does_not_take_is_told),
        cmocka_unit_test(every_route_is_in_the_document_with_its_role),
        cmocka_unit_test(everything_in_the_document_is_a_route),
        cmocka_unit_test(each_operation_says_which_parameters_its_route_takes),
        cmocka_unit_test(every_field_of_the_configuration_is_in_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
