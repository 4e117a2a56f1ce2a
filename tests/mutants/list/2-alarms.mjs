// Evaluation, facts and what follows from them, suppression, requests, the order of events.
const c = String.raw;

const alarms = [
  { id: 'connect-grace-missing', old: c`        delays.on_us = CORE_CONNECT_US;`, now: c``, hurts: 'after each start of the server every gateway is an alarm' },
  { id: 'connect-grace-for-ever', old: c`core->gateways[m->gateway].starting && delays.on_us`, now: c`delays.on_us`, hurts: 'a lost link is told two minutes late' },
  { id: 'stale-waits-twice', old: c`        delays.on_us = 0; /* the silence itself took its time */`, now: c``, hurts: 'a silent sensor is told after twice its time' },
  { id: 'delay-timer-not-disarmed', sample: true, old: c`    if (!delay_is_running(d)) {
        timer_disarm(&core->timers, timer);
    } else if`, now: c`    if (!delay_is_running(d)) {
        return;
    } else if`, hurts: 'the server dies when the timer of a delay that is over comes due' },
  { id: 'delay-timer-not-moved', old: c`!timer_is_armed(&core->timers, timer, &armed_us) || armed_us != d->mark_us) {`, now: c`!timer_is_armed(&core->timers, timer, &armed_us)) {`, hurts: 'a travel time that began anew ends at the old time' },
  { id: 'condition-memory-lost-when-unknown', old: c`    if (truth != TRUTH_UNKNOWN) {
        a->bits = truth`, now: c`    if (true) {
        a->bits = truth`, hurts: 'one bad value and the alarm returns within its deadband' },
  { id: 'suspect-never-cleared', old: c`a->bits = core->suspect ? a->bits | BIT_SUSPECT : a->bits & (uint8_t)~BIT_SUSPECT;`, now: c`a->bits = core->suspect ? a->bits | BIT_SUSPECT : a->bits;`, hurts: 'times are doubted for ever after one wrong clock' },
  { id: 'quality-in-normal-journaled', old: c`alarm_shown_letter(a->facts) != ALARM_NORMAL && core->cause`, now: c`core->cause`, hurts: 'a lost gateway writes thousands of records' },
  { id: 'quality-not-journaled', old: c`    if (alarm_shown_letter(a->facts) != ALARM_NORMAL && core->cause != CAUSE_RESTART) {`, now: c`    if (false) {`, hurts: 'nobody can tell afterwards that a standing alarm was blind' },
  { id: 'policy-while-link-down', sample: true, old: c`if (r->truth != TRUTH_UNKNOWN || r->blind) {`, now: c`if (r->truth != TRUTH_UNKNOWN) {`, hurts: 'a lost link is one alarm for each fail-safe tag' },
  { id: 'fail-safe-holds', old: c`    case ON_BAD_ALARM:
        return TRUTH_TRUE;`, now: c`    case ON_BAD_ALARM:
        return TRUTH_UNKNOWN;`, hurts: 'a broken wire of a fail-safe alarm stays silent' },
  { id: 'fail-normal-holds', old: c`    case ON_BAD_NORMAL:
        return TRUTH_FALSE;`, now: c`    case ON_BAD_NORMAL:
        return TRUTH_UNKNOWN;`, hurts: 'an alarm stands though it was to go with its signal' },
  { id: 'hold-is-false', old: c`    case ON_BAD_HOLD:
        return TRUTH_UNKNOWN;`, now: c`    case ON_BAD_HOLD:
        return TRUTH_FALSE;`, hurts: 'a lost value returns an alarm whose cause still stands' },
  { id: 'silence-begins-before-the-newest-sample', old: c`return later ? core->tags[m->tag].t_us : ts_us;`, now: c`return ts_us;`, hurts: 'with a fast gateway clock a pause counts wrongly' },
  { id: 'repeated-command-restarts-travel', old: c`if (!command.known || command.v == memo->value) {`, now: c`if (!command.known) {`, hurts: 'a command that is repeated each second hides a stuck valve for ever' },
  { id: 'first-command-not-remembered', old: c`    memo->value = command.v;
    if (a->delay.state`, now: c`    if (a->delay.state`, hurts: 'each sample begins the travel time anew' },
  { id: 'evaluated-while-disabled', old: c`    if ((a->facts & FACT_ENABLED) == 0 || (a->facts & FACT_GONE) != 0) {
        return;
    }
    struct reading r = core_condition(`, now: c`    struct reading r = core_condition(`, hurts: 'a disabled alarm rings' },
  { id: 'uncertain-mark-stays', old: c`ts_us, sink);
    }
    core->uncertain = false;
}`, now: c`ts_us, sink);
    }
}`, hurts: 'records of good values carry a question mark' },
  { id: 'evidence-removed', sample: true, old: c`    if (delay_ended_before(&a->delay, core_alarm_delays(core, alarm), ts_us)) {`, now: c`    if (false) {`, hurts: 'an excursion that one message tells of with its end is never an alarm' },
  { id: 'forget-keeps-condition', old: c`    a->delay = delay_initial(false);
    a->bits &= (uint8_t)~BIT_CONDITION;`, now: c`    a->delay = delay_initial(false);`, hurts: 'an alarm that was disabled and enabled rises within its deadband' },
  { id: 'forget-keeps-delay', old: c`    a->delay = delay_initial(false);
    a->bits`, now: c`    a->bits`, hurts: 'a delay from before it was disabled runs on' },
  { id: 'forget-keeps-untrusted-count', old: c`        core->counts.untrusted--;
    }
    if`, now: c`    }
    if`, hurts: 'the counter of untrusted alarms never comes back to zero' },
  { id: 'forget-keeps-timer', old: c`    sync_timer(core, alarm);
    timer_disarm(&core->timers, core_timer(core, TIMER_STEP, alarm));`, now: c`    timer_disarm(&core->timers, core_timer(core, TIMER_STEP, alarm));`, hurts: 'the server dies when the timer of a disabled alarm comes due' },
  { id: 'forget-keeps-step', old: c`    sync_timer(core, alarm);
    timer_disarm(&core->timers, core_timer(core, TIMER_STEP, alarm));`, now: c`    sync_timer(core, alarm);`, hurts: 'a disabled alarm of silence or running time raises' },
  { id: 'removed-flags-kept', old: c`    r->flags = r->flags & (RECORD_NOTIFY | RECORD_TEST);`, now: c``, hurts: 'the record of a removal says that it rang' },
  { id: 'removed-actor-kept', old: c`    r->actor_key = 0;
    r->actor[0] =`, now: c`    r->actor[0] =`, hurts: 'the journal names a person for what a configuration did' },
  { id: 'removed-normal-recorded', old: c`row == NULL || shown == ALARM_NORMAL`, now: c`row == NULL`, hurts: 'each revision writes a record for every normal alarm that left' },
  { id: 'new-configuration-not-evaluated', old: c`    core_suppress_settle(core, sink);
    evaluate_all(core, sink);`, now: c`    core_suppress_settle(core, sink);`, hurts: 'a new limit is first looked at with the next sample' },
  { id: 'start-before-suppression', old: c`    core_suppress_settle(core, sink);
    evaluate_all(core, sink);`, now: c`    evaluate_all(core, sink);
    core_suppress_settle(core, sink);`, hurts: 'what a new rule hides rings once' },
].map((m) => ({ file: 'core_alarms.c', ...m }));

const facts = [
  { id: 'journal-time-falls', old: c`return core->now_us > core->journal_at_us ? core->now_us : core->journal_at_us;`, now: c`return core->now_us;`, hurts: 'after the clock was set back the journal is out of order' },
  { id: 'first-mark-kept-in-normal', old: c`    a->bits = is_normal(facts) ? a->bits & (uint8_t)~BIT_FIRST : a->bits;`, now: c``, hurts: 'the mark of the first one stands on an alarm that is long over' },
  { id: 'first-out-from-not-normal', old: c`g->not_normal == 1; /* itself, by now */`, now: c`g->not_normal <= 2;`, hurts: 'the second one is shown as the cause of the trip' },
  { id: 'first-out-tie-takes-the-mark', old: c`src_us < g->first_src_us &&`, now: c`src_us <= g->first_src_us &&`, hurts: 'of two of the same moment the later arrival is shown as the cause' },
  { id: 'first-out-window-open', old: c`core->now_us - g->first_at_us <= CORE_FIRST_OUT_US;`, now: c`true;`, hurts: 'the mark of the first one changes hours later' },
  { id: 'first-out-window-edge', old: c`core->now_us - g->first_at_us <= CORE_FIRST_OUT_US;`, now: c`core->now_us - g->first_at_us < CORE_FIRST_OUT_US;`, hurts: 'within five seconds is not what the page says' },
  { id: 'first-out-two-marks', old: c`            core->alarms[g->first].bits &= (uint8_t)~BIT_FIRST;`, now: c``, hurts: 'two alarms are the first one' },
  { id: 'first-out-window-renewed', old: c`g->first_at_us = alone ? core->now_us : g->first_at_us;`, now: c`g->first_at_us = core->now_us;`, hurts: 'each correction makes the window longer' },
  { id: 'first-out-unasked', old: c`if (!core->model->groups[more->groups[i]].first_out || (`, now: c`if ((`, hurts: 'groups that are no trip groups show a first one' },
  { id: 'chatter-window-edge', old: c`src_us - d->activated_us[0] <= CORE_CHATTER_US;`, now: c`src_us - d->activated_us[0] < CORE_CHATTER_US;`, hurts: 'three within a minute are not what the page says' },
  { id: 'chatter-in-server-time', old: c`src_us - d->activated_us[0] <= CORE_CHATTER_US;`, now: c`core->now_us - d->raised_at_us <= CORE_CHATTER_US;`, hurts: 'three that were held up in the net are called chatter' },
  { id: 'chatter-of-two', old: c`bool chatter = d->n_activated == 2 && src_us - d->activated_us[0]`, now: c`bool chatter = d->n_activated >= 1 && src_us - d->activated_us[d->n_activated - 1]`, hurts: 'the second alarm within a minute is silent' },
  { id: 'chatter-ring-not-moved', old: c`        d->activated_us[0] = d->activated_us[1];`, now: c``, hurts: 'chatter is found once, with the first two, and never again' },
  { id: 'chatter-for-ever', old: c`a->bits = chatter ? a->bits | BIT_CHATTER : a->bits & (uint8_t)~BIT_CHATTER;`, now: c`a->bits = chatter ? a->bits | BIT_CHATTER : a->bits;`, hurts: 'an alarm that chattered once is muted for good' },
  { id: 'raise-keeps-who-acknowledged', old: c`    d->acked_us = 0;
    d->acked_by = 0;
    d->suspect`, now: c`    d->suspect`, hurts: 'a new occurrence shows who acknowledged the old one' },
  { id: 'escalates-while-hidden', old: c`m->ack_mode != ACK_NONE && !alarm_letter_hidden(alarm_shown_letter(facts));`, now: c`m->ack_mode != ACK_NONE;`, hurts: 'an alarm that came up while shelved rises as soon as it is shown' },
  { id: 'latch-kept-over-occurrences', old: c`~(unsigned)(FACT_LATCHED | FACT_CONFIRM_DUE | FACT_ESCALATES);`, now: c`~(unsigned)FACT_ESCALATES;`, hurts: 'an alarm that latches no more asks for a reset with its next occurrence' },
  { id: 'latch-not-set', old: c`    with |= model_alarm_is(m, ALARM_LATCH) ? FACT_LATCHED : 0;`, now: c``, hurts: 'a trip is forgotten when its cause goes' },
  { id: 'confirmation-not-due', old: c`    with |= model_alarm_is(m, ALARM_CONFIRM) ? FACT_CONFIRM_DUE : 0;`, now: c``, hurts: 'nobody is asked to confirm' },
  { id: 'chatter-not-muted', old: c`alarm_shown_letter(a->facts) == ALARM_UNACKED && !muted;`, now: c`alarm_shown_letter(a->facts) == ALARM_UNACKED;`, hurts: 'a chattering alarm rings without a break' },
  { id: 'chatter-mutes-all-calls', old: c`bool muted = (c->ops & OP_OCC) != 0 && (a->bits`, now: c`bool muted = (a->bits`, hurts: 'a chattering alarm that escalates is not heard' },
  { id: 'chatter-sound-window-edge', old: c`core->now_us - d->rang_us < CORE_CHATTER_US;`, now: c`core->now_us - d->rang_us <= CORE_CHATTER_US;`, hurts: 'once a minute is once a minute' },
  { id: 'sound-while-hidden', sample: true, old: c`(c->ops & OP_RING) != 0 && alarm_shown_letter(a->facts) == ALARM_UNACKED && !muted`, now: c`(c->ops & OP_RING) != 0 && !muted`, hurts: 'a shelved alarm rings' },
  { id: 'sound-goes-on', old: c`    if (alarm_shown_letter(a->facts) != ALARM_UNACKED) {
        a->bits &= (uint8_t)~BIT_SOUNDING;
    }
    return false;`, now: c`    return false;`, hurts: 'the horn goes on after the acknowledgement' },
  { id: 'new-sound-without-number', old: c`        a->sound = ++core->sounds;
        a->bits |= BIT_SOUNDING;`, now: c`        a->bits |= BIT_SOUNDING;`, hurts: 'a silence from before keeps the next call quiet' },
  { id: 'ack-record-with-present-value', old: c`        r->value = d->value;
    }
    if (c->told`, now: c`    }
    if (c->told`, hurts: 'the journal does not say what was acknowledged' },
  { id: 'clear-keeps-suppressors', old: c`    core_suppressors_clear(core, alarm);
    timer_disarm(&core->timers, core_timer(core, TIMER_SHELF, alarm));`, now: c`    timer_disarm(&core->timers, core_timer(core, TIMER_SHELF, alarm));`, hurts: 'an alarm that was disabled is still on the lists of what suppresses it' },
  { id: 'clear-keeps-shelf-timer', old: c`    timer_disarm(&core->timers, core_timer(core, TIMER_SHELF, alarm));
    timer_disarm(&core->timers, core_timer(core, TIMER_SUPPRESS, alarm));`, now: c`    timer_disarm(&core->timers, core_timer(core, TIMER_SUPPRESS, alarm));`, hurts: 'the end of a shelf that was forgotten is journaled, and rings' },
  { id: 'clear-keeps-suppress-state', old: c`    a->suppress = SUPPRESS_OFF;
}`, now: c`}`, hurts: 'an alarm that was disabled while suppressed is not suppressed afterwards' },
  { id: 'call-not-incremented', old: c`        a->call++;`, now: c``, hurts: 'no acknowledgement can tell what was seen' },
  { id: 'rise-call-not-noted', old: c`        core_detail(core, alarm)->rise_call = a->call;`, now: c``, hurts: 'in chatter he acknowledges a priority that he never saw' },
  { id: 'escalation-not-noted-as-rise', old: c`if (c->kind == RECORD_ESCALATE || (c->kind == RECORD_PRIO && (c->ops & OP_CALL) != 0)) {`, now: c`if (c->kind == RECORD_PRIO && (c->ops & OP_CALL) != 0) {`, hurts: 'in chatter an older call settles an escalation' },
  { id: 'flood-counts-hidden', old: c`           !model_alarm_is(m, ALARM_TEST) &&
           !alarm_letter_hidden(alarm_shown_letter(core->alarms[alarm].facts));`, now: c`           !model_alarm_is(m, ALARM_TEST);`, hurts: 'the banner cries flood while nobody was told anything' },
  { id: 'flood-counts-tests', old: c`           !model_alarm_is(m, ALARM_TEST) &&
           !alarm`, now: c`           !alarm`, hurts: 'the banner counts alarms that are only tried out' },
  { id: 'flood-counts-notifications', old: c`(c->kind == RECORD_RAISE || c->kind == RECORD_RERAISE) && m->ack_mode != ACK_NONE &&`, now: c`(c->kind == RECORD_RAISE || c->kind == RECORD_RERAISE) &&`, hurts: 'the banner counts what is no alarm' },
  { id: 'priority-kept-from-escalation', old: c`              occurs ? occurrence_priority(core, alarm) : a->priority);`, now: c`              a->priority);`, hurts: 'one escalation makes an alarm critical for ever' },
  { id: 'higher-does-not-hide-lower', old: c`    core_suppress_lower(core, alarm, c->src_us, sink);
}

/* --- events`, now: c`}

/* --- events`, hurts: 'H and HH ring for one cause' },
  { id: 'escalation-survives-ack', old: c`    if (event == ALARM_EVENT_ACK) {
        cleared = FACT_ESCALATES;`, now: c`    if (event == ALARM_EVENT_ACK) {
        cleared = 0;`, hurts: 'an alarm that is in hand rises all the same' },
  { id: 'escalates-twice', old: c`event == ALARM_EVENT_RETURN || event == ALARM_EVENT_ESCALATE`, now: c`event == ALARM_EVENT_RETURN`, hurts: 'a configured change lets an escalated alarm escalate again' },
  { id: 'ack-without-occurrence', old: c`        a->acked_occ = a->occ;
        core_detail(core, alarm)->acked_us`, now: c`        core_detail(core, alarm)->acked_us`, hurts: 'the row says how often it came since, and counts what was acknowledged' },
  { id: 'auto-without-occurrence', old: c`    a->acked_occ = a->occ;
    d->acked_us = core_journal_time(core);
    d->acked_by = 0;`, now: c`    d->acked_us = core_journal_time(core);
    d->acked_by = 0;`, hurts: 'the row counts occurrences that need nobody' },
  { id: 'reannounce-keeps-who-acknowledged', old: c`if (event == ALARM_EVENT_REANNOUNCE || event == ALARM_EVENT_RISE) {`, now: c`if (event == ALARM_EVENT_RISE) {`, hurts: 'an alarm that asks anew shows who acknowledged it' },
  { id: 'one-shot-goes-on', old: c`    if ((core->alarms[alarm].facts & FACT_ONE_SHOT) != 0) {`, now: c`    if (false) {`, hurts: 'a one-shot shelf hides the next alarm, too' },
  { id: 'timed-shelf-ends-with-return', old: c`    if ((core->alarms[alarm].facts & FACT_ONE_SHOT) != 0) {`, now: c`    if ((core->alarms[alarm].facts & FACT_SHELVED) != 0) {`, hurts: 'a shelf for a day ends with the first return' },
  { id: 'one-shot-kept-by-timed-shelf', old: c`FACT_ESCALATES | (kind == RECORD_SHELVE ? FACT_ONE_SHOT : 0U);`, now: c`FACT_ESCALATES;`, hurts: 'a shelf that replaced a one-shot one ends with the return' },
  { id: 'escalation-survives-hiding', old: c`FACT_ESCALATES | (kind == RECORD_SHELVE ? FACT_ONE_SHOT : 0U);`, now: c`(kind == RECORD_SHELVE ? FACT_ONE_SHOT : 0U);`, hurts: 'an alarm that comes back from the shelf rises at once' },
  { id: 'unshelve-keeps-timer', old: c`        d->until_us = 0;
        timer_disarm(&core->timers, core_timer(core, TIMER_SHELF, alarm));
    }`, now: c`        d->until_us = 0;
    }`, hurts: 'the end of a shelf that is gone is a call of its own' },
  { id: 'leave-keeps-confirmation', old: c`            c.facts = without(c.facts, FACT_CONFIRM_DUE); /* what happened while hidden is owed by nobody */`, now: c``, hurts: 'what happened while hidden is on the list to confirm' },
  { id: 'leave-keeps-who-acknowledged', old: c`        if ((row->ops & OP_RING) != 0) {
            forget_ack(core, alarm);
        }`, now: c``, hurts: 'an alarm that asks anew shows who acknowledged it' },
  { id: 'escalated-priority-lowered', old: c`uint8_t now = escalated && old < configured ? old : configured;`, now: c`uint8_t now = configured;`, hurts: 'a revision takes an escalation back' },
  { id: 'rise-not-announced', old: c`bool rises = now < old && alarm_letter_active(shown) &&`, now: c`bool rises = false && alarm_letter_active(shown) &&`, hurts: 'he acknowledged something less, and is not told of more' },
  { id: 'fall-announced', old: c`bool rises = now < old && alarm_letter_active(shown)`, now: c`bool rises = alarm_letter_active(shown)`, hurts: 'an alarm that became less important rings' },
  { id: 'rise-announced-while-returned', old: c`now < old && alarm_letter_active(shown) && ack_mode(core, alarm) != ACK_NONE;`, now: c`now < old && ack_mode(core, alarm) != ACK_NONE;`, hurts: 'the server dies with a revision: there is no such way in the table' },
  { id: 'priority-in-normal-journaled', old: c`    if (shown == ALARM_NORMAL || shown == ALARM_DISABLED || shown == ALARM_GONE) {
        return; /* the configuration's history tells */
    }`, now: c``, hurts: 'each revision of priorities fills the journal' },
  { id: 'reannounce-stopped-by-ack', old: c`more->realarm_us > 0 && waits && alarm_letter_active(shown), d->called_us`, now: c`more->realarm_us > 0 && waits && shown == ALARM_UNACKED, d->called_us`, hurts: 'an alarm that was acknowledged and forgotten is never announced again' },
  { id: 'reannounce-from-raise', old: c`alarm_letter_active(shown), d->called_us + more->realarm_us);`, now: c`alarm_letter_active(shown), d->raised_at_us + more->realarm_us);`, hurts: 'it is announced once, or without a break' },
  { id: 'escalation-from-call', old: c`               d->raised_at_us + more->escalate_us);`, now: c`               d->called_us + more->escalate_us);`, hurts: 'an alarm that is announced again and again never rises' },
  { id: 'escalates-downwards', old: c`                   more->escalate_priority < a->priority,`, now: c`                   true,`, equivalent: 'the configuration refuses an escalation that is no rise, and one that has risen does not rise again' },
  { id: 'notification-reannounced', old: c`more->realarm_us > 0 && waits && alarm_letter_active(shown)`, now: c`more->realarm_us > 0 && alarm_letter_active(shown)`, hurts: 'the server dies: a notification is not announced again' },
  { id: 'timer-not-disarmed', old: c`    if (!wanted) {
        timer_disarm(&core->timers, timer);
    } else if`, now: c`    if (!wanted) {
        return;
    } else if`, hurts: 'a returned alarm is announced again' },
].map((m) => ({ file: 'core_facts.c', ...m }));

const suppress = [
  { id: 'suppressors-as-a-flag', sample: true, old: c`    if (core->alarms[alarm].suppressors == 0) {
        core_unhide(`, now: c`    if (true) {
        core_unhide(`, hurts: 'the first group that clears shows what another one hides' },
  { id: 'suppressed-twice', old: c`    if (core_suppressed_by(core, alarm, source)) {
        return ALARM_ALREADY;
    }`, now: c``, hurts: 'the journal tells of a suppression that was there already' },
  { id: 'suppressor-long-name-differs', old: c`strncmp(core->names[core->suppressors[at].name], source, ALARM_SOURCE_SIZE - 1) != 0`, now: c`strcmp(core->names[core->suppressors[at].name], source) != 0`, hurts: 'a source with a long name suppresses twice' },
  { id: 'suppressor-entry-lost', old: c`    core->suppressors[entry].next = core->free_suppressor;
    core->free_suppressor = entry;`, now: c``, hurts: 'after some thousand plans nothing can be suppressed any more' },
  { id: 'suppressor-chain-cut', old: c`    *at = core->suppressors[entry].next;
    core->suppressors[entry].next`, now: c`    *at = 0;
    core->suppressors[entry].next`, hurts: 'one plan that ends takes others with it' },
  { id: 'suppressor-unknown-at-once', old: c`[SUPPRESS_ON] = {END, KEEP, GO_BLIND, KEEP},`, now: c`[SUPPRESS_ON] = {END, KEEP, END, KEEP},`, hurts: 'one bad value of a pump\'s state and its alarms ring' },
  { id: 'suppressor-blind-for-ever', old: c`[SUPPRESS_BLIND] = {END, GO_ON, KEEP, END},`, now: c`[SUPPRESS_BLIND] = {END, GO_ON, KEEP, KEEP},`, hurts: 'alarms stay hidden by a rule that nobody can judge' },
  { id: 'suppressor-blind-timer-kept', old: c`        *t->state = SUPPRESS_ON;
        timer_disarm(&core->timers, t->timer);
        return;`, now: c`        *t->state = SUPPRESS_ON;
        return;`, equivalent: 'the table keeps SUPPRESS_ON when its old timer comes due, and arming again moves it' },
  { id: 'start-up-not-cancelled', old: c`[SUPPRESS_ENDING] = {KEEP, GO_ON, KEEP, END},`, now: c`[SUPPRESS_ENDING] = {KEEP, KEEP, KEEP, END},`, hurts: 'a pump that stops again during its start-up rings' },
  { id: 'start-up-begins-anew', old: c`[SUPPRESS_ENDING] = {KEEP, GO_ON, KEEP, END},`, now: c`[SUPPRESS_ENDING] = {END, GO_ON, KEEP, END},`, hurts: 'each sample of the plant\'s state ends the start-up time' },
  { id: 'start-up-skipped', old: c`if (state != SUPPRESS_ENDING && t->start_up_us > 0) {`, now: c`if (false) {`, hurts: 'every start of a pump is a low-flow alarm' },
  { id: 'start-up-again-and-again', old: c`if (state != SUPPRESS_ENDING && t->start_up_us > 0) {`, now: c`if (t->start_up_us > 0) {`, hurts: 'an alarm with a start-up time is hidden for ever' },
  { id: 'start-up-in-server-time', old: c`core_due_us(core, ts_us, ts_us + t->start_up_us)`, now: c`core->now_us + t->start_up_us`, hurts: 'the lag of the net makes the start-up time longer' },
  { id: 'suppressed-while-disabled', old: c`    if (!is_enabled(core, alarm)) {
        return;
    }
    /* Room`, now: c`    /* Room`, hurts: 'a disabled alarm gathers suppressors' },
  { id: 'never-known-suppresses', old: c`        return INPUT_UNKNOWN;
    }
    return v.v != 0`, now: c`        return INPUT_TRUE;
    }
    return v.v != 0`, hurts: 'alarms are hidden by a rule that was never known' },
  { id: 'lower-not-shown-again', old: c`        if (on != core_suppressed_by(core, lower, ALARM_SOURCE_HIGHER)) {`, now: c`        if (on) {`, hurts: 'H stays hidden when HH has gone' },
  { id: 'lower-hidden-by-a-hidden-one', old: c`bool on = alarm_letter_active(alarm_shown_letter(core->alarms[alarm].facts));
    for`, now: c`bool on = alarm_letter_active(alarm_base_letter(core->alarms[alarm].facts));
    for`, hurts: 'HH is on the shelf, and H says nothing either' },
  { id: 'unknown-source-kept', old: c`            (void)core_suppress_take(core, alarm, source, core->now_us, &core_the_system, sink);`, now: c``, hurts: 'a rule that left the configuration hides its alarm for ever' },
  { id: 'restart-forgets-to-be-blind', old: c`    if (core_suppressed_by(core, alarm, ALARM_SOURCE_RULE)) {
        keep_blind(core, &t);
    }`, now: c``, hurts: 'a rule that hid an alarm before the restart never lets it go' },
  { id: 'group-forgets-to-be-blind', old: c`            keep_blind(core, &t);
        }
    }
    core_suppress_group`, now: c`        }
    }
    core_suppress_group`, hurts: 'a group that hid its alarms before the restart never lets them go' },
  { id: 'new-member-not-hidden', old: c`        set_one(core, g->members[i], source, true, core->now_us, sink); /* those that are new in it */`, now: c``, hurts: 'an alarm that joined a group rings while the others are hidden' },
  { id: 'enabled-forgets-groups', old: c`            set_one(core, alarm, core->names[g->name], true, core->now_us, sink);`, now: c``, hurts: 'an alarm that is enabled rings though its group is hidden' },
  { id: 'enabled-forgets-higher', old: c`        core_suppress_lower(core, more->hidden_by, core->now_us, sink);`, now: c``, hurts: 'an alarm that is enabled rings beside the higher one' },
  { id: 'enabled-forgets-own-rule', old: c`        core_suppress_alarm(core, alarm, core->now_us, sink);
    }
    for`, now: c`    }
    for`, hurts: 'an alarm that is enabled rings though its rule hides it' },
].map((m) => ({ file: 'core_suppress.c', ...m }));

const requests = [
  { id: 'one-shot-without-end', old: c`duration_us = model_alarm_more(core->model, alarm)->max_shelve_us;
    }`, now: c`duration_us = INT64_C(1) << 50;
    }`, hurts: 'a one-shot shelf of an alarm that never comes lasts for ever' },
  { id: 'shelf-timer-not-armed', old: c`    timer_arm(&core->timers, core_timer(core, TIMER_SHELF, alarm), d->until_us);
    return ALARM_OK;`, now: c`    return ALARM_OK;`, hurts: 'a shelf never ends' },
  { id: 'zero-keeps-time', old: c`    memo->since_us = core->now_us;
    if (kind`, now: c`    if (kind`, hurts: 'running time from before the service is counted again' },
  { id: 'zero-keeps-amount', old: c`    memo->amount = 0;
    core->memo_changes++;`, now: c`    core->memo_changes++;`, hurts: 'a service is due at once again' },
  { id: 'zero-tells-zero', old: c`    core_note_record(core, alarm, RECORD_ZERO, core->now_us, cause, sink); /* it tells the amount until now */
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    memo->amount = 0;`, now: c`    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    memo->amount = 0;
    core_note_record(core, alarm, RECORD_ZERO, core->now_us, cause, sink);`, hurts: 'nobody knows how long the machine had run' },
  { id: 'zero-cusum-stands', old: c`        core_alarm_step(core, alarm, TRUTH_FALSE, core->now_us, sink);`, now: c``, hurts: 'a sum that was set to zero alarms until its next step' },
  { id: 'disabled-delay-goes-on', old: c`    core_transit(core, alarm, ALARM_EVENT_DISABLE, core->now_us, cause, sink);
    core_alarm_forget(core, alarm);`, now: c`    core_transit(core, alarm, ALARM_EVENT_DISABLE, core->now_us, cause, sink);`, hurts: 'a disabled alarm is raised by its delay' },
  { id: 'enabled-not-evaluated', old: c`    } else {
        core_alarm_evaluate(core, alarm, core->now_us, sink);
    }
}

static enum alarm_reply do_it`, now: c`    }
}

static enum alarm_reply do_it`, hurts: 'an alarm that is enabled says nothing of a condition that stands' },
  { id: 'enabled-rings-first', old: c`    core_suppress_enabled(core, alarm, sink);
    if (core_gathers`, now: c`    if (core_gathers`, hurts: 'an alarm that is enabled rings though it is to be hidden' },
  { id: 'suppress-without-source', old: c`return text(ask->source)[0] == '\0'`, now: c`return ask->source == NULL`, hurts: 'something without a name hides an alarm' },
  { id: 'nothing-quiet-after-request', old: c`            core_alarm_requiet(core, ask->alarm);`, now: c``, hurts: 'samples after a request are not looked at' },
  { id: 'unshelve-without-reason', old: c`.unshelved = UNSHELVE_OPERATOR};`, now: c`.unshelved = UNSHELVE_NONE};`, hurts: 'the journal does not say who took it off the shelf' },
].map((m) => ({ file: 'core_requests.c', ...m }));

const order = [
  { id: 'timers-before-requests', old: c`core_run_timers(core, now_us - 1, &sink);`, now: c`core_run_timers(core, now_us, &sink);`, hurts: 'an acknowledgement in time is too late, and what ended in time rings' },
  { id: 'time-goes-back', old: c`    if (now_us > core->now_us) {
        core->now_us = now_us;`, now: c`    {
        core->now_us = now_us;`, hurts: 'a clock that was set back makes delays longer' },
  { id: 'ticks-after-timers', old: c`tick_us <= until_us && tick_us <= timer_next(&core->timers)`, now: c`tick_us <= until_us && tick_us < timer_next(&core->timers)`, hurts: 'a delay ends though the rule says in the same second that it is over' },
  { id: 'shadow-after-loss', old: c`    if (!up) {
        core_history_begin(core, gateway);
    }
    g->up = up;
    g->since_us = core->now_us;
    core_tags_link(core, gateway, up, sink);`, now: c`    g->up = up;
    g->since_us = core->now_us;
    core_tags_link(core, gateway, up, sink);
    if (!up) {
        core_history_begin(core, gateway);
    }`, hurts: 'a delay that ran when the line broke is not in the story' },
  { id: 'link-time-not-kept', old: c`    g->since_us = core->now_us;
    core_tags_link`, now: c`    core_tags_link`, hurts: 'after an outage everything is stale at once' },
  { id: 'grace-after-every-loss', old: c`    g->starting = g->starting && !up;`, now: c``, hurts: 'a lost link is told two minutes late' },
  { id: 'grace-ends-with-nothing', old: c`    g->starting = g->starting && !up;`, now: c`    g->starting = false;`, equivalent: 'the first change of a link in its grace is always that it comes up' },
  { id: 'silence-everywhere', old: c`if (position == MODEL_NONE || position == i) {`, now: c`if (true) {`, hurts: 'silence at one desk silences another one' },
  { id: 'backlog-rings', old: c`        core->counts.backlog += event->samples.n;
        core_history_message(core, event, sink);`, now: c`        core->counts.backlog += event->samples.n;
        core_tags_message(core, event, sink);`, hurts: 'what was over hours ago rings now' },
  { id: 'shelf-ends-without-reason', old: c`.unshelved = UNSHELVE_EXPIRED};`, now: c`.unshelved = UNSHELVE_OPERATOR};`, hurts: 'the journal says that a person took it off the shelf' },
  { id: 'one-shot-stays-after-its-end', old: c`core_unhide(core, alarm, RECORD_UNSHELVE, FACT_SHELVED | FACT_ONE_SHOT, core->now_us, &expired, sink);`, now: c`core_unhide(core, alarm, RECORD_UNSHELVE, FACT_SHELVED, core->now_us, &expired, sink);`, hurts: 'an alarm is marked as shelved once, and is not' },
  { id: 'nothing-quiet-after-timer', old: c`    core_alarm_requiet(core, alarm);
}

void core_run_timers`, now: c`}

void core_run_timers`, hurts: 'the sample that ends an alarm is not looked at' },
].map((m) => ({ file: 'core.c', ...m }));

const certificates = [
  { id: 'certificate-of-disabled-counts', old: c`    if (m->gateway != MODEL_NONE && !core->gateways[m->gateway].enabled) {
        return TRUTH_FALSE;
    }`, now: c``, hurts: 'a station that was given up rings for its certificate' },
  { id: 'certificate-returns-at-restart', old: c`        return TRUTH_UNKNOWN; /* restored: it stands until somebody tells */`, now: c`        return TRUTH_FALSE;`, hurts: 'each restart ends the alarm and raises it again' },
  { id: 'certificate-never-rises', old: c`    if ((a->facts & FACT_ACTIVE) != 0 && core_certificate_priority(core, alarm) < a->priority) {`, now: c`    if (false) {`, hurts: 'acknowledged a month ago, it is forgotten on the last day' },
  { id: 'certificate-rises-while-normal', old: c`(a->facts & FACT_ACTIVE) != 0 && core_certificate_priority`, now: c`core_certificate_priority`, hurts: 'a station that was given up fills the journal with changes of priority' },
  { id: 'certificate-timer-of-first-limit-alone', old: c`has_end(core, alarm) && n < LIMITS) {`, now: c`has_end(core, alarm) && n < 1) {`, hurts: 'nobody is told again after the first time' },
  { id: 'certificate-delayed-to-the-end', old: c`    return passed(core, alarm) > 1;`, now: c`    return passed(core, alarm) > LIMITS;`, hurts: 'one that has an hour left rings when it has ended' },
].map((m) => ({ file: 'core_certificate.c', ...m }));

export default [...alarms, ...facts, ...suppress, ...requests, ...order, ...certificates];
