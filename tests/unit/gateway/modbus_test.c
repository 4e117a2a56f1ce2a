/* The source against a device made with libmodbus' other half, in a thread. Covers: modbus_io.c,
 * modbus_job.c, modbus_config.c */
#include "protocol/gateway/modbus.h"
#include "server/base/clock.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <math.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RUN, LEVEL, SETPOINT, PULSES, TAGS_MAX = 8 };

/* ---- the device ---- */

struct device {
    int listener;
    int port;
    modbus_t *ctx;
    modbus_mapping_t *map;
    uv_thread_t thread;
    atomic_bool stop;
    atomic_bool mute;
    atomic_bool mute_writes;
    atomic_int writes;
};

static void serve(void *arg) {
    struct device *d = arg;
    int peer = -1;
    while (!atomic_load(&d->stop)) {
        struct pollfd fds[2] = {{.fd = d->listener, .events = POLLIN}, {.fd = peer, .events = POLLIN}};
        if (poll(fds, 2, 20) <= 0) {
            continue;
        }
        if ((fds[0].revents & POLLIN) != 0) {
            if (peer >= 0) {
                (void)close(peer);
            }
            peer = modbus_tcp_accept(d->ctx, &d->listener);
            continue;
        }
        uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
        int n = modbus_receive(d->ctx, query);
        if (n < 0) {
            (void)close(peer);
            peer = -1;
        } else if (n > 0 && !atomic_load(&d->mute)) {
            int writes = query[7] == 5 || query[7] == 6 || query[7] == 15 || query[7] == 16;
            (void)atomic_fetch_add(&d->writes, writes);
            if (writes == 0 || !atomic_load(&d->mute_writes)) {
                (void)modbus_reply(d->ctx, query, n, d->map);
            }
        }
    }
    if (peer >= 0) {
        (void)close(peer);
    }
}

static void device_start(struct device *d) {
    d->ctx = modbus_new_tcp("127.0.0.1", 0);
    d->listener = modbus_tcp_listen(d->ctx, 1);
    assert_true(d->listener >= 0);
    struct sockaddr_in address;
    socklen_t n = sizeof address;
    assert_int_equal(getsockname(d->listener, (struct sockaddr *)&address, &n), 0);
    d->port = ntohs(address.sin_port);
    d->map = modbus_mapping_new(4, 4, 8, 8);
    assert_int_equal(uv_thread_create(&d->thread, serve, d), 0);
}

static void device_stop(struct device *d) {
    atomic_store(&d->stop, true);
    (void)uv_thread_join(&d->thread);
    (void)close(d->listener);
    modbus_mapping_free(d->map);
    modbus_free(d->ctx);
}

/* ---- the gateway's side ---- */

struct fixture {
    struct device device;
    uv_loop_t loop;
    struct arena arena;
    struct settings_faults faults;
    struct source *source;
    uint32_t n_tags;
    unsigned samples[TAGS_MAX];
    double value[TAGS_MAX];
    uint8_t quality[TAGS_MAX];
    int up;      /* 1, 0; -1: not told */
    bool wanted; /* what may_begin says */
    unsigned written;
    enum status written_status;
    double written_value;
    struct error written_error;
};

static enum status define(void *ctx, const struct tag_def *def, uint32_t *ret_tag, struct error *err) {
    struct fixture *f = ctx;
    (void)def;
    (void)err;
    *ret_tag = f->n_tags++;
    return OK;
}

static enum status define_device(void *ctx, const char *name, uint32_t *ret_device, struct error *err) {
    (void)ctx;
    (void)err;
    assert_string_equal(name, "plc");
    *ret_device = 0;
    return OK;
}

static void put(void *ctx, uint32_t tag, int64_t t_us, double value, uint8_t quality) {
    struct fixture *f = ctx;
    assert_true(t_us > 0);
    f->samples[tag]++;
    f->value[tag] = value;
    f->quality[tag] = quality;
}

static void put_integer(void *ctx, uint32_t tag, int64_t t_us, int64_t value, uint8_t quality) {
    put(ctx, tag, t_us, (double)value, quality);
}

static void on_device(void *ctx, uint32_t device, enum source_device state, const char *reason) {
    struct fixture *f = ctx;
    assert_int_equal(device, 0);
    assert_true((reason[0] != '\0') == (state == SOURCE_DEVICE_DOWN));
    f->up = state == SOURCE_DEVICE_UP;
}

static void open_source(struct fixture *f, int timeout_ms) {
    char text[1000];
    (void)snprintf(text, sizeof text,
                   "{\"kind\": \"modbus\", \"devices\": [{\"name\": \"plc\", \"host\": \"127.0.0.1\", "
                   "\"port\": %d, \"poll_ms\": 20, \"timeout_ms\": %d, \"failures\": 1, \"retry_s\": 1, "
                   "\"tags\": ["
                   "{\"name\": \"RUN\", \"table\": \"coil\", \"address\": 1, \"writable\": true},"
                   "{\"name\": \"LEVEL\", \"table\": \"input\", \"address\": 2, \"scale\": 0.1},"
                   "{\"name\": \"SETPOINT\", \"table\": \"holding\", \"address\": 3, \"scale\": 0.5, "
                   "\"offset\": 10, \"writable\": true, \"deadband\": 100},"
                   "{\"name\": \"PULSES\", \"table\": \"holding\", \"address\": 4, \"type\": \"uint32\", "
                   "\"order\": \"CDAB\", \"writable\": true}]}]}",
                   f->device.port, timeout_ms);
    arena_init(&f->arena, SETTINGS_TEXTS_MAX);
    struct settings s;
    assert_int_equal(settings_init(&s, &f->arena, &f->faults, slice_str(text), NULL), OK);
    json_t *root = NULL;
    assert_true(settings_parse(&s, &root));
    const struct place top = {.value = root};
    const void *settings = modbus_source_kind.read(&s, &top);
    assert_int_equal(f->faults.n, 0);
    const struct source_host host = {.ctx = f,
                                     .loop = &f->loop,
                                     .define = define,
                                     .put = put,
                                     .put_integer = put_integer,
                                     .define_device = define_device,
                                     .device = on_device};
    assert_int_equal(modbus_source_kind.open(settings, &host, &f->source, NULL), OK);
    json_decref(root);
    settings_done(&s);
}

static int setup_with(void **state, int timeout_ms) {
    struct fixture *f = calloc(1, sizeof *f);
    device_start(&f->device);
    f->up = -1;
    f->wanted = true;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    open_source(f, timeout_ms);
    assert_int_equal(f->source->ops->start(f->source, NULL), OK);
    *state = f;
    return 0;
}

/* The device's thread may get its turn late, and yet must answer in time. */
static int setup(void **state) {
    return setup_with(state, 60000);
}

/* Where no answer comes this is waited for, so it is shorter. */
static int setup_mute(void **state) {
    return setup_with(state, 1000);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    f->source->ops->stop(f->source);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    f->source->ops->free(f->source);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    arena_done(&f->arena);
    device_stop(&f->device);
    free(f);
    return 0;
}

/* Runs the loop until the condition holds. */
#define UNTIL(f, condition)                                                                                  \
    do {                                                                                                     \
        int64_t end_us = clock_mono_us() + 120000000;                                                        \
        while (!(condition)) {                                                                               \
            assert_true(clock_mono_us() < end_us);                                                           \
            (void)uv_run(&(f)->loop, UV_RUN_ONCE);                                                           \
        }                                                                                                    \
    } while (0)

static void on_written(void *ctx, enum status st, double value, const struct error *err) {
    struct fixture *f = ctx;
    f->written++;
    f->written_status = st;
    f->written_value = value;
    f->written_error = *err;
}

static bool may_begin(void *ctx) {
    const struct fixture *f = ctx;
    return f->wanted;
}

static enum status ask_to_write(struct fixture *f, uint32_t tag, double value) {
    const struct source_write w = {
        .tag = tag, .value = value, .may_begin = may_begin, .on_written = on_written, .ctx = f};
    return f->source->ops->write(f->source, &w, NULL);
}

static void what_is_polled_is_put(void **state) {
    struct fixture *f = *state;
    f->device.map->tab_bits[1] = 1;
    f->device.map->tab_input_registers[2] = 77;
    UNTIL(f, f->samples[RUN] > 0 && f->value[RUN] == 1 &&
                 f->value[LEVEL] == 77); /* the integer: its scale is told */
    assert_int_equal(f->up, 1);
    assert_int_equal(f->quality[LEVEL], 0);
}

static void a_write_is_read_back_and_told_whatever_the_deadband(void **state) {
    struct fixture *f = *state;
    UNTIL(f, f->samples[SETPOINT] > 0);
    unsigned samples = f->samples[SETPOINT];
    assert_int_equal(ask_to_write(f, SETPOINT, 35.4), OK);
    UNTIL(f, f->written > 0);
    assert_int_equal(f->written_status, OK);
    assert_true(f->written_value == 35.5); /* what the device made of it: half units */
    assert_int_equal(f->device.map->tab_registers[3], 51);
    assert_int_equal(f->samples[SETPOINT], samples + 1);
    assert_int_equal(ask_to_write(f, RUN, 1), OK);
    assert_int_equal(ask_to_write(f, PULSES, 0x12345678), OK);
    UNTIL(f, f->written == 3);
    assert_int_equal(f->device.map->tab_bits[1], 1);
    assert_int_equal(f->device.map->tab_registers[4], 0x5678);
    assert_int_equal(f->device.map->tab_registers[5], 0x1234);
    assert_int_equal(atomic_load(&f->device.writes), 3);
}

static void what_cannot_be_written_is_refused_at_once(void **state) {
    struct fixture *f = *state;
    assert_int_equal(ask_to_write(f, LEVEL, 1), ERR_UNSUPPORTED);
    assert_int_equal(ask_to_write(f, TAGS_MAX, 1), ERR_NOT_FOUND);
    assert_int_equal(ask_to_write(f, RUN, 2), ERR_INVALID);
    assert_int_equal(ask_to_write(f, SETPOINT, 1e9), ERR_INVALID);
    assert_int_equal(ask_to_write(f, SETPOINT, NAN), ERR_INVALID);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(ask_to_write(f, RUN, 1), OK);
    }
    assert_int_equal(ask_to_write(f, RUN, 1), ERR_FULL);
    UNTIL(f, f->written == 16);
}

static void a_write_that_is_not_wanted_any_more_moves_nothing(void **state) {
    struct fixture *f = *state;
    UNTIL(f, f->up == 1);
    f->wanted = false;
    assert_int_equal(ask_to_write(f, RUN, 1), OK);
    UNTIL(f, f->written > 0);
    assert_int_equal(f->written_status, ERR_TIMEOUT);
    assert_int_equal(atomic_load(&f->device.writes), 0);
}

static void a_device_that_does_not_answer_is_told_and_its_writes_fail(void **state) {
    struct fixture *f = *state;
    UNTIL(f, f->samples[LEVEL] > 0);
    atomic_store(&f->device.mute, true);
    UNTIL(f, f->up == 0);
    for (uint32_t tag = RUN; tag <= PULSES; tag++) {
        assert_int_equal(f->quality[tag], SOURCE_BAD_COMMS);
    }
    assert_int_equal(ask_to_write(f, RUN, 1), OK);
    UNTIL(f, f->written > 0);
    assert_int_equal(f->written_status, ERR_UNAVAILABLE); /* it was looked for, nothing was sent */
    atomic_store(&f->device.mute, false);
    UNTIL(f, f->up == 1 && f->quality[LEVEL] == 0);
}

/* The device hears the write, does it, and its answer is lost. */
static void a_write_without_an_answer_is_in_doubt(void **state) {
    struct fixture *f = *state;
    UNTIL(f, f->up == 1);
    atomic_store(&f->device.mute_writes, true);
    assert_int_equal(ask_to_write(f, RUN, 1), OK);
    UNTIL(f, f->written > 0);
    assert_int_equal(f->written_status, ERR_IO);
    UNTIL(f, atomic_load(&f->device.writes) > 0);
    assert_int_equal(atomic_load(&f->device.writes), 1);
    assert_true(isnan(f->written_value));
}

static void what_the_device_refuses_is_denied(void **state) {
    struct fixture *f = *state;
    UNTIL(f, f->up == 1);
    f->device.map->nb_registers = 2; /* it has no register 3 and 4 any more */
    assert_int_equal(ask_to_write(f, SETPOINT, 20), OK);
    UNTIL(f, f->written > 0);
    assert_int_equal(f->written_status, ERR_DENIED);
    UNTIL(f, f->quality[SETPOINT] == SOURCE_BAD_CONFIG);
    assert_int_equal(f->up, 1);
    f->device.map->nb_registers = 8;
}

static void writes_that_wait_at_the_stop_are_answered(void **state) {
    struct fixture *f = *state;
    UNTIL(f, f->up == 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask_to_write(f, RUN, 1), OK);
    }
    f->source->ops->stop(f->source);
    assert_int_equal(ask_to_write(f, RUN, 1), ERR_UNAVAILABLE);
    UNTIL(f, f->written == 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_polled_is_put, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_is_read_back_and_told_whatever_the_deadband, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_refused_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_that_is_not_wanted_any_more_moves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_that_does_not_answer_is_told_and_its_writes_fail, setup_mute,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_write_without_an_answer_is_in_doubt, setup_mute, teardown),
        cmocka_unit_test_setup_teardown(what_the_device_refuses_is_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_that_wait_at_the_stop_are_answered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
