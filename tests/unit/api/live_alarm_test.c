/* What the live socket tells of alarms: events, silences, counts, how far the journal is durable.
 *
 * Covers: live.c, live_msg.c, live_sub.c. */
#include "server/api/live.h"
#include "tests/unit/api/talk.h"

struct screen {
    struct stream stream;
    struct buf text;
    int code;
};

static void open_screen(struct rig *rig, struct screen *s) {
    char origin[64];
    int status = 0;
    (void)snprintf(origin, sizeof origin, "https://127.0.0.1:%u", rig->client.port);
    buf_init(&s->text, (size_t)1 << 20);
    (void)ws_open(&rig->client, &s->stream, origin, "penstock.v1", &status);
    assert_int_equal(status, 101);
}

static void close_screen(struct screen *s) {
    stream_close(&s->stream);
    buf_done(&s->text);
}

/* The next message with one of these ops. */
static json_t *next_of(struct screen *s, const char *op, const char *or_op) {
    while (ws_next(&s->stream, &s->text, &s->code)) {
        json_t *m = json_loads((const char *)s->text.p, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(m);
        if (strcmp(text_at(m, "op"), op) == 0 || strcmp(text_at(m, "op"), or_op) == 0) {
            return m;
        }
        json_decref(m);
    }
    fail_msg("the socket ended before %s", op);
    return NULL;
}

static json_t *next(struct screen *s, const char *op) {
    return next_of(s, op, op);
}

static void silence(struct rig *rig, const char *body) {
    assert_int_equal(status_of(rig, "POST", "/api/alarms/silence", body), 204);
}

static void resume(struct screen *s, const char *epoch, json_int_t n) {
    char text[128];
    (void)snprintf(text, sizeof text, "{\"op\":\"resume\",\"e\":\"%s\",\"n\":%lld}", epoch, (long long)n);
    ws_say(&s->stream, text);
}

static void a_silence_is_told_behind_the_event_that_it_followed(void **state) {
    struct rig *rig = *state;
    struct screen s;
    char epoch[32];
    log_in(rig, "olaf");
    open_screen(rig, &s);
    json_t *m = next(&s, "hello");
    json_int_t n = number_at(m, "n");
    (void)snprintf(epoch, sizeof epoch, "%s", text_at(m, "e"));
    json_decref(m);
    level(rig, 9);
    json_decref(next(&s, "alarm"));
    silence(rig, "{\"position\":\"main\"}");
    m = next(&s, "silence");
    assert_string_equal(text_at(m, "position"), "main");
    assert_int_equal(number_at(m, "n"), n + 1);
    json_decref(m);
    silence(rig, "{}");
    m = next(&s, "silence");
    assert_true(json_is_null(json_object_get(m, "position")));
    json_decref(m);
    level(rig, 5);
    json_decref(next(&s, "alarm"));
    close_screen(&s);

    /* Who was away hears the same, in the same order. */
    open_screen(rig, &s);
    json_decref(next(&s, "counts")); /* what a new socket is told is over */
    resume(&s, epoch, n);
    static const char *const story[] = {"alarm", "silence", "silence", "alarm"};
    for (size_t i = 0; i < COUNT(story); i++) {
        m = next_of(&s, "alarm", "silence");
        assert_string_equal(text_at(m, "op"), story[i]);
        json_decref(m);
    }
    /* Who knows the event may not have heard what followed it. */
    resume(&s, epoch, n + 1);
    for (size_t i = 1; i < COUNT(story); i++) {
        m = next_of(&s, "alarm", "silence");
        assert_string_equal(text_at(m, "op"), story[i]);
        json_decref(m);
    }
    /* Who knows the event behind it need not hear it. */
    resume(&s, epoch, n + 2);
    level(rig, 9);
    m = next_of(&s, "alarm", "silence");
    assert_string_equal(text_at(m, "op"), "alarm");
    json_decref(m);
    close_screen(&s);
}

/* The newest state in events is the one that a list tells: fold and list agree. */
static void an_event_carries_the_alarm_as_a_list_tells_it(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "olaf");
    open_screen(rig, &s);
    json_decref(next(&s, "hello"));
    level(rig, 9);
    json_t *m = next(&s, "alarm");
    json_t *list = must(rig, 200, "GET", "/api/alarms", NULL);
    assert_true(json_equal(json_object_get(m, "a"), (json_t *)item_at(list, "alarms", 0)));
    assert_int_equal(number_at(list, "n"), number_at(m, "n"));
    assert_string_equal(text_at(json_object_get(m, "r"), "kind"), "raise");
    json_decref(list);
    json_decref(m);
    close_screen(&s);
}

static void counts_come_with_the_hello_and_when_they_change(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "olaf");
    open_screen(rig, &s);
    json_t *m = next(&s, "counts");
    assert_int_equal(json_array_size(json_object_get(m, "unacked")), 5);
    assert_int_equal(json_integer_value(item_at(m, "unacked", 0)), 0);
    assert_true(json_is_false(json_object_get(m, "flooded")));
    json_decref(m);
    level(rig, 9);
    m = next(&s, "counts");
    assert_int_equal(json_integer_value(item_at(m, "unacked", 0)), 1);
    assert_int_equal(json_integer_value(item_at(m, "unacked", 1)), 1);
    assert_int_equal(number_at(m, "active"), 1);
    json_decref(m);
    close_screen(&s);
}

static void store_two(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->durable = 2;
}

static void the_heartbeat_says_how_far_the_journal_is_durable(void **state) {
    struct rig *rig = *state;
    struct screen s;
    log_in(rig, "olaf");
    open_screen(rig, &s);
    json_t *m = next(&s, "hb");
    assert_int_equal(number_at(m, "j"), 0);
    json_decref(m);
    rig_call(rig, store_two, NULL);
    m = next(&s, "hb");
    assert_int_equal(number_at(m, "j"), 2);
    json_decref(m);
    close_screen(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_silence_is_told_behind_the_event_that_it_followed),
        WITH_RIG(an_event_carries_the_alarm_as_a_list_tells_it),
        WITH_RIG(counts_come_with_the_hello_and_when_they_change),
        WITH_RIG(the_heartbeat_says_how_far_the_journal_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
