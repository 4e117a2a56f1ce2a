// Samples, quality, links, what gathers, the backlog.
const c = String.raw;

const tags = [
  { id: 'stale-not-shown-as-bad', old: c`    if ((t->flags & TAG_STALE) != 0) {
        return (uint8_t)(QUALITY_BAD | no_value | REASON_STALE);
    }`, now: c``, hurts: 'a value of yesterday looks like one of now' },
  { id: 'lost-link-not-shown-as-bad', old: c`    if ((t->flags & TAG_LOST) != 0) {
        return (uint8_t)(QUALITY_BAD | no_value | REASON_COMMS);
    }`, now: c``, hurts: 'values of a lost gateway look like values of now' },
  { id: 'uncertain-not-known', old: c`return !quality_is_bad(q) && (q & QUALITY_NO_VALUE) == 0;
}

void core_tag_changed`, now: c`return quality_is_good(q) && (q & QUALITY_NO_VALUE) == 0;
}

void core_tag_changed`, hurts: 'people see since when a value is unknown that is only uncertain' },
  { id: 'stale-timer-not-moved', old: c`    if (deadline_us > due_us) {
        timer_arm(&core->timers, core_timer_of_tag(core, tag), deadline_us);
        return;
    }`, now: c``, hurts: 'a tag is stale though it was heard a moment ago' },
  { id: 'stale-cuts-delays', old: c`    complete_alarms(core, tag, deadline_us, sink);
    t->flags |= TAG_STALE;`, now: c`    t->flags |= TAG_STALE;`, hurts: 'a delay that ends when the value turns stale never ends' },
  { id: 'link-loss-keeps-values', old: c`t->flags = (uint8_t)((t->flags | TAG_LOST) & ~TAG_STALE);
        timer_disarm`, now: c`t->flags = (uint8_t)(t->flags & ~TAG_STALE);
        timer_disarm`, hurts: 'delays run on while nothing is known' },
  { id: 'link-loss-keeps-stale-timer', old: c`        timer_disarm(&core->timers, core_timer_of_tag(core, tag));
        note_known`, now: c`        note_known`, hurts: 'the server dies when a tag of a lost gateway turns stale' },
  { id: 'delays-not-completed-at-loss', old: c`        complete_alarms(core, tag, core->now_us - 1, sink);`, now: c``, hurts: 'a delay that was over when the line broke waits for the line' },
  { id: 'delays-completed-too-far-at-loss', old: c`        complete_alarms(core, tag, core->now_us - 1, sink);`, now: c`        complete_alarms(core, tag, core->now_us, sink);`, hurts: 'a delay that ends with the line is told, though nobody knew at its end' },
  { id: 'link-up-is-evidence', old: c`        if (up) {
            core_tag_watch(core, tag);`, now: c`        if (up) {
            t->flags = (uint8_t)(t->flags & ~TAG_LOST);
            core_tag_watch(core, tag);`, hurts: 'the old value counts as known before the gateway has said anything' },
  { id: 'calculated-always-news', old: c`    if ((t->flags & TAG_SEEN) != 0 && t->quality == quality && same_value) {
        return false; /* it holds: nothing is news */
    }`, now: c``, hurts: 'a window over a calculated tag costs an evaluation for nothing, and its age is wrong' },
  { id: 'calculated-uncertain-lost', old: c`quality = value.uncertain ? QUALITY_UNCERTAIN : QUALITY_GOOD;`, now: c`quality = QUALITY_GOOD;`, hurts: 'a sum of doubtful values is shown as good' },
  { id: 'quiet-band-too-wide', sample: true, old: c`double edge = inclusive ? nextafter(limit, -INFINITY) : limit;`, now: c`double edge = limit;`, hurts: 'an alarm "at or beyond" misses the sample that reaches its limit' },
  { id: 'quiet-band-ignores-deadband', old: c`nextafter(limit - m->deadband, INFINITY) : limit;`, now: c`nextafter(limit - 2 * m->deadband, INFINITY) : limit;`, hurts: 'the sample that ends an alarm is not looked at' },
  { id: 'quiet-while-pending', old: c`    if (!settled || (a->bits & BIT_UNTRUSTED) != 0 || is_true != delay_is_active(&a->delay)) {`, now: c`    if ((a->bits & BIT_UNTRUSTED) != 0) {`, hurts: 'the sample that would end a delay is not looked at' },
  { id: 'quiet-stale', old: c`        return !is_true;
    }
    if ((m->kind`, now: c`        return true;
    }
    if ((m->kind`, hurts: 'silence does not end with the next message' },
  { id: 'quiet-limit-tag', old: c`|| more->limit_tag != MODEL_NONE) {
        return false;`, now: c`|| false) {
        return false;`, hurts: 'an alarm with a limit from a tag is judged by a number of the file' },
  { id: 'future-not-clamped', sample: true, old: c`.t_us = message_time(s->t_us, core->now_us), .quality`, now: c`.t_us = s->t_us, .quality`, hurts: 'one wrong year and a tag is deaf for ever' },
  { id: 'future-looks-good', old: c`        taken.quality = quality_worse(taken.quality, QUALITY_UNCERTAIN | REASON_CLOCK);`, now: c``, hurts: 'nobody sees that a time was not believed' },
  { id: 'infinite-is-a-value', old: c`        taken.quality = quality_worse(taken.quality, QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR);`, now: c``, hurts: 'a broken sensor is far beyond every limit' },
  { id: 'display-deadband-edge', old: c`return fabs(value - t->shown) >= (double)t->deadband;`, now: c`return fabs(value - t->value) >= (double)t->deadband;`, hurts: 'a slow drift is never shown' },
  { id: 'late-evaluated', sample: true, old: c`    if (is_late(t, m->lane, s.t_us)) {
        core->counts.late++;
        return;
    }`, now: c`    if (is_late(t, m->lane, s.t_us)) {
        core->counts.late++;
    }`, hurts: 'an old value ends an alarm that stands' },
  { id: 'late-not-counted', old: c`        core->counts.late++;
        return;`, now: c`        return;`, hurts: 'nobody sees that a gateway sends out of order' },
  { id: 'equal-time-is-late', old: c`(t->flags & TAG_SEEN) != 0 && t_us < t->t_us;`, now: c`(t->flags & TAG_SEEN) != 0 && t_us <= t->t_us;`, hurts: 'corrections are lost, and an outage is never over for what did not change' },
  { id: 'snapshot-may-be-late', old: c`return lane != LANE_SNAPSHOT && (t->flags`, now: c`return (t->flags`, hurts: 'a gateway whose clock was set back cannot be seen' },
  { id: 'late-is-of-the-gateway', old: c`s->t_us <= t->t_us ||
        s->t_us > core->now_us + CORE_FUTURE_MAX_US`, now: c`s->t_us < t->t_us ||
        s->t_us > core->now_us + CORE_FUTURE_MAX_US`, equivalent: 'a sample of the same time with a value in the quiet band can take either way: the long one finds nothing to do' },
  { id: 'foreign-sample-taken', old: c`        core->counts.foreign++;
        return;`, now: c`        core->counts.foreign++;`, hurts: 'a gateway writes values of another site' },
  { id: 'half-a-message-rings', old: c`        while (end < n && message_time(v[order[end]].t_us, core->now_us) == t_us) {`, now: c`        while (false) {`, hurts: 'half a message is a false alarm' },
  { id: 'suspect-goes-on', old: c`    core->suspect = false;
}

/* The lines`, now: c`}

/* The lines`, hurts: 'all later records carry doubtful times' },
  { id: 'clock-alarm-never-ends', old: c`    g->future = m->future;
    if`, now: c`    g->future = g->future || m->future;
    if`, hurts: 'the alarm of a clock that is right again stands' },
  { id: 'unsorted-message', file: 'message_order.c', old: c`        return time_a < time_b;`, now: c`        return time_a <= time_b || a < b;`, hurts: 'values of a message that are out of order are late' },
  { id: 'worse-quality-is-better', file: 'quality.c', old: c`(a & QUALITY_CLASS_MASK) >= (b & QUALITY_CLASS_MASK) ? a : b`, now: c`(a & QUALITY_CLASS_MASK) <= (b & QUALITY_CLASS_MASK) ? a : b`, hurts: 'a bad value looks good' },
  { id: 'out-of-range-looks-good', file: 'sample.c', old: c`value < tag->low || value > tag->high`, now: c`value < tag->low`, hurts: 'a value beyond the sensor\'s range looks good' },
].map((m) => ({ file: 'core_tags.c', ...m }));

const conditions = [
  { id: 'bad-setpoint-is-blind', old: c`        r->blind = r->blind || is_lost(core, lens, tag);`, now: c`        r->blind = true;`, hurts: 'a broken wire of a fail-safe alarm stays silent' },
  { id: 'uncertain-refused', old: c`    bool refused = v.uncertain && model_alarm_is(&core->model->alarms[alarm], ALARM_UNCERTAIN_BAD);`, now: c`    bool refused = v.uncertain;`, hurts: 'an uncertain value stops every alarm' },
  { id: 'uncertain-rule-taken', old: c`return v.known && !refused ? v.v : (double)NAN;`, now: c`return v.known ? v.v : (double)NAN;`, hurts: 'a rule that wants good values takes others' },
  { id: 'deviation-one-sided', old: c`        return fabs(number(core, alarm, lens, m->tag, r) - second(core, alarm, lens, r));
    case ALARM_EXPR:`, now: c`        return number(core, alarm, lens, m->tag, r) - second(core, alarm, lens, r);
    case ALARM_EXPR:`, hurts: 'a value below its setpoint is no deviation' },
  { id: 'quality-alarm-of-a-lost-link', old: c`    bool here = m->gateway == MODEL_NONE || core->gateways[m->gateway].up;
    if (!here || `, now: c`    if (`, equivalent: 'a link that is lost leaves all its tags marked as lost and not as stale, which says the same' },
  { id: 'quality-alarm-takes-uncertain', old: c`(model_alarm_is(m, ALARM_UNCERTAIN_BAD) && !quality_is_good(q));`, now: c`!quality_is_good(q);`, hurts: 'each doubtful value is a signal fault' },
  { id: 'newest-input-ignored', old: c`ts_us = t_us > ts_us ? t_us : ts_us;
    }
    return ts_us;`, now: c`(void)t_us;
    }
    return ts_us;`, hurts: 'an alarm began before one of its values was there' },
  { id: 'limit-tag-unscaled', old: c`number(core, alarm, lens, more->limit_tag, r) * more->limit_scale + more->limit_offset;`, now: c`number(core, alarm, lens, more->limit_tag, r);`, hurts: 'a limit in centimetres is compared with metres' },
  { id: 'comm-of-a-disabled-gateway', old: c`g->enabled && !g->up ? TRUTH_TRUE`, now: c`!g->up ? TRUTH_TRUE`, hurts: 'a gateway that was taken out of the plant is an alarm' },
  { id: 'disc-with-unknown-feedback', old: c`isnan(feedback) || isnan(r.value) ? TRUTH_UNKNOWN :`, now: c`isnan(r.value) ? TRUTH_UNKNOWN :`, hurts: 'nobody can say that it does not follow, but the alarm does' },
  { id: 'history-reads-live', old: c`    if (lens == LENS_LIVE) {
        const struct tag_state *t`, now: c`    if (lens == LENS_LIVE || true) {
        const struct tag_state *t`, hurts: 'the story of an outage is told with values of now' },
].map((m) => ({ file: 'core_conditions.c', ...m }));

const gather = [
  { id: 'stale-while-link-down', old: c`    if (m->gateway != MODEL_NONE && !core->gateways[m->gateway].up) {`, now: c`    if (false) {`, hurts: 'a lost link is one silence for each tag' },
  { id: 'stale-edge', old: c`bool silent = core->now_us >= deadline_us;`, now: c`bool silent = core->now_us > deadline_us;`, hurts: 'silence is told a message too late' },
  { id: 'change-from-quality', old: c`    if (!now.known || !from_sample) {
        return;
    }`, now: c`    if (!now.known) {
        return;
    }`, equivalent: 'without a sample the value cannot differ from the one that is remembered' },
  { id: 'first-value-is-a-change', old: c`bool changed = !isnan(memo->value) && now.v != memo->value;`, now: c`bool changed = now.v != memo->value;`, hurts: 'each start of the server rings' },
  { id: 'change-not-remembered', old: c`    memo->value = now.v;
    if (changed) {`, now: c`    if (changed) {`, hurts: 'a change is never seen' },
  { id: 'growth-while-unknown', old: c`memo->growing = now.known && (m->kind`, now: c`memo->growing = (m->kind`, equivalent: 'an unknown value reads as zero, and nothing grows by that' },
  { id: 'runtime-while-stopped', old: c`(m->kind == ALARM_TOTAL || now.v != 0);`, now: c`true;`, hurts: 'a stopped machine runs' },
  { id: 'limit-passed-unseen', old: c`    if (below && reaches <= ts_us) {`, now: c`    if (false) {`, hurts: 'the time at which a service was due is wrong' },
  { id: 'limit-edge-of-sums', old: c`return amount >= limit - fabs(limit) * 1e-12;`, now: c`return amount > limit;`, hurts: 'a service is never due, or a step too late' },
  { id: 'sum-timer-not-disarmed', old: c`    if (reaches == INT64_MAX) {
        disarm_step(core, alarm);
    } else {`, now: c`    if (reaches == INT64_MAX) {
        return;
    } else {`, equivalent: 'a timer that comes due while nothing grows does nothing' },
  { id: 'cusum-below-zero', old: c`memo->amount = fmax(0, memo->amount + off - more->k);`, now: c`memo->amount = memo->amount + off - more->k;`, hurts: 'a long quiet time hides the next shift' },
  { id: 'cusum-without-slack', old: c`memo->amount + off - more->k);`, now: c`memo->amount + off);`, hurts: 'noise adds up to an alarm' },
  { id: 'cusum-low-not-mirrored', old: c`m->kind == ALARM_CUSUM ? now.v - more->target : more->target - now.v;`, now: c`now.v - more->target;`, hurts: 'shifts downwards are not seen' },
  { id: 'cusum-steps-unaligned', old: c`arm_step(core, alarm, core->now_us - into_us + every_us);`, now: c`arm_step(core, alarm, core->now_us + every_us);`, hurts: 'the same data give another alarm after a restart' },
  { id: 'total-per-wrong-unit', old: c`memo->value / (double)model_alarm_more(core->model, alarm)->every_us;`, now: c`memo->value / 1e6;`, hurts: 'a flow per hour is added up per second' },
].map((m) => ({ file: 'core_gather.c', ...m }));

const history = [
  { id: 'gap-within-a-gap-forgets', old: c`    if (anew && core->gateways[gateway].told) {
        return;
    }`, now: c``, hurts: 'a second break makes the story of the first one begin with values of now' },
  { id: 'shadow-without-delay', old: c`.delay = a->delay, .open = true`, now: c`.delay = delay_initial(delay_is_active(&a->delay)), .open = true`, hurts: 'a delay that ran when the line broke is not in the story' },
  { id: 'history-delays-not-completed', old: c`            complete_before(core, core->tag_alarms.list[j], ts_us, sink);`, now: c``, hurts: 'what stored samples prove is not told' },
  { id: 'history-over-two-gateways', old: c`        if (m->tags[inputs[i]].gateway != gateway) {
            return false;
        }
    }
    return true;`, now: c`    }
    return true;`, hurts: 'a rule is judged with values of different times' },
  { id: 'skipped-again-and-again', old: c`        s->skipped = true;
        return;`, now: c`        return;`, hurts: 'one gap writes thousands of records' },
  { id: 'history-of-disabled', old: c`if (!s->open || (core->alarms[alarm].facts & FACT_ENABLED) == 0) {`, now: c`if (!s->open) {`, hurts: 'a disabled alarm has a story' },
  { id: 'history-unknown-is-false', old: c`s->condition = r.truth == TRUTH_UNKNOWN ? s->condition : r.truth == TRUTH_TRUE;`, now: c`s->condition = r.truth == TRUTH_TRUE;`, hurts: 'bad stored values end an excursion within its deadband' },
  { id: 'history-repeats-live', old: c`(t_us == s->t_us && sample->value == s->value)`, now: c`false`, equivalent: 'a value that repeats the last one changes no condition, delay or window' },
  { id: 'history-takes-older', old: c`(s->seen && (t_us < s->t_us ||`, now: c`(s->seen && (false ||`, hurts: 'what was known before the line broke is told again' },
  { id: 'history-after-the-end', old: c`    if (!core->gateways[gateway].shadowed) {
        return; /* the gap was closed: these are for the store alone */
    }`, now: c``, equivalent: 'closed shadows are not judged, and the next gap begins them anew' },
  { id: 'story-not-closed', old: c`    if (told && delay_is_active(&s->delay) && (core->alarms[alarm].facts & FACT_ACTIVE) == 0) {`, now: c`    if (false) {`, hurts: 'an excursion of the past never ends' },
  { id: 'story-closed-while-active', old: c`    if (told && delay_is_active(&s->delay) && (core->alarms[alarm].facts & FACT_ACTIVE) == 0) {`, now: c`    if (told && delay_is_active(&s->delay)) {`, hurts: 'one excursion is told as two' },
  { id: 'story-stays-open', old: c`    s->open = false;
}`, now: c`}`, hurts: 'the next gap goes on with the story of the last one' },
  { id: 'end-completes-at-te', old: c`        complete_before(core, alarm, te_us, sink);`, now: c`        complete_before(core, alarm, te_us + 1, sink);`, hurts: 'a delay that ends with the first live sample is told as an alarm of the past' },
].map((m) => ({ file: 'core_history.c', ...m }));

export default [...tags, ...conditions, ...gather, ...history];
