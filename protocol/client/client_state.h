/* The inside of a client, shared by client.c (connection, turns), client_commands.c and client_config.c.
 * Private to these. */
#ifndef PENSTOCK_CLIENT_CLIENT_STATE_H
#define PENSTOCK_CLIENT_CLIENT_STATE_H

#include "protocol/client/backoff.h"
#include "protocol/client/client.h"
#include "protocol/client/clock_watch.h"
#include "protocol/client/command_log.h"
#include "protocol/client/config_push.h"
#include "protocol/client/renewal.h"

enum { NAME_SIZE = 256 };

struct conn;

struct client {
    uv_loop_t *loop;
    uv_timer_t timer;
    char name[NAME_SIZE];
    char software[NAME_SIZE];
    char host_text[NAME_SIZE];
    uint16_t port;
    int64_t flush_us;
    struct client_hooks hooks;
    struct tags *tags;
    struct journal *journal;
    struct recorder recorder;
    struct uplink *uplink;
    struct renewal *renewal;
    bool window_next; /* the next attempt is to replace a certificate that has ended */
    bool window_open; /* such an attempt is under way */
    struct backoff backoff;
    struct clock_watch clock;
    enum clock_source clock_source;
    struct conn *conn;
    unsigned open_handles;
    int64_t flush_mono_us; /* next one due */
    int64_t retry_mono_us;
    struct commands *commands; /* NULL: the gateway takes none */
    struct command_log command_log;
    bool takes_config;
    struct config_push config;
    bool started;
    bool stopping;
    bool turning;
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
};

void client_note(void *ctx, const char *event, const char *text);
/* Notices a step of the clock. */
void client_watch_clock(struct client *c, struct moment now);
/* Has turn() called soon. */
void client_wake(struct client *c);

/* client_commands.c: opens the memory; tells what a restart left in doubt. */
MUSTCHECK enum status client_commands_open(struct client *c, struct error *err);
void client_commands_close(struct client *c);
void client_commands_up(struct client *c, const struct msg_welcome *m);
void client_commands_down(struct client *c, struct moment now);
/* For uplink_host. */
void client_commands_receive(void *ctx, const struct msg_command *m, struct moment now);

/* client_config.c: reads what is in force; takes back what a restart interrupted. */
MUSTCHECK enum status client_config_open(struct client *c, struct error *err);
void client_config_close(struct client *c);
void client_config_up(struct client *c);
void client_config_down(struct client *c);
/* For uplink_host. */
void client_config_offered(void *ctx, const struct msg_config_offer *m);
enum status client_config_chunk(void *ctx, const struct msg_config_chunk *m, struct moment now,
                                struct error *err);
uint64_t client_config_version(void *ctx);

#endif
