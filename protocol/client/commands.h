/* What a gateway does with commands (protocol/README.md, "Commands"): never twice, never late, never without
 * being told. A machine without socket, disk or clock: the host stores, answers and actuates, time is passed
 * in.
 *
 *     CMD -> checks, in the page's order -> REJECTED, EXPIRED
 *         -> SELECT: SELECTED -> CANCELLED (30 s, CANCEL, end of the session), or EXECUTE:
 *         -> EXECUTE, DIRECT: intent stored -> RUNNING -> actuate -> commands_done: EXECUTED, FAILED, …
 *
 * Every id is remembered with what became of it for COMMANDS_KEEP_US; seen again, it tells that and moves
 * nothing. The intent is durable before the host is told to actuate; an intent that a restart finds without
 * outcome is IN_DOUBT and never begun again. Selections live in memory only: they end with the session.
 *
 * Results go out through the journal and survive; texts are told once and not remembered. When the memory is
 * full of what must be kept, commands are rejected. Calls of the host come from inside the machine's; the
 * host may call commands_done from its actuate. Borrows nothing after a call. One thread. Sources:
 * commands.c, command_rules.c (the checks). */
#ifndef PENSTOCK_CLIENT_COMMANDS_H
#define PENSTOCK_CLIENT_COMMANDS_H

#include "protocol/client/moment.h"
#include "protocol/command_msg.h"
#include "protocol/msg.h"

#include <stdbool.h>

struct commands;

enum { COMMANDS_MAX = 65536, COMMANDS_SELECTED_MAX = 256 };
#define COMMANDS_KEEP_US (INT64_C(8) * 24 * 3600 * 1000000)

/* What is remembered of an id. */
struct command_memory {
    struct command_id id;
    uint8_t stage; /* enum command_stage; RUNNING: the intent */
    uint16_t reason;
    uint32_t name_crc;       /* of its tag's name */
    uint32_t value_crc;      /* of its value; 0: it had none */
    struct link_value value; /* as read back; a number, or type 0 */
};

/* What is to be done, as the host's check and actuate get it. */
struct command_order {
    struct command_id id;
    uint32_t tag;
    struct link_value value;
    struct slice operator_name;
    struct slice reason;
};

/* A tag as the commands see it. */
struct command_tag {
    uint32_t tag;
    const struct dict_entry *entry;
    const struct link_sample *present; /* NULL: no value yet */
};

struct commands_host {
    void *ctx;
    /* Makes durable; returns only then. */
    enum status (*store)(void *ctx, const struct command_memory *m, struct error *err);
    /* The memory is these, and complete from since_us on (server's time); durably. */
    enum status (*rewrite)(void *ctx, const struct command_memory *v, uint32_t n, int64_t since_us,
                           struct error *err);
    void (*ack)(void *ctx, const struct msg_command_ack *m);
    /* Through the journal. */
    void (*result)(void *ctx, const struct msg_command_result *m);
    /* False if this dictionary of the present epoch has no such alias. */
    bool (*find)(void *ctx, uint64_t dict, uint32_t alias, struct command_tag *ret);
    /* COMMAND_OK, or why the site forbids it (interlock, local control, busy). */
    enum command_reason (*check)(void *ctx, const struct command_order *order);
    void (*actuate)(void *ctx, const struct command_order *order);
};

/* What is known of the time. */
struct command_clock {
    struct moment now;
    bool synced;
    bool has_offset; /* measured in this session */
    int64_t offset_us;
};

MUSTCHECK enum status commands_new(const struct commands_host *host, struct commands **ret,
                                   struct error *err);
void commands_free(struct commands **ref);

/* At the start, in the order of storing: what the disk remembers; the later of two with one id counts. */
MUSTCHECK enum status commands_remember(struct commands *c, const struct command_memory *m,
                                        struct error *err);
/* After that: since_us as stored, 0 if the memory is new or damaged. Intents without outcome are told as
 * IN_DOUBT. */
void commands_recover(struct commands *c, int64_t since_us, struct moment now);

/* A session is up. */
struct commands_session {
    uint64_t session;
    bool allowed;
    int64_t server_us; /* WELCOME's time */
};
void commands_begin(struct commands *c, const struct commands_session *s);
/* It ended: so do the selections. */
void commands_end(struct commands *c, struct moment now);
void commands_receive(struct commands *c, const struct msg_command *m, const struct command_clock *clock);
/* Selections that have run out. */
void commands_advance(struct commands *c, struct moment now);
int64_t commands_next_mono_us(const struct commands *c);

/* To be asked just before the device is written, if that is later than in actuate. False: it may not begin
 * any more (that is told already), or is not under way. */
bool commands_may_begin(struct commands *c, const struct command_id *id, struct moment now);
/* How it ended: EXECUTED, FAILED, REJECTED (nothing was tried), or IN_DOUBT. ERR_NOT_FOUND: not under way. */
MUSTCHECK enum status commands_done(struct commands *c, const struct msg_command_result *result,
                                    struct error *err);
/* Ids that are remembered. */
uint32_t commands_count(const struct commands *c);

#endif
