/* The live socket over TLS, with a real core behind it.
 *
 * Covers: live.c, live_msg.c, live_sub.c. */
#include "server/api/live.h"
#include "tests/lib/unit.h"
#include "tests/unit/api/rig.h"

#include <jansson.h>

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig_start(rig, true);
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    rig_stop(rig);
    free(rig);
    return 0;
}

struct screen {
    struct stream stream;
    struct buf text;
    int code; /* of the close frame */
};

static void log_in(struct rig *rig, const char *user) {
    char body[128];
    rig->client.cookie[0] = '\0';
    (void)snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"" RIG_PASSWORD "\"}", user);
    struct answer a = tls_client_ask(&rig->client, "POST", "/api/session", "", body);
    assert_int_equal(a.status, 200);
    answer_done(&a);
}

static int try_open(struct rig *rig, struct screen *s, const char *origin, const char *protocol) {
    int status = 0;
    buf_init(&s->text, (size_t)64 << 20);
    (void)ws_open(&rig->client, &s->stream, origin, protocol, &status);
    return status;
}

static const char *own_origin(const struct rig *rig) {
    static char text[64];
    (void)snprintf(text, sizeof text, "https://127.0.0.1:%u", rig->client.port);
    return text;
}

static void open_screen(struct rig *rig, struct screen *s) {
    assert_int_equal(try_open(rig, s, own_origin(rig), "penstock.v1"), 101);
}

static void close_screen(struct screen *s) {
    stream_close(&s->stream);
    buf_done(&s->text);
}

/* The next message with this op, those with another one are skipped; NULL when the socket ends first. */
static json_t *next(struct screen *s, const char *op) {
    while (ws_next(&s->stream, &s->text, &s->code)) {
        json_t *m = json_loads((const char *)s->text.p, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(m);
        if (strcmp(json_string_value(json_object_get(m, "op")), op) == 0) {
            return m;
        }
        json_decref(m);
    }
    return NULL;
}

static json_t *must_next(struct screen *s, const char *op) {
    json_t *m = next(s, op);
    assert_non_null(m);
    return m;
}

static void wait_for(struct screen *s, const char *op) {
    json_decref(must_next(s, op));
}

static const char *text_at(const json_t *m, const char *key) {
    return json_string_value(json_object_get(m, key));
}

static json_int_t number_at(const json_t *m, const char *key) {
    return json_integer_value(json_object_get(m, key));
}

struct feed {
    const char *tag;
    double value;
};

static void feed(struct rig *rig, void *ctx) {
    const struct feed *f = ctx;
    uint32_t tag = model_find_tag(rig->model, slice_str(f->tag));
    uint32_t gateway = rig->model->tags[tag].gateway;
    /* Each a moment of its own, however fast they follow each other. */
    int64_t now_us = clock_wall_us();
    rig->fed_us = now_us > rig->fed_us ? now_us : rig->fed_us + 1;
    struct sample v = {.tag = tag, .t_us = rig->fed_us, .value = f->value};
    rig_apply(rig, &(struct event){.kind = EVENT_LINK, .link = {.gateway = gateway, .up = true}});
    rig_apply(rig, &(struct event){.kind = EVENT_SAMPLES,
                                   .samples = {.gateway = gateway, .lane = LANE_LIVE, .n = 1, .v = &v}});
}

static void say(struct rig *rig, const char *tag, double value) {
    struct feed f = {.tag = tag, .value = value};
    rig_call(rig, feed, &f);
}

/* --- who may */

static void only_our_own_pages_with_a_session_get_a_socket(void **state) {
    struct rig *rig = *state;
    struct screen s;
    assert_int_equal(try_open(rig, &s, own_origin(rig), "penstock.v1"), 401);
    close_screen(&s);
    log_in(rig, "vera");
    static const struct {
        const char *origin;
        const char *protocol;
        int status;
    } rows[] = {{"https://evil.example", "penstock.v1", 403},
                {NULL, "penstock.v1", 403},
                {"", NULL, 0},
                {"", "other", 0},
                {"", "penstock.v1", 101}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *origin =
            rows[i].origin != NULL && rows[i].origin[0] == '\0' ? own_origin(rig) : rows[i].origin;
        assert_int_equal(try_open(rig, &s, origin, rows[i].protocol), rows[i].status);
        close_screen(&s);
    }
}

static void a_session_has_at_most_four_sockets(void **state) {
    struct rig *rig = *state;
    struct screen s[5];
    log_in(rig, "vera");
    for (size_t i = 0; i < 4; i++) {
        open_screen(rig, &s[i]);
        wait_for(&s[i], "hello");
    }
    assert_int_equal(try_open(rig, &s[4], own_origin(rig), "penstock.v1"), 429);
    for (size_t i = 0; i < 5; i++) {
        close_screen(&s[i]);
    }
}

/* --- what is told */

static void the_first_words_are_who_and_how_things_are(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "olaf");
    open_screen(rig, &s);
    json_t *m = must_next(&s, "hello");
    assert_string_equal(text_at(m, "user"), "olaf");
    assert_string_equal(text_at(m, "role"), "operator");
    assert_string_equal(text_at(m, "build"), "test");
    assert_int_equal(strlen(text_at(m, "e")), 16);
    json_decref(m);
    m = must_next(&s, "status");
    assert_string_equal(text_at(m, "store"), "ok");
    const json_t *gateway = json_array_get(json_object_get(m, "gateways"), 0);
    assert_string_equal(json_string_value(json_array_get(gateway, 0)), "gw-s1");
    assert_true(json_is_false(json_array_get(gateway, 1)));
    json_decref(m);
    m = must_next(&s, "hb");
    assert_int_equal(json_array_size(json_object_get(m, "n")), 2);
    json_decref(m);
    close_screen(&s);
}

static void status_changed(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->store_away = true;
    api_status_changed(rig->api);
}

static void a_change_of_status_is_told(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "vera");
    open_screen(rig, &s);
    wait_for(&s, "status");
    rig_call(rig, status_changed, NULL);
    json_t *m = must_next(&s, "status");
    assert_string_equal(text_at(m, "store"), "away");
    json_decref(m);
    close_screen(&s);
}

static void a_view_gives_a_snapshot_and_then_changes(void **state) {
    struct rig *rig = *state;
    struct screen s;
    say(rig, "S1/L_T1", 3.5);
    log_in(rig, "vera");
    open_screen(rig, &s);
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":7,\"view\":\"site/S1\",\"ms\":200}");
    json_t *snap = must_next(&s, "snap");
    assert_int_equal(number_at(snap, "id"), 7);
    assert_int_equal(number_at(snap, "n"), 1);
    assert_int_equal(json_array_size(json_object_get(snap, "tags")), 2);
    const json_t *second = json_array_get(json_object_get(snap, "tags"), 1);
    assert_string_equal(json_string_value(json_array_get(second, 1)), "S1/L_T1");
    const json_t *value = json_array_get(json_object_get(snap, "v"), 1);
    assert_true(json_real_value(json_array_get(value, 1)) == 3.5);
    assert_true(json_is_integer(json_array_get(value, 3)));
    const json_t *unseen = json_array_get(json_object_get(snap, "v"), 0);
    assert_true(json_is_null(json_array_get(unseen, 1)));
    assert_true(json_is_null(json_array_get(unseen, 3)));
    json_decref(snap);
    say(rig, "S2/L_T2", 1.0); /* not looked at */
    say(rig, "S1/L_T1", 4.5);
    json_t *delta = must_next(&s, "d");
    assert_int_equal(number_at(delta, "n"), 2);
    assert_int_equal(json_array_size(json_object_get(delta, "v")), 1);
    value = json_array_get(json_object_get(delta, "v"), 0);
    assert_true(json_real_value(json_array_get(value, 1)) == 4.5);
    json_decref(delta);
    close_screen(&s);
}

static void views_are_told_apart(void **state) {
    static const struct {
        const char *sub;
        size_t n;
    } rows[] = {{"\"view\":\"overview\"", 2},
                {"\"view\":\"site/S2\"", 1},
                {"\"view\":\"tags\",\"tags\":[\"S1/F_PU1\"]", 1},
                {"\"view\":\"tags\",\"tags\":[]", 0}};
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "vera");
    open_screen(rig, &s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "{\"op\":\"sub\",\"id\":%zu,%s}", i, rows[i].sub);
        ws_say(&s.stream, text);
        json_t *m = must_next(&s, "snap");
        assert_int_equal(number_at(m, "id"), i);
        assert_int_equal(json_array_size(json_object_get(m, "v")), rows[i].n);
        json_decref(m);
    }
    close_screen(&s);
}

static void what_makes_no_sense_gets_an_error_and_the_socket_stays(void **state) {
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {{"{", "JSON"},
                {"[]", "object"},
                {"{\"op\":\"fly\"}", "resume"},
                {"{\"op\":\"sub\",\"view\":\"overview\"}", "/id"},
                {"{\"op\":\"sub\",\"id\":1}", "view"},
                {"{\"op\":\"sub\",\"id\":1,\"view\":\"site/none\"}", "none"},
                {"{\"op\":\"sub\",\"id\":1,\"view\":\"tags\"}", "tags"},
                {"{\"op\":\"sub\",\"id\":1,\"view\":\"tags\",\"tags\":[1]}", "tag"},
                {"{\"op\":\"sub\",\"id\":1,\"view\":\"tags\",\"tags\":[\"S1/none\"]}", "S1/none"},
                {"{\"op\":\"sub\",\"id\":1,\"view\":\"overview\",\"ms\":199}", "200"},
                {"{\"op\":\"sub\",\"id\":1,\"view\":\"overview\",\"colour\":1}", "/colour"},
                {"{\"op\":\"resume\",\"e\":\"x\"}", "resume"}};
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "vera");
    open_screen(rig, &s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        ws_say(&s.stream, rows[i].text);
        json_t *m = must_next(&s, "error");
        if (strstr(text_at(m, "text"), rows[i].says) == NULL) {
            print_error("%s: %s\n", rows[i].text, text_at(m, "text"));
        }
        assert_non_null(strstr(text_at(m, "text"), rows[i].says));
        json_decref(m);
    }
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":1,\"view\":\"overview\"}");
    wait_for(&s, "snap");
    close_screen(&s);
}

static void a_message_may_come_in_pieces_but_not_be_too_big(void **state) {
    struct rig *rig = *state;
    struct screen s;
    static char big[66000];
    log_in(rig, "vera");
    open_screen(rig, &s);
    ws_send(&s.stream, 0x01, "{\"op\":\"sub\",\"id\":1,", 19);
    ws_send(&s.stream, 0x80, "\"view\":\"overview\"}", 18);
    wait_for(&s, "snap");
    memset(big, ' ', sizeof big);
    ws_send(&s.stream, 0x81, big, sizeof big);
    assert_null(next(&s, "never"));
    assert_int_equal(s.code, 1009);
    close_screen(&s);
    open_screen(rig, &s);
    ws_send(&s.stream, 0x82, "{}", 2);
    assert_null(next(&s, "never"));
    assert_int_equal(s.code, 1003);
    close_screen(&s);
    open_screen(rig, &s);
    ws_send(&s.stream, 0x81, "\xff\xfe", 2);
    assert_null(next(&s, "never"));
    assert_int_equal(s.code, 1007);
    close_screen(&s);
}

static void who_talks_too_much_is_shown_out(void **state) {
    struct rig *rig = *state;
    struct screen s;
    static const char head[] = "\x81\x95\0\0\0"; /* a whole text of 21 bytes, its mask zero */
    static const char text[] = "{\"op\":\"unsub\",\"id\":1}";
    _Static_assert(sizeof text - 1 == 21, "as the head says");
    struct buf b;
    buf_init(&b, 8192);
    for (int i = 0; i < 200; i++) {
        buf_append(&b, head, sizeof head);
        buf_append(&b, text, sizeof text - 1);
    }
    log_in(rig, "vera");
    open_screen(rig, &s);
    assert_true(stream_send(&s.stream, b.p, b.n)); /* at once: what is too much is so within a second */
    buf_done(&b);
    wait_for(&s, "bye");
    assert_null(next(&s, "never"));
    assert_int_equal(s.code, 4008);
    close_screen(&s);
}

static void after_unsub_nothing_comes_and_the_same_id_replaces(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "vera");
    open_screen(rig, &s);
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":1,\"view\":\"site/S1\",\"ms\":200}");
    wait_for(&s, "snap");
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":1,\"view\":\"site/S2\",\"ms\":200}");
    wait_for(&s, "snap");
    say(rig, "S1/L_T1", 1.0);
    say(rig, "S2/L_T2", 2.0);
    json_t *m = must_next(&s, "d");
    assert_int_equal(json_array_size(json_object_get(m, "v")), 1);
    json_decref(m);
    ws_say(&s.stream, "{\"op\":\"unsub\",\"id\":1}");
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":2,\"view\":\"tags\",\"tags\":[\"S1/F_PU1\"],\"ms\":200}");
    wait_for(&s, "snap");
    say(rig, "S2/L_T2", 3.0);
    say(rig, "S1/F_PU1", 4.0);
    m = must_next(&s, "d");
    const json_t *value = json_array_get(json_object_get(m, "v"), 0);
    assert_int_equal(json_array_size(json_object_get(m, "v")), 1);
    assert_true(json_number_value(json_array_get(value, 1)) == 4.0);
    json_decref(m);
    close_screen(&s);
}

/* --- alarms */

static void each_alarm_event_comes_once_in_order(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "olaf");
    open_screen(rig, &s);
    json_t *m = must_next(&s, "hello");
    json_int_t n = number_at(m, "n");
    json_decref(m);
    for (int i = 0; i < 5; i++) {
        say(rig, "S1/L_T1", 9.0);
        say(rig, "S1/L_T1", 5.0);
    }
    for (int i = 0; i < 10; i++) {
        m = must_next(&s, "alarm");
        assert_int_equal(number_at(m, "n"), n + 1 + i);
        assert_string_equal(text_at(json_object_get(m, "a"), "name"), "S1/L_T1.high");
        assert_string_equal(text_at(json_object_get(m, "r"), "alarm"), "S1/L_T1.high");
        assert_string_equal(text_at(json_object_get(m, "r"), "kind"),
                            i % 2 == 1 ? "rtn" : (i == 0 ? "raise" : "reraise"));
        json_decref(m);
    }
    close_screen(&s);
}

static void a_client_goes_on_where_it_was_or_is_told_to_load_again(void **state) {
    struct rig *rig = *state;
    struct screen s;
    char text[128];
    char epoch[32];
    log_in(rig, "olaf");
    open_screen(rig, &s);
    json_t *m = must_next(&s, "hello");
    json_int_t n = number_at(m, "n");
    (void)snprintf(epoch, sizeof epoch, "%s", text_at(m, "e"));
    json_decref(m);
    close_screen(&s);
    say(rig, "S1/L_T1", 9.0);
    say(rig, "S1/L_T1", 5.0);
    open_screen(rig, &s);
    (void)snprintf(text, sizeof text, "{\"op\":\"resume\",\"e\":\"%s\",\"n\":%lld}", epoch, (long long)n);
    ws_say(&s.stream, text);
    for (json_int_t i = 1; i <= 2; i++) {
        m = must_next(&s, "alarm");
        assert_int_equal(number_at(m, "n"), n + i);
        json_decref(m);
    }
    (void)snprintf(text, sizeof text, "{\"op\":\"resume\",\"e\":\"other\",\"n\":%lld}", (long long)n);
    ws_say(&s.stream, text);
    m = must_next(&s, "resync");
    assert_string_equal(text_at(m, "why"), "epoch");
    json_decref(m);
    (void)snprintf(text, sizeof text, "{\"op\":\"resume\",\"e\":\"%s\",\"n\":%lld}", epoch,
                   (long long)n + 99);
    ws_say(&s.stream, text);
    m = must_next(&s, "resync");
    assert_string_equal(text_at(m, "why"), "overflow");
    json_decref(m);
    close_screen(&s);
}

/* --- ends */

static void a_new_revision_makes_all_look_again(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "erna");
    open_screen(rig, &s);
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":1,\"view\":\"overview\",\"ms\":200}");
    wait_for(&s, "snap");
    struct answer a = tls_client_ask(&rig->client, "PUT", "/api/sites/S0", "If-None-Match: *\r\n",
                                     "{\"reason\":\"r\",\"value\":{\"name\":\"S0\"}}");
    assert_int_equal(a.status, 201);
    answer_done(&a);
    json_t *m = must_next(&s, "resync");
    assert_string_equal(text_at(m, "why"), "config");
    json_decref(m);
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":1,\"view\":\"overview\",\"ms\":200}");
    m = must_next(&s, "snap");
    assert_int_equal(json_array_size(json_object_get(m, "v")), 2);
    json_decref(m);
    close_screen(&s);
}

static void a_logout_ends_the_sessions_sockets_and_no_others(void **state) {
    struct rig *rig = *state;
    struct screen mine;
    struct screen other;
    log_in(rig, "olaf");
    open_screen(rig, &other);
    log_in(rig, "vera");
    open_screen(rig, &mine);
    struct answer a = tls_client_ask(&rig->client, "DELETE", "/api/session", "", NULL);
    assert_int_equal(a.status, 204);
    answer_done(&a);
    json_t *m = must_next(&mine, "bye");
    assert_string_equal(text_at(m, "why"), "session");
    json_decref(m);
    assert_null(next(&mine, "never"));
    assert_int_equal(mine.code, 4001);
    wait_for(&other, "hb");
    wait_for(&other, "hb");
    close_screen(&mine);
    close_screen(&other);
}

static void revoke_all(struct rig *rig, void *ctx) {
    (void)ctx;
    memset(rig->sessions, 0, sizeof rig->sessions);
}

static void a_session_revoked_elsewhere_ends_its_sockets_soon(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "vera");
    open_screen(rig, &s);
    wait_for(&s, "hello");
    rig_call(rig, revoke_all, NULL);
    json_t *m = must_next(&s, "bye");
    assert_string_equal(text_at(m, "why"), "session");
    json_decref(m);
    close_screen(&s);
}

static void a_stop_says_goodbye(void **state) {
    (void)state;
    struct rig *rig = calloc(1, sizeof *rig);
    struct screen s;
    rig_start(rig, true);
    log_in(rig, "vera");
    open_screen(rig, &s);
    wait_for(&s, "hello");
    rig_call(rig, rig_begin_stop, NULL);
    json_t *m = must_next(&s, "bye");
    assert_string_equal(text_at(m, "why"), "shutdown");
    json_decref(m);
    close_screen(&s);
    rig_end(rig);
    free(rig);
}

/* --- slow and many */

enum { FLOOD = 300 };

static void flood(struct rig *rig, void *ctx) {
    (void)ctx;
    static const char *const tags[] = {"S1/L_T1", "S1/F_PU1", "S2/L_T2"};
    for (int n = 0; n < FLOOD; n++) {
        for (size_t i = 0; i < COUNT(tags); i++) {
            struct feed f = {.tag = tags[i], .value = 1 + n % 40 * 0.125};
            feed(rig, &f);
        }
    }
}

static void a_slow_screen_gets_the_newest_and_nothing_older_twice(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "vera");
    open_screen(rig, &s);
    ws_say(&s.stream, "{\"op\":\"sub\",\"id\":1,\"view\":\"site/S1\",\"ms\":200}");
    wait_for(&s, "snap");
    rig_call(rig, flood, NULL); /* in one turn: however slow this machine is, it is faster than the screen */
    say(rig, "S1/L_T1", 7.75);
    double last = 0;
    int frames = 0;
    while (last != 7.75) {
        json_t *m = must_next(&s, "d");
        const json_t *v = json_object_get(m, "v");
        assert_true(json_array_size(v) <= 2);
        frames++;
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (json_integer_value(json_array_get(json_array_get(v, i), 0)) ==
                (json_int_t)model_find_tag(rig->model, slice_str("S1/L_T1"))) {
                last = json_number_value(json_array_get(json_array_get(v, i), 1));
            }
        }
        json_decref(m);
    }
    assert_in_range(frames, 1, 2); /* of FLOOD and one changes of each tag */
    close_screen(&s);
}

static void toggle(struct rig *rig, void *ctx) {
    (void)ctx;
    for (int i = 0; i < 100; i++) {
        struct feed high = {.tag = "S1/L_T1", .value = 9.0};
        struct feed low = {.tag = "S1/L_T1", .value = 5.0};
        feed(rig, &high);
        feed(rig, &low);
    }
}

static void count_screens(struct rig *rig, void *ctx) {
    *(uint32_t *)ctx = live_count(rig->api->live);
}

static void a_screen_that_takes_nothing_is_closed_and_no_other_waits_for_it(void **state) {
    struct rig *rig = *state;
    struct screen stopped;
    struct screen other;
    uint32_t n = 0;
    log_in(rig, "vera");
    open_screen(rig, &other);
    rig->client.receive_buffer = 4096;
    open_screen(rig, &stopped);
    rig->client.receive_buffer = 0;
    rig_call(rig, count_screens, &n);
    assert_int_equal(n, 2);
    /* Each event is some hundred bytes: together more than the kernels hold for one that does not read. */
    for (int i = 0; i < 15; i++) {
        rig_call(rig, toggle, NULL);
        for (int j = 0; j < 200; j++) {
            json_t *m = next(&other, "alarm");
            assert_non_null(m);
            json_decref(m);
        }
    }
    while (n == 2) { /* on a slow machine it has been closed by now */
        wait_for(&other, "hb");
        rig_call(rig, count_screens, &n);
    }
    assert_int_equal(n, 1);
    close_screen(&stopped);
    close_screen(&other);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(only_our_own_pages_with_a_session_get_a_socket),
        WITH_RIG(a_session_has_at_most_four_sockets),
        WITH_RIG(the_first_words_are_who_and_how_things_are),
        WITH_RIG(a_change_of_status_is_told),
        WITH_RIG(a_view_gives_a_snapshot_and_then_changes),
        WITH_RIG(views_are_told_apart),
        WITH_RIG(what_makes_no_sense_gets_an_error_and_the_socket_stays),
        WITH_RIG(a_message_may_come_in_pieces_but_not_be_too_big),
        WITH_RIG(who_talks_too_much_is_shown_out),
        WITH_RIG(after_unsub_nothing_comes_and_the_same_id_replaces),
        WITH_RIG(each_alarm_event_comes_once_in_order),
        WITH_RIG(a_client_goes_on_where_it_was_or_is_told_to_load_again),
        WITH_RIG(a_new_revision_makes_all_look_again),
        WITH_RIG(a_logout_ends_the_sessions_sockets_and_no_others),
        WITH_RIG(a_session_revoked_elsewhere_ends_its_sockets_soon),
        cmocka_unit_test(a_stop_says_goodbye),
        WITH_RIG(a_screen_that_takes_nothing_is_closed_and_no_other_waits_for_it),
        WITH_RIG(a_slow_screen_gets_the_newest_and_nothing_older_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
