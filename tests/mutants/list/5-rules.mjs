// The rule language, its windows, and the propagation of what has changed.
const c = String.raw;

const propagation = [
  { id: 'tick-not-disarmed', old: c`    if (next_us == INT64_MAX) {
        timer_disarm(&core->ticks, program);
        return;
    }`, now: c`    if (next_us == INT64_MAX) {
        return;
    }`, equivalent: 'an evaluation too many finds the same answer' },
  { id: 'tick-not-armed', sample: true, old: c`        timer_arm(&core->ticks, program, next_us);
    }`, now: c`    }`, hurts: 'rules with time functions stand still without samples' },
  { id: 'evaluated-at-an-older-time', old: c`    *newest = asked_at(core, program, lens, ts_us);`, now: c`    *newest = ts_us;`, hurts: 'a rule over two gateways is older than its newest input' },
  { id: 'calculated-in-any-order', old: c`    while (at > 0 && heap->v[(at - 1) / 2] > rank) {`, now: c`    while (false) {`, equivalent: 'it is calculated again in the same instant, which takes the place of the first time; only that costs more' },
  { id: 'calculated-not-spread', old: c`            spread(core, tag);
        }`, now: c`        }`, hurts: 'alarms of calculated tags never come' },
  { id: 'conditions-before-suppression', old: c`    suppress(core, ts_us, sink);
    judge(core, ts_us, from_samples, sink);`, now: c`    judge(core, ts_us, from_samples, sink);
    suppress(core, ts_us, sink);`, hurts: 'what the plant\'s state hides rings once' },
  { id: 'alarms-in-order-of-arrival', old: c`    sort(&core->dirty_alarms);
    for (uint32_t i = 0; i < core->dirty_alarms.n; i++) {
        uint32_t alarm = core->dirty_alarms.v[i];
        core->alarms[alarm].bits &= (uint8_t)~BIT_DIRTY;
        if (core_gathers`, now: c`    for (uint32_t i = 0; i < core->dirty_alarms.n; i++) {
        uint32_t alarm = core->dirty_alarms.v[i];
        core->alarms[alarm].bits &= (uint8_t)~BIT_DIRTY;
        if (core_gathers`, hurts: 'the same message gives another journal' },
  { id: 'quality-loss-is-a-sample', old: c`    if (from_samples) {
        rule_machine_touch(`, now: c`    if (true) {
        rule_machine_touch(`, equivalent: 'what changes without a sample is unknown, and of unknown values nothing is remembered as good' },
].map((m) => ({ file: 'core_rules.c', ...m }));

const values = [
  { id: 'false-and-unknown', old: c`    if (a_decides || b_decides) {
        bool certain`, now: c`    if (a_decides && b_decides) {
        bool certain`, hurts: 'one bad value makes a rule blind that is certain anyway' },
  { id: 'unknown-and-true', old: c`    if (!a.known || !b.known) {
        return rule_unknown();
    }
    return (struct rule_value){.v = 1 - decides`, now: c`    if (!a.known && !b.known) {
        return rule_unknown();
    }
    return (struct rule_value){.v = 1 - decides`, hurts: 'a rule rings on half of what it needs' },
  { id: 'divided-by-zero', old: c`return b == 0 ? (double)NAN : a / b;`, now: c`return b == 0 ? 0 : a / b;`, hurts: 'a ratio of nothing is a number' },
  { id: 'less-or-equal', old: c`    case RULE_OP_LT:
        return a < b;`, now: c`    case RULE_OP_LT:
        return a <= b;`, hurts: 'a rule is true at its limit' },
  { id: 'if-of-unknown', old: c`    if (!c.known) {
        return rule_unknown();
    }
    struct rule_value r`, now: c`    struct rule_value r`, hurts: 'an unknown question counts as false' },
  { id: 'infinite-is-known', old: c`return isfinite(v) ? (struct rule_value){.v = v, .known = true, .uncertain = uncertain} : rule_unknown();`, now: c`return (struct rule_value){.v = v, .known = true, .uncertain = uncertain};`, hurts: 'a number beyond all numbers rings' },
  { id: 'uncertain-not-carried', old: c`return rule_known(arithmetic(op, a.v, b.v), a.uncertain || b.uncertain);`, now: c`return rule_known(arithmetic(op, a.v, b.v), a.uncertain && b.uncertain);`, hurts: 'a doubtful input leaves no mark' },
].map((m) => ({ file: 'rule_value.c', ...m }));

const clock = [
  { id: 'between-includes-its-end', old: c`local_s >= c->from_s && local_s < c->to_s`, now: c`local_s >= c->from_s && local_s <= c->to_s`, hurts: 'the night shift begins a second late' },
  { id: 'between-excludes-its-start', old: c`: local_s >= c->from_s || local_s < c->to_s;`, now: c`: local_s > c->from_s || local_s < c->to_s;`, hurts: 'the night begins a second late' },
  { id: 'between-in-utc', old: c`int64_t local_s = (utc_s + zone_offset_s(c->zone, t_us)) % 86400;`, now: c`int64_t local_s = utc_s % 86400;`, hurts: 'night rules work in the afternoon' },
  { id: 'between-misses-the-clock-change', old: c`earlier((utc_s + wait_s) * TM_SECOND_US, zone_next_change_us(c->zone, t_us))`, now: c`(utc_s + wait_s) * TM_SECOND_US`, hurts: 'when the clocks change a night rule is an hour late' },
  { id: 'good-of-uncertain', old: c`return steady(rule_known(!rule_read_tag(reader, in->imm).known, false));`, now: c`return steady(rule_known(rule_read_tag(reader, in->imm).known, false));`, hurts: 'bad() is good()' },
].map((m) => ({ file: 'rule_run.c', ...m }));

const window = [
  { id: 'coverage-not-asked', sample: true, old: c`return v->sum.known_us * 5 >= v->width_us * 4;`, now: c`return v->sum.known_us > 0;`, hurts: 'a mean of one second passes for a mean of an hour' },
  { id: 'coverage-edge', old: c`return v->sum.known_us * 5 >= v->width_us * 4;`, now: c`return v->sum.known_us * 5 > v->width_us * 4;`, hurts: '80 % is not what the page says' },
  { id: 'window-edge-included', old: c`    if (g->start_us > left_us) {
        return g->sum;
    }`, now: c`    if (g->start_us >= left_us) {
        return g->sum;
    }`, hurts: 'a rise that is just as old as the window is counted' },
  { id: 'count-of-unknown-true', old: c`return w->now.known && w->now.v != 0 && w->before_known && !w->before_true;`, now: c`return w->now.known && w->now.v != 0 && (!w->before_known || !w->before_true);`, hurts: 'the first sample counts as a start of the pump' },
  { id: 'count-forgets-over-unknown', old: c`    if (w->now.known) {
        w->before_known = true;
        w->before_true = w->now.v != 0;
    }`, now: c`    w->before_known = w->now.known;
    w->before_true = w->now.v != 0;`, hurts: 'a start during a bad value is not counted' },
  { id: 'rate-per-window', old: c`rule_known(op == RULE_OP_DELTA ? d : d / ((double)v->width_us / 1e6),`, now: c`rule_known(op == RULE_OP_DELTA ? d : d / ((double)v->width_us / 1e6 + 1),`, hurts: 'a rate is too small' },
  { id: 'mean-of-samples', old: c`s.area = v.v * (double)span_us;`, now: c`s.area = v.v;`, hurts: 'a mean is no mean over time' },
  { id: 'spread-without-distance', old: c`        s.m2 += d * d * (double)a->known_us * ((double)b->known_us / (double)s.known_us);`, now: c``, hurts: 'a spread is always zero' },
  { id: 'window-keeps-what-has-left', old: c`    while (w->first < w->end && end_us(w, w->first) <= ts_us - width_us) {`, now: c`    while (w->first < w->end && end_us(w, w->first) <= ts_us - 2 * width_us) {`, equivalent: 'what has left is looked over by the reader, too; it only takes room until it is merged' },
  { id: 'ring-overflows', old: c`    if (w->end - w->first == RULE_SEGMENTS) {
        merge_shortest(w);
    }`, now: c``, hurts: 'a busy signal makes windows forget and miscount' },
  { id: 'window-until-too-late', old: c`    int64_t until_us = v->boundary_us + v->width_us;
    int64_t over`, now: c`    int64_t until_us = v->boundary_us + v->width_us + 1000000;
    int64_t over`, hurts: 'a rule changes a second after it should' },
].map((m) => ({ file: 'rule_window.c', ...m }));

const language = [
  { id: 'adopts-another-window', file: 'rule_machine.c', old: c`    if (x->kind != y->kind || x->width_us != y->width_us) {
        return false;
    }`, now: c`    if (x->kind != y->kind) {
        return false;
    }`, equivalent: 'the hash that finds a node has its width in it' },
  { id: 'next-second-too-late', file: 'rule_machine.c', old: c`    if (part_us == 0) {
        return after_us;
    }`, now: c`    if (part_us == 0) {
        return after_us + TM_SECOND_US;
    }`, hurts: 'rules change a second late' },
];

const kpi = [
  { id: 'period-end-included', file: 'kpi.c', old: c`in->events[i].at_us < in->t1_us; i++`, now: c`in->events[i].at_us <= in->t1_us; i++`, hurts: 'an alarm of midnight counts in two reports' },
  { id: 'peak-of-the-last', file: 'kpi.c', old: c`        r->peak = n > r->peak ? n : r->peak;`, now: c`        r->peak = n;`, hurts: 'the peak is that of the last ten minutes' },
  { id: 'flood-begins-at-ten', file: 'kpi.c', old: c`} else if (!flood && n > set->flood_on) {`, now: c`} else if (!flood && n >= set->flood_on) {`, hurts: 'floods that are none' },
  { id: 'flood-ends-at-five', file: 'kpi.c', old: c`if (flood && n < set->flood_off) {`, now: c`if (flood && n <= set->flood_off) {`, hurts: 'a flood is told as two' },
  { id: 'nearest-rank-rounds-down', file: 'kpi.c', old: c`size_t rank = (n * pct + 99) / 100;`, now: c`size_t rank = n * pct / 100;`, hurts: 'the report differs from what SQL says' },
  { id: 'upset-edge', file: 'kpi.c', old: c`if (w->annunciations[middle] < t_us) {`, now: c`if (w->annunciations[middle] <= t_us) {`, hurts: 'the alarm of the trip itself is not in its ten minutes' },
  { id: 'top-ties-by-chance', file: 'kpi.c', old: c`(x->n < y->n) - (x->n > y->n) : strcmp(x->name, y->name);`, now: c`(x->n < y->n) - (x->n > y->n) : -strcmp(x->name, y->name);`, hurts: 'two reports of one month differ' },
  { id: 'hidden-counted', file: 'kpi_fold.c', old: c`    s->annunciated = !is_hidden(s);`, now: c`    s->annunciated = true;`, hurts: 'the report counts what nobody was told of' },
  { id: 'chattering-edge', file: 'kpi_fold.c', old: c`t_us - s->annunciated_us[1] <= w->set->chatter_us;`, now: c`t_us - s->annunciated_us[1] < w->set->chatter_us;`, hurts: 'the report differs from the flag on the records' },
  { id: 'suppressors-counted-as-one', file: 'kpi_fold.c', old: c`        s->suppressors -= s->suppressors > 0;`, now: c`        s->suppressors = 0;`, hurts: 'the report shows an alarm that another group still hides' },
  { id: 'run-below-a-second', file: 'kpi_fold.c', old: c`s->psi_sum += 1 / fmax(run_s, 1);`, now: c`s->psi_sum += 1 / run_s;`, hurts: 'two alarms of one moment make an endless index' },
  { id: 'stale-edge-of-a-day', file: 'kpi_fold.c', old: c`t1_us - s->active_since_us > w->set->stale_us;`, now: c`t1_us - s->active_since_us >= w->set->stale_us;`, hurts: 'exactly a day is called more than a day' },
  { id: 'first-ack-only', file: 'kpi_fold.c', old: c`    if (s->counted && !s->acked) {
        w->ack_times`, now: c`    if (s->counted) {
        w->ack_times`, hurts: 'a re-announcement makes people look slow' },
  { id: 'live-flood-edge', file: 'kpi_flood.c', old: c`if (!f->flood && f->count > f->on) {`, now: c`if (!f->flood && f->count >= f->on) {`, hurts: 'the banner cries flood at ten' },
  { id: 'live-window-edge', file: 'kpi_flood.c', old: c`nth_newest(f, f->count) <= f->now_us - f->window_us`, now: c`nth_newest(f, f->count) < f->now_us - f->window_us`, hurts: 'an alarm of ten minutes ago keeps the banner up' },
];

export default [...propagation, ...values, ...clock, ...window, ...language, ...kpi];
