#include "protocol/client/commands.h"

#include "protocol/client/command_rules.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"

#include <stdlib.h>

/* An id and what is going on with it. */
struct entry {
    struct command_memory m;
    uint32_t tag;
    int64_t until_mono_us; /* SELECTED: when it ends. RUNNING: until when it may begin */
};

struct commands {
    struct commands_host host;
    struct entry *v; /* in the order of coming */
    uint32_t n;
    uint32_t cap;
    uint32_t n_selected; /* of them SELECTED: where there is none, a turn looks at nothing */
    uint64_t session;    /* 0: none is up */
    bool allowed;
    int64_t since_us; /* all ids from here on are remembered; 0: not known yet */
};

enum status commands_new(const struct commands_host *host, struct commands **ret, struct error *err) {
    struct commands *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return error_set(err, ERR_NOMEM, "commands", "no memory");
    }
    c->host = *host;
    *ret = c;
    return OK;
}

void commands_free(struct commands **ref) {
    if (*ref != NULL) {
        free((*ref)->v);
        free(*ref);
        *ref = NULL;
    }
}

/* ---- memory ---- */

static struct entry *find_entry(const struct commands *c, const struct command_id *id) {
    for (uint32_t i = c->n; i-- > 0;) {
        if (memcmp(&c->v[i].m.id, id, sizeof *id) == 0) {
            return &c->v[i];
        }
    }
    return NULL;
}

/* The only way from one stage to another. */
static void become(struct commands *c, struct entry *e, const struct command_memory *m) {
    c->n_selected -= e->m.stage == COMMAND_STAGE_SELECTED ? 1 : 0;
    c->n_selected += m->stage == COMMAND_STAGE_SELECTED ? 1 : 0;
    e->m = *m;
}

static enum status add_entry(struct commands *c, const struct command_memory *m, struct entry **ret,
                             struct error *err) {
    if (c->n == c->cap) {
        uint32_t cap = c->cap == 0 ? 64 : c->cap * 2;
        struct entry *v = cap <= COMMANDS_MAX ? realloc(c->v, cap * sizeof *v) : NULL;
        if (v == NULL) {
            return error_set(err, ERR_FULL, "commands", "%d commands are remembered already", COMMANDS_MAX);
        }
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n] = (struct entry){0};
    become(c, &c->v[c->n], m);
    *ret = &c->v[c->n++];
    return OK;
}

enum status commands_remember(struct commands *c, const struct command_memory *m, struct error *err) {
    struct entry *e = find_entry(c, &m->id);
    if (e != NULL) {
        become(c, e, m);
        return OK;
    }
    return add_entry(c, m, &e, err);
}

static void tell(struct commands *c, const struct command_memory *m, int64_t t_us, struct slice text) {
    struct msg_command_result result = {
        .id = m->id, .stage = m->stage, .reason = m->reason, .t_us = t_us, .value = m->value, .text = text};
    c->host.result(c->host.ctx, &result);
}

/* An end: remembered, then told. If the disk does not take it, it is told all the same: after a restart it is
 * in doubt, or as if never received. */
static void end_entry(struct commands *c, struct entry *e, enum command_stage stage,
                      enum command_reason reason, int64_t t_us, struct slice text) {
    struct command_memory m = e->m;
    m.stage = (uint8_t)stage;
    m.reason = (uint16_t)reason;
    become(c, e, &m);
    (void)c->host.store(c->host.ctx, &e->m, NULL);
    tell(c, &e->m, t_us, text);
}

void commands_recover(struct commands *c, int64_t since_us, struct moment now) {
    c->since_us = since_us;
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->v[i].m.stage == COMMAND_STAGE_RUNNING) {
            end_entry(c, &c->v[i], COMMAND_STAGE_IN_DOUBT, COMMAND_RESTARTED, now.wall_us,
                      slice_str("the gateway stopped between intent and outcome"));
        }
    }
}

/* Forgets what is older than must be kept, and starts a memory that is new. */
static void keep_memory(struct commands *c, int64_t server_us) {
    int64_t from_us = server_us - COMMANDS_KEEP_US;
    uint32_t kept = 0;
    uint32_t old = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        int64_t t_us = 0;
        bool goes = command_id_time(&c->v[i].m.id, &t_us) && t_us < from_us &&
                    c->v[i].m.stage != COMMAND_STAGE_RUNNING;
        old += goes ? 1 : 0;
        c->n_selected -= goes && c->v[i].m.stage == COMMAND_STAGE_SELECTED ? 1 : 0;
        if (!goes) {
            c->v[kept++] = c->v[i];
        }
    }
    c->n = kept;
    if (c->since_us != 0 && old == 0) {
        return;
    }
    int64_t since_us = c->since_us == 0 ? server_us : c->since_us;
    since_us = old > 0 && since_us < from_us ? from_us : since_us;
    struct command_memory *v = malloc((kept > 0 ? kept : 1) * sizeof *v);
    for (uint32_t i = 0; v != NULL && i < kept; i++) {
        v[i] = c->v[i].m;
    }
    /* If that fails, the memory counts as not known, or is longer than it must be. */
    if (v != NULL && c->host.rewrite(c->host.ctx, v, kept, since_us, NULL) == OK) {
        c->since_us = since_us;
    }
    free(v);
}

/* ---- session ---- */

void commands_begin(struct commands *c, const struct commands_session *s) {
    c->session = s->session;
    c->allowed = s->allowed;
    keep_memory(c, s->server_us);
}

static void end_selections(struct commands *c, int64_t until_mono_us, struct moment now) {
    for (uint32_t i = 0; i < c->n && c->n_selected > 0; i++) {
        if (c->v[i].m.stage == COMMAND_STAGE_SELECTED && c->v[i].until_mono_us <= until_mono_us) {
            end_entry(c, &c->v[i], COMMAND_STAGE_CANCELLED, COMMAND_SELECTION_ENDED, now.wall_us,
                      slice_str(""));
        }
    }
}

void commands_end(struct commands *c, struct moment now) {
    c->session = 0;
    end_selections(c, INT64_MAX, now);
}

void commands_advance(struct commands *c, struct moment now) {
    end_selections(c, now.mono_us, now);
}

int64_t commands_next_mono_us(const struct commands *c) {
    int64_t next = MOMENT_NEVER;
    for (uint32_t i = 0; i < c->n && c->n_selected > 0; i++) {
        if (c->v[i].m.stage == COMMAND_STAGE_SELECTED && c->v[i].until_mono_us < next) {
            next = c->v[i].until_mono_us;
        }
    }
    return next;
}

/* ---- answers ---- */

static void acknowledge(struct commands *c, const struct msg_command *m, enum command_receipt status,
                        enum command_reason reason) {
    struct msg_command_ack ack = {.id = m->id, .op = m->op, .status = status, .reason = (uint16_t)reason};
    c->host.ack(c->host.ctx, &ack);
}

/* It will not be done: remembered, and told by both. */
static void reject(struct commands *c, const struct msg_command *m, struct entry *e,
                   enum command_reason reason, int64_t t_us) {
    acknowledge(c, m, COMMAND_REJECTED, reason);
    struct command_memory memory = {
        .id = m->id, .name_crc = m->name_crc, .value_crc = command_value_crc(&m->value)};
    enum command_stage stage = reason == COMMAND_TOO_LATE ? COMMAND_STAGE_EXPIRED : COMMAND_STAGE_REJECTED;
    if (e != NULL || add_entry(c, &memory, &e, NULL) == OK) {
        end_entry(c, e, stage, reason, t_us, slice_str(""));
        return;
    }
    memory.stage = (uint8_t)stage;
    memory.reason = (uint16_t)reason;
    tell(c, &memory, t_us, slice_str("the memory of commands is full"));
}

/* ---- the checks, in the page's order ---- */

static const struct entry *other_on_tag(const struct commands *c, const struct entry *own, uint32_t tag,
                                        enum command_stage stage) {
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->v[i].m.stage == (uint8_t)stage && c->v[i].tag == tag && &c->v[i] != own) {
            return &c->v[i];
        }
    }
    return NULL;
}

static enum command_reason check_tag(const struct commands *c, const struct msg_command *m,
                                     struct command_tag *ret) {
    bool known_op = m->op == COMMAND_SELECT || m->op == COMMAND_EXECUTE || m->op == COMMAND_DIRECT;
    int64_t t_us = 0;
    if (c->session == 0 || m->session != c->session) {
        return COMMAND_WRONG_SESSION;
    }
    if (!known_op || (m->flags & COMMAND_UNKNOWN_FLAGS) != 0 || !command_id_time(&m->id, &t_us)) {
        return COMMAND_UNSUPPORTED;
    }
    if (!c->allowed) {
        return COMMAND_NOT_ALLOWED;
    }
    if (!c->host.find(c->host.ctx, m->dict, m->alias, ret)) {
        return COMMAND_UNKNOWN_TAG;
    }
    if (crc32c(0, ret->entry->name.p, ret->entry->name.n) != m->name_crc) {
        return COMMAND_OTHER_NAME;
    }
    if ((ret->entry->flags & DICT_WRITABLE) == 0) {
        return COMMAND_NOT_WRITABLE;
    }
    return command_value_fits(&m->value, ret->entry) ? COMMAND_OK : COMMAND_BAD_VALUE;
}

static enum command_reason check_turn(const struct commands *c, const struct msg_command *m,
                                      const struct entry *e, const struct command_tag *tag) {
    bool holds = m->op == COMMAND_EXECUTE && e != NULL && e->m.stage == COMMAND_STAGE_SELECTED;
    if (m->op != COMMAND_SELECT && (tag->entry->flags & DICT_SELECT) != 0 && !holds) {
        return COMMAND_NOT_SELECTED;
    }
    if (other_on_tag(c, e, tag->tag, COMMAND_STAGE_SELECTED) != NULL) {
        return COMMAND_SELECTED_BY_OTHER;
    }
    if ((m->flags & COMMAND_EXPECTS) != 0 && !command_value_is_expected(m, tag)) {
        return COMMAND_NOT_AS_EXPECTED;
    }
    struct command_order order = {.id = m->id,
                                  .tag = tag->tag,
                                  .value = m->value,
                                  .operator_name = m->operator_name,
                                  .reason = m->reason};
    enum command_reason reason = c->host.check(c->host.ctx, &order);
    if (reason == COMMAND_OK && other_on_tag(c, e, tag->tag, COMMAND_STAGE_RUNNING) != NULL) {
        return COMMAND_BUSY;
    }
    return reason;
}

static enum command_reason check(const struct commands *c, const struct msg_command *m, const struct entry *e,
                                 const struct command_clock *clock, struct command_tag *ret_tag,
                                 int64_t *ret_left_us) {
    enum command_reason reason = check_tag(c, m, ret_tag);
    if (reason == COMMAND_OK) {
        reason = command_time_left(m, clock, ret_left_us);
    }
    return reason == COMMAND_OK ? check_turn(c, m, e, ret_tag) : reason;
}

/* ---- steps ---- */

static void select_tag(struct commands *c, const struct msg_command *m, const struct command_tag *tag,
                       struct moment now) {
    struct command_memory memory = {.id = m->id,
                                    .stage = COMMAND_STAGE_SELECTED,
                                    .name_crc = m->name_crc,
                                    .value_crc = command_value_crc(&m->value)};
    struct entry *e = NULL;
    if (c->n_selected >= COMMANDS_SELECTED_MAX || add_entry(c, &memory, &e, NULL) != OK) {
        reject(c, m, NULL, COMMAND_BUSY, now.wall_us);
        return;
    }
    e->tag = tag->tag;
    e->until_mono_us = now.mono_us + LINK_SELECT_MS * INT64_C(1000);
    acknowledge(c, m, COMMAND_RECEIVED, COMMAND_OK);
    tell(c, &e->m, now.wall_us, slice_str(""));
}

/* The intent is on the disk before anything moves. */
static void execute(struct commands *c, const struct msg_command *m, struct entry *e,
                    const struct command_tag *tag, int64_t left_us, struct moment now) {
    struct command_memory intent = {.id = m->id,
                                    .stage = COMMAND_STAGE_RUNNING,
                                    .name_crc = m->name_crc,
                                    .value_crc = command_value_crc(&m->value)};
    if (e == NULL && add_entry(c, &intent, &e, NULL) != OK) {
        reject(c, m, NULL, COMMAND_NOT_DURABLE, now.wall_us);
        return;
    }
    if (c->host.store(c->host.ctx, &intent, NULL) != OK) {
        reject(c, m, e, COMMAND_NOT_DURABLE, now.wall_us);
        return;
    }
    become(c, e, &intent);
    e->tag = tag->tag;
    e->until_mono_us = now.mono_us + left_us;
    acknowledge(c, m, COMMAND_RECEIVED, COMMAND_OK);
    struct command_order order = {.id = m->id,
                                  .tag = tag->tag,
                                  .value = m->value,
                                  .operator_name = m->operator_name,
                                  .reason = m->reason};
    c->host.actuate(c->host.ctx, &order);
}

static void cancel(struct commands *c, const struct msg_command *m, struct entry *e, int64_t t_us) {
    if (e != NULL && e->m.stage == COMMAND_STAGE_SELECTED) {
        acknowledge(c, m, COMMAND_RECEIVED, COMMAND_OK);
        end_entry(c, e, COMMAND_STAGE_CANCELLED, COMMAND_SELECTION_ENDED, t_us, slice_str(""));
        return;
    }
    acknowledge(c, m, COMMAND_REJECTED, e != NULL ? COMMAND_BUSY : COMMAND_NOT_SELECTED);
    struct command_memory memory = {.id = m->id, .name_crc = m->name_crc};
    if (e == NULL && add_entry(c, &memory, &e, NULL) == OK) {
        /* Should what it was to cancel still come, it is not done. */
        end_entry(c, e, COMMAND_STAGE_CANCELLED, COMMAND_NOT_SELECTED, t_us, slice_str(""));
    }
}

static void query(struct commands *c, const struct msg_command *m, const struct entry *e, int64_t t_us) {
    struct command_memory answer = {.id = m->id, .stage = COMMAND_STAGE_IN_DOUBT};
    int64_t id_us = 0;
    if (e != NULL) {
        answer = e->m;
        answer.stage = e->m.stage == COMMAND_STAGE_SELECTED ? COMMAND_STAGE_RUNNING : e->m.stage;
    } else if (c->since_us != 0 && command_id_time(&m->id, &id_us) && id_us >= c->since_us) {
        /* Whatever still comes under this id is refused from now on; else no answer, and it is asked again.
         */
        struct entry *fresh = NULL;
        answer.stage = COMMAND_STAGE_NOT_RECEIVED;
        answer.name_crc = m->name_crc;
        if (c->host.store(c->host.ctx, &answer, NULL) != OK || add_entry(c, &answer, &fresh, NULL) != OK) {
            return;
        }
    }
    tell(c, &answer, t_us, slice_str(""));
}

/* An id that is known: true if that settles it. */
static bool repeat(struct commands *c, const struct msg_command *m, const struct entry *e, int64_t t_us) {
    bool selected_now = e->m.stage == COMMAND_STAGE_SELECTED;
    if (m->op == COMMAND_CANCEL) {
        bool open = selected_now || e->m.stage == COMMAND_STAGE_RUNNING;
        if (!open) {
            acknowledge(c, m, COMMAND_RECEIVED, COMMAND_OK);
            tell(c, &e->m, t_us, slice_str(""));
        }
        return !open;
    }
    uint32_t value_crc = command_value_crc(&m->value);
    bool same = m->name_crc == e->m.name_crc && (e->m.value_crc == 0 || value_crc == e->m.value_crc);
    if (!same || (selected_now && m->op == COMMAND_DIRECT)) {
        /* Only so: a result would speak of the first one. */
        acknowledge(c, m, COMMAND_REJECTED, COMMAND_ID_REUSED);
        return true;
    }
    if (selected_now && m->op == COMMAND_EXECUTE) {
        return false;
    }
    acknowledge(c, m, COMMAND_RECEIVED, COMMAND_OK);
    if (e->m.stage != COMMAND_STAGE_RUNNING) {
        tell(c, &e->m, t_us, slice_str(""));
    }
    return true;
}

void commands_receive(struct commands *c, const struct msg_command *m, const struct command_clock *clock) {
    struct moment now = clock->now;
    commands_advance(c, now);
    struct entry *e = find_entry(c, &m->id);
    if (m->op == COMMAND_QUERY) {
        query(c, m, e, now.wall_us);
        return;
    }
    if (e != NULL && repeat(c, m, e, now.wall_us)) {
        return;
    }
    if (m->op == COMMAND_CANCEL) {
        cancel(c, m, e, now.wall_us);
        return;
    }
    struct command_tag tag = {0};
    int64_t left_us = 0;
    enum command_reason reason = check(c, m, e, clock, &tag, &left_us);
    if (reason != COMMAND_OK) {
        reject(c, m, e, reason, now.wall_us);
    } else if (m->op == COMMAND_SELECT) {
        select_tag(c, m, &tag, now);
    } else {
        execute(c, m, e, &tag, left_us, now);
    }
}

/* ---- the outcome ---- */

bool commands_may_begin(struct commands *c, const struct command_id *id, struct moment now) {
    struct entry *e = find_entry(c, id);
    if (e == NULL || e->m.stage != COMMAND_STAGE_RUNNING) {
        return false;
    }
    if (now.mono_us < e->until_mono_us) {
        return true;
    }
    end_entry(c, e, COMMAND_STAGE_EXPIRED, COMMAND_TOO_LATE, now.wall_us, slice_str(""));
    return false;
}

enum status commands_done(struct commands *c, const struct msg_command_result *result, struct error *err) {
    struct entry *e = find_entry(c, &result->id);
    if (e == NULL || e->m.stage != COMMAND_STAGE_RUNNING) {
        return error_set(err, ERR_NOT_FOUND, "command", "is not under way");
    }
    bool is_end = result->stage == COMMAND_STAGE_EXECUTED || result->stage == COMMAND_STAGE_FAILED ||
                  result->stage == COMMAND_STAGE_REJECTED || result->stage == COMMAND_STAGE_IN_DOUBT;
    if (!is_end) {
        return error_set(err, ERR_INVALID, "command", "stage %u is no way to end", result->stage);
    }
    bool is_number = result->value.type >= VALUE_BOOL && result->value.type <= VALUE_ENUM;
    e->m.value = is_number ? result->value : (struct link_value){0};
    end_entry(c, e, (enum command_stage)result->stage, (enum command_reason)result->reason, result->t_us,
              result->text);
    return OK;
}

uint32_t commands_count(const struct commands *c) {
    return c->n;
}
