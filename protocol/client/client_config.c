/* The configuration between the link, the disk and the gateway: see config_push.h for what is decided. Its
 * state is the file "config" in the journal's directory. */
#include "protocol/client/client_state.h"
#include "protocol/client/file.h"
#include "server/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char state_file[] = "config";

static enum status on_save(void *ctx, const struct config_state *state, struct error *err) {
    struct client *c = ctx;
    uint8_t p[CONFIG_STATE_SIZE];
    struct error failure = {0};
    config_state_encode(state, p);
    enum status st = file_replace(journal_dir_fd(c->journal), state_file, p, sizeof p, &failure);
    if (st != OK) {
        client_note(c, "config.not_written", failure.text);
        if (err != NULL) {
            *err = failure;
        }
    }
    return st;
}

static void on_get(void *ctx, const struct msg_config_get *m) {
    struct client *c = ctx;
    uplink_config_get(c->uplink, m);
}

static void on_result(void *ctx, const struct msg_config_result *m) {
    struct client *c = ctx;
    struct error err = {0};
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HELLO);
    config_result_encode(&body, m);
    enum status st = buf_status(&body, &err);
    if (st == OK) {
        st = recorder_append(&c->recorder, MSG_CFG_RESULT, buf_slice(&body), &err);
    }
    buf_done(&body);
    if (st != OK) {
        client_note(c, "journal.not_written", err.text);
    }
}

static enum status on_apply(void *ctx, uint64_t version, struct slice bytes, struct error *err) {
    const struct client *c = ctx;
    return c->hooks.on_config(c->hooks.ctx, version, bytes, err);
}

static void on_rollback(void *ctx, uint64_t version) {
    const struct client *c = ctx;
    c->hooks.on_config_rollback(c->hooks.ctx, version);
}

static void on_reconnect(void *ctx) {
    struct client *c = ctx;
    uplink_come_again(c->uplink, "a configuration was applied");
}

/* What cannot be read counts as the configuration that the gateway was installed with: the server offers its
 * own again. */
static enum status read_state(struct client *c, struct config_state *ret, struct error *err) {
    uint8_t p[CONFIG_STATE_SIZE];
    *ret = (struct config_state){0};
    int fd = openat(journal_dir_fd(c->journal), state_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? OK : file_error(err, state_file, "open");
    }
    ssize_t n = pread(fd, p, sizeof p, 0);
    if (n < 0 || !config_state_decode(p, (size_t)n, ret)) {
        client_note(c, "config.damaged", "the file that says which configuration is in force is damaged");
    }
    (void)close(fd);
    return OK;
}

enum status client_config_open(struct client *c, struct error *err) {
    const struct config_push_host host = {.ctx = c,
                                          .save = on_save,
                                          .get = on_get,
                                          .result = on_result,
                                          .apply = on_apply,
                                          .rollback = on_rollback,
                                          .reconnect = on_reconnect};
    struct config_state state;
    enum status st = read_state(c, &state, err);
    if (st == OK) {
        struct moment now = {.wall_us = clock_wall_us(), .mono_us = clock_mono_us()};
        c->takes_config = true;
        config_push_init(&c->config, &host, &state, now);
    }
    return st;
}

void client_config_close(struct client *c) {
    if (c->takes_config) {
        config_push_done(&c->config);
    }
}

void client_config_up(struct client *c) {
    if (c->takes_config) {
        config_push_up(&c->config);
    }
}

void client_config_down(struct client *c) {
    if (c->takes_config) {
        config_push_down(&c->config);
    }
}

void client_config_offered(void *ctx, const struct msg_config_offer *m) {
    struct client *c = ctx;
    config_push_offer(&c->config, m);
}

enum status client_config_chunk(void *ctx, const struct msg_config_chunk *m, struct moment now,
                                struct error *err) {
    struct client *c = ctx;
    return config_push_chunk(&c->config, m, now, err);
}

uint64_t client_config_version(void *ctx) {
    const struct client *c = ctx;
    return c->config.state.version;
}
