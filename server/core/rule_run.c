#include "server/core/rule_run.h"

#include "server/base/tm.h"

#include <math.h>

struct rule_value rule_read_tag(const struct rule_reader *reader, uint32_t tag) {
    struct rule_value v = reader->read(reader->ctx, tag);
    return v.known ? rule_known(v.v, v.uncertain) : rule_unknown();
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static struct rule_live steady(struct rule_value v) {
    return (struct rule_live){.value = v, .until_us = INT64_MAX};
}

static int64_t floor_seconds(int64_t t_us) {
    int64_t s = t_us / TM_SECOND_US;
    return t_us % TM_SECOND_US < 0 ? s - 1 : s;
}

/* Seconds from the time of day now to the next time of day then; a whole day if it is now. */
static int64_t seconds_to(int64_t now_s, int64_t then_s) {
    return then_s > now_s ? then_s - now_s : then_s - now_s + 86400;
}

static struct rule_live run_clock(const struct rule_clock *c, int64_t t_us) {
    int64_t utc_s = floor_seconds(t_us);
    int64_t local_s = (utc_s + zone_offset_s(c->zone, t_us)) % 86400;
    local_s = local_s < 0 ? local_s + 86400 : local_s;
    bool in = c->from_s <= c->to_s ? local_s >= c->from_s && local_s < c->to_s
                                   : local_s >= c->from_s || local_s < c->to_s;
    int64_t wait_s = earlier(seconds_to(local_s, c->from_s), seconds_to(local_s, c->to_s));
    return (struct rule_live){
        .value = rule_known(in, false),
        .until_us = earlier((utc_s + wait_s) * TM_SECOND_US, zone_next_change_us(c->zone, t_us)),
    };
}

/* When do two values that move towards each other meet? Not before that does their order change. */
static int64_t meeting_us(double difference, double rate, int64_t t_us) {
    if (difference * rate > 0) {
        return INT64_MAX;
    }
    double wait_us = floor(fabs(difference / rate));
    if (!(wait_us < 1e17)) {
        return INT64_MAX;
    }
    return t_us + (wait_us < 1 ? 1 : (int64_t)wait_us);
}

/* How the result of a plain operation goes on, where an operand moves. */
static void move_on(enum rule_op op, const struct rule_live *a, const struct rule_live *b,
                    const struct rule_live *c, int64_t t_us, struct rule_live *r) {
    switch ((int)op) {
    case RULE_OP_NEG:
        r->rate = -a->rate;
        return;
    case RULE_OP_ADD:
        r->rate = a->rate + b->rate;
        return;
    case RULE_OP_SUB:
        r->rate = a->rate - b->rate;
        return;
    case RULE_OP_IF:
        r->rate = a->value.known ? (a->value.v != 0 ? b->rate : c->rate) : 0;
        return;
    case RULE_OP_VALUE_OR:
        r->rate = a->value.known ? a->rate : b->rate;
        return;
    case RULE_OP_LT:
    case RULE_OP_LE:
    case RULE_OP_GT:
    case RULE_OP_GE:
    case RULE_OP_EQ:
    case RULE_OP_NE:
        if (a->rate != b->rate) {
            int64_t meet_us = meeting_us(a->value.v - b->value.v, a->rate - b->rate, t_us);
            r->until_us = earlier(r->until_us, meet_us);
        }
        return;
    default: /* a product or an absolute value of what moves: ask again each second */
        r->until_us = earlier(r->until_us, t_us + 1);
        return;
    }
}

static struct rule_live run_plain(const struct rule_instruction *in, const struct rule_live *regs,
                                  int64_t t_us) {
    enum rule_op op = (enum rule_op)in->op;
    struct rule_live none = steady(rule_unknown());
    const struct rule_live *a = &regs[in->a];
    const struct rule_live *b =
        op == RULE_OP_NOT || op == RULE_OP_NEG || op == RULE_OP_ABS ? &none : &regs[in->b];
    const struct rule_live *c = op == RULE_OP_IF ? &regs[in->imm] : &none;
    struct rule_live r = {.value = rule_value_apply(op, a->value, b->value, c->value),
                          .until_us = earlier(a->until_us, earlier(b->until_us, c->until_us))};
    if (a->rate != 0 || b->rate != 0 || c->rate != 0) {
        move_on(op, a, b, c, t_us, &r);
        r.rate = r.value.known ? r.rate : 0;
    }
    return r;
}

static struct rule_live run_one(const struct rule_memory *m, const struct rule_reader *reader,
                                const struct rule_instruction *in, int64_t t_us,
                                const struct rule_live *regs) {
    const struct rule_set *s = m->set;
    switch ((int)in->op) {
    case RULE_OP_CONST:
        return steady(rule_known(s->consts[in->imm], false));
    case RULE_OP_TAG:
        return steady(rule_read_tag(reader, in->imm));
    case RULE_OP_GOOD:
        return steady(rule_known(rule_read_tag(reader, in->imm).known, false));
    case RULE_OP_BAD:
        return steady(rule_known(!rule_read_tag(reader, in->imm).known, false));
    case RULE_OP_PREV:
        return steady(m->pasts[s->nodes[in->imm].slot].before);
    case RULE_OP_AGE:
        return rule_past_age(&m->pasts[s->nodes[in->imm].slot], t_us);
    case RULE_OP_BETWEEN:
        return run_clock(&s->clocks[in->imm], t_us);
    case RULE_OP_FOR:
        return rule_gather_read(&m->gathers[s->nodes[in->imm].slot], s->nodes[in->imm].width_us, t_us);
    default:
        break;
    }
    if (rule_op_is_window((enum rule_op)in->op)) {
        const struct rule_node *node = &s->nodes[in->imm];
        return rule_window_read(&m->windows[node->slot], node->width_us, (enum rule_op)in->op, t_us);
    }
    return run_plain(in, regs, t_us);
}

void rule_run(const struct rule_memory *m, const struct rule_reader *reader, struct rule_block block,
              int64_t t_us, struct rule_live *regs) {
    const struct rule_instruction *code = m->set->code + block.first;
    for (uint32_t i = 0; i < block.n; i++) {
        regs[i] = run_one(m, reader, &code[i], t_us, regs);
    }
}
