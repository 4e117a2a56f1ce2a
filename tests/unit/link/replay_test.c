#include "protocol/config_msg.h"
#include "server/link/replay.h"
#include "tests/unit/link/rig.h"

enum { BODY = 4096 };

/* A DATA record of the rig's dictionary 1 with two samples, one of a tag that is not configured. */
static void data_body(struct buf *body, uint32_t alias) {
    struct link_sample v[] = {rig_level(2.25), rig_level(7)};
    v[1].alias = alias;
    rig_data_body(body, true, 3, 17, 1, v, 2);
}

static void dict_body(struct buf *body, bool more) {
    const struct dict_entry v[] = {rig_entry(1, "L_T1", VALUE_F64), rig_entry(4, "no_such", VALUE_F64)};
    buf_init(body, BODY);
    prefix_encode(body, true, &(struct msg_prefix){.ep = 2, .seq = 0, .dict = 1});
    dict_encode(body, 0, more, v, COUNT(v));
}

struct world {
    struct model *model;
    struct sample samples[LINK_SAMPLES_MAX];
    struct buf dict;
    struct link_dict dicts[1];
    struct buf text;
    struct replay_result result;
};

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->model = rig_model(2, false);
    dict_body(&w->dict, false);
    w->dicts[0] = (struct link_dict){.epoch = 600, .dict = 1, .body = buf_slice(&w->dict)};
    buf_init(&w->text, 1 << 20);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    model_free(&w->model);
    buf_done(&w->dict);
    buf_done(&w->text);
    free(w);
    return 0;
}

/* What the record says, and what comes of it. Takes body. */
static const char *replay(struct world *w, uint8_t type, struct buf *body, uint32_t n_dicts,
                          uint32_t gateway) {
    struct replay in = {.type = type,
                        .body = buf_slice(body),
                        .epoch = 600,
                        .dicts = w->dicts,
                        .n_dicts = n_dicts,
                        .model = w->model,
                        .gateway = gateway,
                        .samples = w->samples};
    buf_clear(&w->text);
    replay_read(&in, &w->text, &w->result);
    buf_byte(&w->text, '\0');
    buf_done(body);
    return (const char *)w->text.p;
}

static void what_can_be_read_now_is_usable(void **state) {
    struct world *w = *state;
    struct buf body;
    data_body(&body, 4);
    assert_string_equal(replay(w, MSG_DATA, &body, 1, 0),
                        "DATA, type 11, number 17, dictionary 1, 31 bytes\n"
                        "2026-09-21T14:13:20Z L_T1 (alias 1) = 2.25, quality 00\n"
                        "2026-09-21T14:13:20Z no_such (alias 4) = 7, quality 00, not in the configuration\n");
    assert_true(w->result.usable);
    assert_int_equal(w->result.n_samples, 1);
    assert_int_equal(w->result.unknown, 1);
    assert_int_equal(w->samples[0].tag, RIG_TAG_LEVEL);
    assert_true(w->samples[0].value == 2.25 && w->samples[0].t_us == 1790000000000000);
}

static void what_is_wrong_is_told_with_what_could_be_read_before(void **state) {
    struct world *w = *state;
    struct buf body;
    data_body(&body, 9); /* not in the dictionary */
    assert_string_equal(replay(w, MSG_DATA, &body, 1, 0),
                        "DATA, type 11, number 17, dictionary 1, 31 bytes\n"
                        "2026-09-21T14:13:20Z L_T1 (alias 1) = 2.25, quality 00\n");
    assert_false(w->result.usable);
    assert_int_equal(w->result.n_samples, 0);
    assert_true(strlen(w->result.fault.text) > 0);
}

static void without_its_dictionary_data_says_little(void **state) {
    struct world *w = *state;
    struct buf body;
    data_body(&body, 4);
    (void)replay(w, MSG_DATA, &body, 0, 0);
    assert_false(w->result.usable);
    assert_string_equal(w->result.fault.text, "dictionary 1 is not stored, or not whole");
    buf_done(&w->dict);
    dict_body(&w->dict, true);
    w->dicts[0].body = buf_slice(&w->dict);
    data_body(&body, 4);
    (void)replay(w, MSG_DATA, &body, 1, 0);
    assert_false(w->result.usable);
}

static void a_gateway_without_tags_of_it_has_nothing_to_keep(void **state) {
    struct world *w = *state;
    struct buf body;
    data_body(&body, 4);
    (void)replay(w, MSG_DATA, &body, 1, MODEL_NONE);
    assert_false(w->result.usable);
    data_body(&body, 4);
    (void)replay(w, MSG_DATA, &body, 1, 1); /* gw-s2 has no L_T1 */
    assert_false(w->result.usable);
    assert_int_equal(w->result.unknown, 2);
}

static void a_dictionary_is_usable_once(void **state) {
    struct world *w = *state;
    struct buf body;
    dict_body(&body, false);
    assert_string_equal(replay(w, MSG_DICT, &body, 0, 0), "DICT, type 10, number 0, dictionary 1, 31 bytes\n"
                                                          "alias 1: L_T1, f64\nalias 4: no_such, f64\n");
    assert_true(w->result.usable);
    dict_body(&body, false);
    (void)replay(w, MSG_DICT, &body, 1, 0); /* it is there already */
    assert_false(w->result.usable);
}

static void what_a_gateway_tells_is_usable_and_unknown_types_are_not(void **state) {
    struct world *w = *state;
    struct buf body;
    buf_init(&body, BODY);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = 1});
    event_encode(&body, &(struct msg_event){
                            .code = EVENT_DEVICE_DOWN, .path = slice_str("plc"), .text = slice_str("gone")});
    assert_non_null(strstr(replay(w, MSG_EVENT, &body, 0, 0),
                           "gateway.device_down: code 3 at 1970-01-01T00:00:00Z, plc: gone\n"));
    assert_true(w->result.usable);
    assert_int_equal(w->result.n_samples, 0);
    assert_string_equal(w->result.told.action, "gateway.device_down");
    assert_false(w->result.told.has_lost);
    buf_init(&body, BODY);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = 1});
    config_result_encode(&body, &(struct msg_config_result){.version = 7, .outcome = CONFIG_REFUSED});
    (void)replay(w, MSG_CFG_RESULT, &body, 0, 0);
    assert_true(w->result.usable);
    assert_string_equal(w->result.told.action, "link.unasked");
    buf_init(&body, BODY);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = 1});
    (void)replay(w, MSG_CMD_RESULT, &body, 0, 0); /* cut */
    assert_false(w->result.usable);
    assert_null(w->result.told.action);
    buf_init(&body, BODY);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = 1});
    (void)replay(w, 0x70, &body, 0, 0);
    assert_string_equal(w->result.fault.text, "this server does not know type 0x70");
    buf_init(&body, BODY);
    buf_byte(&body, 0x80);
    assert_string_equal(replay(w, MSG_DATA, &body, 0, 0), "");
    assert_false(w->result.usable);
}

static void many_samples_are_told_up_to_a_limit(void **state) {
    struct world *w = *state;
    struct buf body;
    struct link_sample v[REPLAY_LINES_MAX + 50];
    for (uint32_t i = 0; i < COUNT(v); i++) {
        v[i] = rig_level(i);
        v[i].t_us += i;
    }
    rig_data_body(&body, true, 0, 17, 1, v, COUNT(v));
    const char *text = replay(w, MSG_DATA, &body, 1, 0);
    uint32_t lines = 0;
    for (const char *p = text; *p != '\0'; p++) {
        lines += *p == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 1 + REPLAY_LINES_MAX + 1);
    assert_int_equal(w->result.n_samples, COUNT(v));
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(what_can_be_read_now_is_usable),
        IN_WORLD(what_is_wrong_is_told_with_what_could_be_read_before),
        IN_WORLD(without_its_dictionary_data_says_little),
        IN_WORLD(a_gateway_without_tags_of_it_has_nothing_to_keep),
        IN_WORLD(a_dictionary_is_usable_once),
        IN_WORLD(what_a_gateway_tells_is_usable_and_unknown_types_are_not),
        IN_WORLD(many_samples_are_told_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
