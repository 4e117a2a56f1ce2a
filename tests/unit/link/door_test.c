/* Covers: door.c */
#include "server/base/tm.h"
#include "server/link/door.h"
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { HALF_OPEN = 6, HANDSHAKES = 4, ADDRESS_A_SECOND = 2 };
static const int64_t start = 100 * TM_HOUR_US;
static struct link_limits limits;

static struct door_key key_of(const char *text) {
    struct sockaddr_storage addr = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        addr.ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        addr.ss_family = AF_INET6;
    }
    return door_key(&addr);
}

static void enter(struct door *d, struct door_guest *g, const char *address, int64_t at_us) {
    struct door_key key = key_of(address);
    door_enter(d, g, &key, at_us);
}

static void knock(struct door *d, struct door_guest *g, const char *address, int64_t at_us) {
    enter(d, g, address, at_us);
    door_ready(d, g, at_us);
}

static void shake(struct door *d, struct door_guest *g, const char *address, int64_t at_us) {
    knock(d, g, address, at_us);
    door_shake(d, g, at_us);
}

static struct door *new_door(void) {
    limits = (struct link_limits){
        .half_open = HALF_OPEN, .handshakes = HANDSHAKES, .address_handshakes_per_s = ADDRESS_A_SECOND};
    struct door *d = door_new(&limits);
    assert_non_null(d);
    return d;
}

static void an_address_is_all_of_ipv4_and_the_site_of_ipv6(void **state) {
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"unknown", "unknown", true},
        {"unknown", "0.0.0.1", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct door_key a = key_of(cases[i].a);
        struct door_key b = key_of(cases[i].b);
        assert_int_equal(memcmp(&a, &b, sizeof a) == 0, cases[i].same);
    }
}

static void those_who_are_ready_go_in_the_order_in_which_they_were_and_the_silent_never(void **state) {
    (void)state;
    struct door *d = new_door();
    struct door_guest g[4] = {0};
    enter(d, &g[0], "192.0.2.1", start);
    assert_null(door_next(d, start));
    enter(d, &g[1], "192.0.2.2", start);
    knock(d, &g[2], "192.0.2.3", start + 1);
    door_ready(d, &g[1], start + 2);
    knock(d, &g[3], "192.0.2.3", start + 3);
    assert_ptr_equal(door_next(d, start + 3), &g[2]);
    door_shake(d, &g[2], start + 3);
    assert_ptr_equal(door_next(d, start + 3), &g[1]);
    door_leave(d, &g[1]);
    assert_ptr_equal(door_next(d, start + 3), &g[3]);
    assert_int_equal(door_count(d, DOOR_SILENT), 1);
    assert_int_equal(door_count(d, DOOR_READY), 1);
    assert_int_equal(door_count(d, DOOR_SHAKING), 1);
    door_leave(d, &g[1]); /* it is not there: nothing happens */
    assert_int_equal(door_count(d, DOOR_READY), 1);
    door_free(&d);
}

/* An address whose share of a second's worth is used up waits for the others, and for nobody else. */
static void an_address_with_more_than_its_share_comes_after_the_others(void **state) {
    (void)state;
    struct door *d = new_door();
    struct door_guest many[5] = {0};
    struct door_guest one = {0};
    for (size_t i = 0; i < COUNT(many); i++) {
        knock(d, &many[i], "192.0.2.1", start);
    }
    for (size_t i = 0; i < 3; i++) { /* alone, it gets what it wants */
        assert_ptr_equal(door_next(d, start), &many[i]);
        door_shake(d, &many[i], start);
        door_leave(d, &many[i]);
    }
    knock(d, &one, "192.0.2.2", start + 1);
    assert_ptr_equal(door_next(d, start + 1), &one);
    assert_ptr_equal(door_next(d, start + TM_SECOND_US), &many[3]); /* paid for: the older goes first */
    door_leave(d, &one);
    assert_ptr_equal(door_next(d, start + 1), &many[3]);
    door_free(&d);
}

static void when_too_many_stand_there_the_address_that_has_most_gives_one_up(void **state) {
    (void)state;
    struct door *d = new_door();
    struct door_guest ready = {0};
    struct door_guest silent[HALF_OPEN] = {0};
    knock(d, &ready, "192.0.2.1", start);
    for (int64_t i = 0; i < HALF_OPEN - 1; i++) {
        enter(d, &silent[i], i == 0 ? "192.0.2.3" : i < 3 ? "192.0.2.1" : "192.0.2.2", start + i);
    }
    assert_null(door_too_many(d));
    enter(d, &silent[HALF_OPEN - 1], "192.0.2.4", start + HALF_OPEN);
    assert_ptr_equal(door_too_many(d), &silent[1]); /* the oldest silent one of the address with three */
    door_leave(d, &silent[1]);
    assert_null(door_too_many(d));
    enter(d, &silent[1], "192.0.2.4", start + HALF_OPEN + 1);
    assert_ptr_equal(door_too_many(d), &silent[2]); /* two each: of whom the oldest is oldest */
    door_free(&d);
}

static void of_many_gateways_behind_one_address_those_that_came_first_stay(void **state) {
    (void)state;
    struct door *d = new_door();
    struct door_guest g[HALF_OPEN + 1] = {0};
    for (size_t i = 0; i < COUNT(g); i++) {
        knock(d, &g[i], "192.0.2.1", start);
    }
    assert_ptr_equal(door_too_many(d), &g[HALF_OPEN]);
    door_free(&d);
}

static void a_handshake_of_the_address_that_has_most_gives_way_at_once(void **state) {
    (void)state;
    struct door *d = new_door();
    struct door_guest g[HANDSHAKES] = {0};
    struct door_guest other = {0};
    struct door_guest same = {0};
    shake(d, &g[0], "192.0.2.2", start);
    for (size_t i = 1; i < HANDSHAKES; i++) {
        shake(d, &g[i], "192.0.2.1", start + (int64_t)i);
    }
    int64_t now = start + 10;
    knock(d, &other, "192.0.2.3", now);
    knock(d, &same, "192.0.2.1", now);
    assert_ptr_equal(door_gives_way(d, &other, now), &g[1]);
    assert_null(door_gives_way(d, &same, now));
    assert_null(door_gives_way(d, &same, start + DOOR_CROWDED_US - 1));
    assert_ptr_equal(door_gives_way(d, &same, start + DOOR_CROWDED_US), &g[0]);
    door_free(&d);
}

static void when_each_address_has_one_handshake_the_oldest_gives_way(void **state) {
    (void)state;
    struct door *d = new_door();
    static const char *const from[HANDSHAKES] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"};
    struct door_guest g[HANDSHAKES] = {0};
    struct door_guest other = {0};
    for (size_t i = 0; i < HANDSHAKES; i++) {
        shake(d, &g[i], from[(i + 2) % HANDSHAKES], start + (int64_t)i);
    }
    knock(d, &other, "192.0.2.5", start + 10);
    assert_ptr_equal(door_gives_way(d, &other, start + 10), &g[0]);
    door_free(&d);
}

/* There are fewer places for addresses than come in a day: those of who has gone are used again. */
static void addresses_come_and_go(void **state) {
    (void)state;
    struct door *d = new_door();
    struct door_guest stays = {0};
    struct door_guest g = {0};
    char text[16];
    knock(d, &stays, "192.0.2.1", start);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof text, "10.0.%d.%d", i / 250, i % 250);
        shake(d, &g, text, start + i);
        door_leave(d, &g);
    }
    assert_ptr_equal(door_next(d, start), &stays);
    door_free(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_all_of_ipv4_and_the_site_of_ipv6),
        cmocka_unit_test(those_who_are_ready_go_in_the_order_in_which_they_were_and_the_silent_never),
        cmocka_unit_test(an_address_with_more_than_its_share_comes_after_the_others),
        cmocka_unit_test(when_too_many_stand_there_the_address_that_has_most_gives_one_up),
        cmocka_unit_test(of_many_gateways_behind_one_address_those_that_came_first_stay),
        cmocka_unit_test(a_handshake_of_the_address_that_has_most_gives_way_at_once),
        cmocka_unit_test(when_each_address_has_one_handshake_the_oldest_gives_way),
        cmocka_unit_test(addresses_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
