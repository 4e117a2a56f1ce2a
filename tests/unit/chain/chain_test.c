#include "server/chain/chain.h"
#include "tests/lib/unit.h"

#include <string.h>

static const uint8_t id_bytes[8] = {0, 0, 0, 0, 0, 0, 0, 7};
static const uint8_t at_bytes[8] = {0, 0, 0, 0, 0, 0x0f, 0x42, 0x40}; /* one second of 2000 */
static const uint8_t op_bytes[16] = {0x8f, 0x58, 0x23, 0x47, 0xe6, 0x0b, 0x4c, 0x8d,
                                     0x8b, 0x22, 0x71, 0x06, 0x79, 0xcd, 0x75, 0x39};

static void make_row(struct chain_field fields[8], const char *actor, const char *peer) {
    fields[0] = (struct chain_field){id_bytes, 8};
    fields[1] = (struct chain_field){at_bytes, 8};
    fields[2] = (struct chain_field){actor, (uint32_t)strlen(actor)};
    fields[3] = (struct chain_field){peer, (uint32_t)strlen(peer)};
    fields[4] = (struct chain_field){"x", 1};
    fields[5] = (struct chain_field){"", 0};
    fields[6] = (struct chain_field){0};
    fields[7] = (struct chain_field){op_bytes, 16};
}

static void hash_of(const struct chain_seal *seal, const char *actor, const char *peer, char ret[65]) {
    struct chain_field fields[8];
    make_row(fields, actor, peer);
    uint8_t hash[CHAIN_HASH_SIZE];
    struct buf text;
    buf_init(&text, 100);
    assert_int_equal(chain_hash(seal, &(struct chain_row){fields, 8}, hash, NULL), OK);
    chain_hex(&text, hash, sizeof hash);
    assert_int_equal(text.n, 64);
    memcpy(ret, text.p, 64);
    ret[64] = '\0';
    buf_done(&text);
}

/* Computed by another program (openssl dgst) from the bytes as the header describes them. */
static void a_hash_is_the_one_that_the_form_describes(void **state) {
    (void)state;
    const struct chain_seal seal = {
        .pos = 3, .form = 1, .source = CHAIN_AUDIT, .row_id = 7, .sealed_us = 1700000000000000};
    char text[65];
    hash_of(&seal, "ann", "", text);
    assert_string_equal(text, "5f0310b4491283c4f71da0b184eea84da4de3363ce81cc501605ce59cdc68dee");
}

static void every_number_of_a_place_and_every_border_of_a_field_counts(void **state) {
    (void)state;
    const struct chain_seal seal = {
        .pos = 3, .form = 1, .source = CHAIN_AUDIT, .row_id = 7, .sealed_us = 1700000000000000};
    struct chain_seal others[] = {seal, seal, seal, seal, seal, seal};
    others[0].pos = 4;
    others[1].form = 2;
    others[2].source = CHAIN_JOURNAL;
    others[3].row_id = -7;
    others[4].sealed_us++;
    others[5].prev[31] = 1;
    char right[65];
    char text[65];
    hash_of(&seal, "ann", "bob", right);
    for (size_t i = 0; i < COUNT(others); i++) {
        hash_of(&others[i], "ann", "bob", text);
        assert_string_not_equal(text, right);
    }
    hash_of(&seal, "annb", "ob", text);
    assert_string_not_equal(text, right);
}

static void null_is_not_an_empty_text(void **state) {
    (void)state;
    const struct chain_field null = {0};
    const struct chain_field empty = {"", 0};
    uint8_t a[CHAIN_HASH_SIZE];
    uint8_t b[CHAIN_HASH_SIZE];
    const struct chain_seal seal = {.pos = 1};
    assert_int_equal(chain_hash(&seal, &(struct chain_row){&null, 1}, a, NULL), OK);
    assert_int_equal(chain_hash(&seal, &(struct chain_row){&empty, 1}, b, NULL), OK);
    assert_memory_not_equal(a, b, sizeof a);
}

static void a_digest_taken_begins_anew(void **state) {
    (void)state;
    struct chain_digest *d = NULL;
    uint8_t a[CHAIN_HASH_SIZE];
    uint8_t b[CHAIN_HASH_SIZE];
    const struct chain_field f = {"x", 1};
    assert_int_equal(chain_digest_new(&d, NULL), OK);
    assert_int_equal(chain_digest_add(d, &f, NULL), OK);
    assert_int_equal(chain_digest_take(d, a, NULL), OK);
    assert_int_equal(chain_digest_add(d, &f, NULL), OK);
    assert_int_equal(chain_digest_take(d, b, NULL), OK);
    assert_memory_equal(a, b, sizeof a);
    chain_digest_free(&d);
    assert_null(d);
}

static void a_row_as_json_names_its_place_and_its_columns(void **state) {
    (void)state;
    struct chain_field fields[8];
    struct buf out;
    buf_init(&out, 4096);
    make_row(fields, "a\"nn", "1.2.3.4");
    struct chain_seal seal = {
        .pos = 3, .form = 1, .source = CHAIN_AUDIT, .row_id = 7, .sealed_us = 1700000000000000};
    memset(seal.hash, 0xab, sizeof seal.hash);
    chain_json(&out, &seal, &(struct chain_row){fields, 8});
    buf_byte(&out, 0);
    assert_string_equal(
        (const char *)out.p,
        "{\"pos\":3,\"sealed\":\"2023-11-14T22:13:20Z\",\"source\":\"audit\",\"id\":7,\"hash\":"
        "\"abababababababababababababababababababababababababababababababab\",\"row\":{\"audit_id\":7,"
        "\"at\":\"2000-01-01T00:00:01Z\",\"actor\":\"a\\\"nn\",\"peer\":\"1.2.3.4\",\"action\":\"x\","
        "\"object\":\"\","
        "\"detail\":null,\"op\":\"8f582347-e60b-4c8d-8b22-710679cd7539\"}}");
    buf_clear(&out);
    seal.source = 9;
    chain_json(&out, &seal, NULL);
    buf_byte(&out, 0);
    assert_non_null(strstr((const char *)out.p, "\"source\":\"unknown\",\"id\":7,"));
    assert_non_null(strstr((const char *)out.p, "\"row\":null}"));
    buf_done(&out);
}

static void hexadecimal_that_is_none_is_refused(void **state) {
    (void)state;
    uint8_t v[2];
    assert_true(chain_unhex("0aff", v, 2));
    assert_int_equal(v[0], 10);
    assert_int_equal(v[1], 255);
    assert_false(chain_unhex("0af", v, 2));
    assert_false(chain_unhex("0afff", v, 2));
    assert_false(chain_unhex("0aFF", v, 2));
    assert_false(chain_unhex("0a-f", v, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_the_one_that_the_form_describes),
        cmocka_unit_test(every_number_of_a_place_and_every_border_of_a_field_counts),
        cmocka_unit_test(null_is_not_an_empty_text),
        cmocka_unit_test(a_digest_taken_begins_anew),
        cmocka_unit_test(a_row_as_json_names_its_place_and_its_columns),
        cmocka_unit_test(hexadecimal_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
