#include "protocol/gateway/device_health.h"
#include "tests/lib/unit.h"

#define S INT64_C(1000000)

struct step {
    enum device_event event;
    enum device_state state;
    enum device_change change;
    int64_t wait_us;
};

static void walk(struct device_health *h, const struct step *steps, size_t n) {
    for (size_t i = 0; i < n; i++) {
        enum device_change change = device_health_step(h, steps[i].event);
        if (h->state != steps[i].state || change != steps[i].change ||
            device_health_wait_us(h) != steps[i].wait_us) {
            fail_msg("step %zu: state %d, change %d, wait %lld", i, (int)h->state, (int)change,
                     (long long)device_health_wait_us(h));
        }
    }
}

static void one_failure_is_not_the_end_and_three_are(void **state) {
    (void)state;
    static const struct step steps[] = {
        {DEVICE_ANSWERED, DEVICE_UP, DEVICE_COME_UP, S / 2},
        {DEVICE_ANSWERED, DEVICE_UP, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_FAILED, DEVICE_SHAKY, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_FAILED, DEVICE_SHAKY, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_ANSWERED, DEVICE_UP, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_FAILED, DEVICE_SHAKY, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_FAILED, DEVICE_SHAKY, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_FAILED, DEVICE_DOWN, DEVICE_GONE_DOWN, S},
        {DEVICE_FAILED, DEVICE_DOWN, DEVICE_NO_CHANGE, 2 * S},
        {DEVICE_FAILED, DEVICE_DOWN, DEVICE_NO_CHANGE, 4 * S},
        {DEVICE_FAILED, DEVICE_DOWN, DEVICE_NO_CHANGE, 5 * S},
        {DEVICE_FAILED, DEVICE_DOWN, DEVICE_NO_CHANGE, 5 * S},
        {DEVICE_ANSWERED, DEVICE_UP, DEVICE_COME_UP, S / 2},
        {DEVICE_FAILED, DEVICE_SHAKY, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_FAILED, DEVICE_SHAKY, DEVICE_NO_CHANGE, S / 2},
        {DEVICE_FAILED, DEVICE_DOWN, DEVICE_GONE_DOWN, S}, /* the pauses begin anew */
    };
    struct device_health h;
    device_health_init(&h, 3, S / 2, 5 * S);
    walk(&h, steps, COUNT(steps));
}

static void a_device_that_never_answered_is_down_at_once(void **state) {
    (void)state;
    static const struct step steps[] = {{DEVICE_FAILED, DEVICE_DOWN, DEVICE_GONE_DOWN, S},
                                        {DEVICE_ANSWERED, DEVICE_UP, DEVICE_COME_UP, S / 2}};
    struct device_health h;
    device_health_init(&h, 3, S / 2, 5 * S);
    walk(&h, steps, COUNT(steps));
}

static void with_one_failure_allowed_the_first_is_the_end(void **state) {
    (void)state;
    static const struct step steps[] = {{DEVICE_ANSWERED, DEVICE_UP, DEVICE_COME_UP, 60 * S},
                                        {DEVICE_FAILED, DEVICE_DOWN, DEVICE_GONE_DOWN, 60 * S}};
    struct device_health h;
    device_health_init(&h, 1, 60 * S,
                       5 * S); /* a device that is asked rarely is not asked more often when down */
    walk(&h, steps, COUNT(steps));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_failure_is_not_the_end_and_three_are),
        cmocka_unit_test(a_device_that_never_answered_is_down_at_once),
        cmocka_unit_test(with_one_failure_allowed_the_first_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
