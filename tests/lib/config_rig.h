/* What tests of configurations share: a set of one site S1 with a gateway and tags, items put by the rest of
 * their body, and what compiling says. */
#ifndef PENSTOCK_TESTS_CONFIG_RIG_H
#define PENSTOCK_TESTS_CONFIG_RIG_H

#include "server/config/config.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

static const uint64_t rig_seed[2] = {1, 2};

/* NULL if it is right, else its code; what the fault says is in *ret. */
static inline const char *rig_try_put(struct config_set *set, enum config_kind kind, const char *name,
                                      const char *rest, struct config_fault *ret) {
    char body[8192];
    (void)snprintf(body, sizeof body, "{\"name\":\"%s\"%s%s}", name, rest[0] == '\0' ? "" : ",", rest);
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    if (config_set_put(set, kind, slice_str(name), slice_str(body), 7, 3, faults, &n) == OK) {
        return NULL;
    }
    *ret = faults[0];
    if (n != 1) {
        (void)snprintf(ret->text, sizeof ret->text, "%u faults, %s %s, %s %s", n, faults[0].pointer,
                       faults[0].code, faults[1].pointer, faults[1].code);
    }
    return n == 1 ? ret->code : "several";
}

static inline void rig_put(struct config_set *set, enum config_kind kind, const char *name,
                           const char *rest) {
    struct config_fault fault;
    if (rig_try_put(set, kind, name, rest, &fault) != NULL) {
        fail_msg("%s: %s %s: %s", name, fault.code, fault.pointer, fault.text);
    }
}

/* Site S1 (UTC, gateway g1) with tags
 *   S1/L level m 0..10, S1/SP setpoint cm, S1/F flow L/s 0..100, S1/P power kW 0..60, S1/T temperature degC,
 *   S1/RUN, S1/CMD bool, S1/MODE int with states off, hand, auto; and its comm alarm. */
static inline struct config_set *rig_set(void) {
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    rig_put(set, CONFIG_SITE, "S1", "");
    rig_put(set, CONFIG_GATEWAY, "g1", "\"site\":\"S1\"");
    rig_put(set, CONFIG_TAG, "S1/L",
            "\"gateway\":\"g1\",\"unit\":\"m\",\"low\":0,\"high\":10,\"stale_s\":30");
    rig_put(set, CONFIG_TAG, "S1/SP", "\"gateway\":\"g1\",\"unit\":\"cm\",\"low\":0,\"high\":1000");
    rig_put(set, CONFIG_TAG, "S1/F", "\"gateway\":\"g1\",\"unit\":\"L/s\",\"low\":0,\"high\":100");
    rig_put(set, CONFIG_TAG, "S1/P", "\"gateway\":\"g1\",\"unit\":\"kW\",\"low\":0,\"high\":60");
    rig_put(set, CONFIG_TAG, "S1/T", "\"gateway\":\"g1\",\"unit\":\"degC\",\"low\":-50,\"high\":150");
    rig_put(set, CONFIG_TAG, "S1/N", "\"gateway\":\"g1\",\"low\":0,\"high\":10");
    rig_put(set, CONFIG_TAG, "S1/RUN", "\"gateway\":\"g1\",\"type\":\"bool\"");
    rig_put(set, CONFIG_TAG, "S1/CMD", "\"gateway\":\"g1\",\"type\":\"bool\"");
    rig_put(
        set, CONFIG_TAG, "S1/MODE",
        "\"gateway\":\"g1\",\"type\":\"int\",\"low\":0,\"high\":2,\"states\":[\"off\",\"hand\",\"auto\"]");
    rig_put(set, CONFIG_ALARM, "S1/g1.comm", "\"kind\":\"comm\",\"gateway\":\"g1\",\"priority\":2");
    return set;
}

static inline struct model *rig_compile(const struct config_set *set) {
    struct model *m = NULL;
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err = {0};
    if (config_compile(set, 42, rig_seed, &m, faults, &n, &err) != OK) {
        fail_msg("%u faults, %s: %s", n, err.where, err.text);
    }
    return m;
}

/* Exactly that one fault. */
static inline void rig_assert_fault(const struct config_set *set, const char *code, const char *pointer,
                                    const char *text) {
    struct model *m = NULL;
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_compile(set, 42, rig_seed, &m, faults, &n, NULL);
    model_free(&m);
    if (status != ERR_INVALID || n != 1 || strcmp(faults[0].code, code) != 0 ||
        strcmp(faults[0].pointer, pointer) != 0 || strstr(faults[0].text, text) == NULL) {
        fail_msg("%s, %u faults, first %s %s: %s; wanted %s %s: %s", status_name(status), n,
                 n > 0 ? faults[0].code : "", n > 0 ? faults[0].pointer : "", n > 0 ? faults[0].text : "",
                 code, pointer, text);
    }
}

static inline const struct model_alarm *rig_alarm(const struct model *m, const char *name) {
    uint32_t i = model_find_alarm(m, slice_str(name));
    assert_int_not_equal(i, MODEL_NONE);
    return &m->alarms[i];
}

static inline const struct model_alarm_more *rig_more(const struct model *m, const char *name) {
    return model_alarm_more(m, model_find_alarm(m, slice_str(name)));
}

#endif
