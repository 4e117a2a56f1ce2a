// Condition, delay, state machine, and what people ask.
const c = String.raw;

const condition = [
  {
    id: 'limit-not-strict',
    sample: true,
    old: c`value > limit || (inclusive`,
    now: c`value >= limit || (inclusive`,
    hurts: 'a value that stands at its limit, as a full tank does, alarms for ever',
  },
  { id: 'inclusive-ignored', old: c`(inclusive && value == limit)`, now: c`(inclusive && value > limit)`, hurts: 'an alarm that is set to "at or beyond" says nothing at the limit' },
  { id: 'deadband-end-not-strict', old: c`was_true && value > back`, now: c`was_true && value >= back`, hurts: 'an alarm does not return at limit minus deadband, as its page says' },
  { id: 'deadband-without-memory', old: c`return was_true && value > back`, now: c`return value > back`, hurts: 'values within the deadband raise, though they never were beyond the limit' },
  { id: 'deadband-forgotten', old: c`limit->limit, limit->limit - limit->deadband,`, now: c`limit->limit, limit->limit,`, hurts: 'a noisy signal at its limit rings again and again' },
  { id: 'low-deadband-wrong-side', old: c`-limit->limit - limit->deadband`, now: c`-limit->limit + limit->deadband`, hurts: 'low alarms flicker in their deadband' },
  { id: 'not-a-number-is-false', old: c`return TRUTH_UNKNOWN;`, now: c`return TRUTH_FALSE;`, hurts: 'a lost value returns an alarm whose cause still stands' },
].map((m) => ({ file: 'condition.c', ...m }));

const delay = [
  { id: 'delay-of-the-other-kind', old: c`d->state == DELAY_PENDING_OFF ? cfg.off_us : cfg.on_us`, now: c`d->state == DELAY_PENDING_ON ? cfg.off_us : cfg.on_us`, hurts: 'alarms come after the off-delay and go after the on-delay' },
  { id: 'delay-over-at-its-end', old: c`length_us(d, cfg) < ts_us`, now: c`length_us(d, cfg) <= ts_us`, hurts: 'an excursion exactly as long as the delay rings, though it was not longer' },
  { id: 'delay-in-server-time', sample: true, old: c`.t0_us = in->ts_us};`, now: c`.t0_us = in->now_us};`, hurts: 'lag of the net becomes part of a delay, and src is the room\'s time' },
  { id: 'delay-timer-ignores-age', old: c`d->mark_us = smaller(in->now_us, in->ts_us) + length_us(d, *cfg);`, now: c`d->mark_us = in->now_us + length_us(d, *cfg);`, hurts: 'a sample that was held up is waited for a second time' },
  { id: 'delay-timer-follows-a-fast-clock', old: c`d->mark_us = smaller(in->now_us, in->ts_us) + length_us(d, *cfg);`, now: c`d->mark_us = in->ts_us + length_us(d, *cfg);`, hurts: 'a gateway whose clock is ahead makes every alarm late' },
  { id: 'pause-forgets', old: c`d->mark_us = clamp(ts_us - d->t0_us, 0, length_us(d, cfg));`, now: c`d->mark_us = 0;`, hurts: 'each bad value begins the delay anew; a flickering sensor never alarms' },
  { id: 'pause-not-stopped', old: c`    d->paused = true;`, now: c`    d->paused = false;`, hurts: 'time in which nothing is known counts as if the condition held' },
  { id: 'pause-twice-gathers', old: c`    if (d->paused) {
        return;
    }
    d->paused = true;`, now: c`    d->paused = true;`, hurts: 'a second bad value counts the unknown time before it' },
  { id: 'pause-clamp-missing', old: c`clamp(ts_us - d->t0_us, 0, length_us(d, cfg))`, now: c`(ts_us - d->t0_us)`, hurts: 'an old bad value takes time away that was gathered, or gives more than there was' },
  { id: 'continuity-ignored', old: c`smaller(d->mark_us, clamp(in->ts_us - d->t0_us, 0, INT64_MAX))`, now: c`d->mark_us`, hurts: 'the value held through an outage, but the delay waits once more' },
  { id: 'resume-timer-whole-length', old: c`length_us(d, cfg) - gathered;`, now: c`length_us(d, cfg);`, hurts: 'after a bad value the alarm comes later than its delay says' },
  { id: 'resume-leaves-the-pause', old: c`    d->paused = false;
}

enum delay_result`, now: c`}

enum delay_result`, hurts: 'after a bad value the alarm never comes' },
  { id: 'settles-in-the-wrong-state', old: c`settle(d, on ? DELAY_ACTIVE : DELAY_NORMAL);`, now: c`settle(d, DELAY_ACTIVE);`, hurts: 'an alarm that has returned never comes again' },
  { id: 'unknown-resets-on-delay', old: c`            pause_at(d, cfg, in.ts_us);`, now: c`            settle(d, d->state == DELAY_PENDING_ON ? DELAY_NORMAL : DELAY_ACTIVE);`, hurts: 'each bad value begins the delay anew' },
  { id: 'true-does-not-cancel-off-delay', old: c`            settle(d, DELAY_ACTIVE);`, now: c`            resume(d, cfg, &in);`, hurts: 'an alarm returns while its condition is true' },
  { id: 'false-does-not-reset-on-delay', old: c`            settle(d, DELAY_NORMAL);`, now: c`            resume(d, cfg, &in);`, hurts: 'a spike becomes an alarm' },
  { id: 'off-delay-missing', old: c`return is_true ? DELAY_NOTHING : begin(d, DELAY_PENDING_OFF`, now: c`return is_true || cfg.off_us > 0 ? DELAY_NOTHING : begin(d, DELAY_PENDING_OFF`, hurts: 'an alarm with an off-delay never returns' },
  { id: 'new-length-from-now', old: c`d->mark_us += length_us(d, after) - length_us(d, before);`, now: c`d->mark_us += length_us(d, after);`, hurts: 'a delay that was shortened while it ran ends too late' },
  { id: 'new-length-ignores-a-pause', old: c`d->mark_us = clamp(d->mark_us, 0, length_us(d, after));`, now: c`d->mark_us += length_us(d, after) - length_us(d, before);`, hurts: 'a delay that stands counts time as gathered that nobody saw' },
  { id: 'travel-not-restarted', old: c`    CHECK(is_pending(d));
    d->t0_us = in.ts_us;`, now: c`    CHECK(is_pending(d));`, hurts: 'a second command alarms before the valve could move' },
].map((m) => ({ file: 'delay.c', ...m }));

const fsm = [
  { id: 'reraise-stays-acknowledged', old: c`{ALARM_EVENT_ACTIVATE, 'F', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_ACTIVATE, 'F', 'C', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL | OP_RING,`, hurts: 'a new occurrence of a latched alarm counts as seen by somebody' },
  { id: 'reraise-without-call', sample: true, old: c`{ALARM_EVENT_ACTIVATE, 'D', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_ACTIVATE, 'D', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_RING,`, hurts: 'he acknowledges an occurrence that he never saw' },
  { id: 'reraise-without-occurrence', old: c`{ALARM_EVENT_ACTIVATE, 'E', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_ACTIVATE, 'E', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_CALL | OP_RING,`, hurts: 'occurrences are missing from the count' },
  { id: 'raise-without-sound', old: c`{ALARM_EVENT_ACTIVATE, 'A', 'B', FOR_WAITING, IF_EITHER, RECORD_RAISE, OP_OCC | OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_ACTIVATE, 'A', 'B', FOR_WAITING, IF_EITHER, RECORD_RAISE, OP_OCC | OP_CALL,`, hurts: 'nobody hears anything' },
  { id: 'auto-return-waits', old: c`{ALARM_EVENT_RETURN, 'B', 'D', FOR_MANUAL, IF_NOT_LATCHED, RECORD_RTN, 0,`, now: c`{ALARM_EVENT_RETURN, 'B', 'D', FOR_ANY, IF_NOT_LATCHED, RECORD_RTN, 0,`, hurts: 'alarms that acknowledge themselves fill the list' },
  { id: 'auto-return-unmarked', old: c`{ALARM_EVENT_RETURN, 'B', 'F', FOR_AUTO | FOR_NONE, IF_LATCHED, RECORD_RTN, OP_AUTO,`, now: c`{ALARM_EVENT_RETURN, 'B', 'F', FOR_AUTO | FOR_NONE, IF_LATCHED, RECORD_RTN, 0,`, hurts: 'the journal does not say that nobody acknowledged it' },
  { id: 'return-of-acknowledged-loses-latch', old: c`{ALARM_EVENT_RETURN, 'C', 'F', FOR_ANY, IF_LATCHED, RECORD_RTN, 0,`, now: c`{ALARM_EVENT_RETURN, 'C', 'A', FOR_ANY, IF_LATCHED, RECORD_RTN, 0,`, hurts: 'a trip is released though nobody looked at the machine' },
  { id: 'ack-of-latched-resets', old: c`{ALARM_EVENT_ACK, 'E', 'F', FOR_ANY, IF_EITHER, RECORD_ACK, 0,`, now: c`{ALARM_EVENT_ACK, 'E', 'A', FOR_ANY, IF_EITHER, RECORD_ACK, 0,`, hurts: 'an acknowledgement releases the latch' },
  { id: 'reannounce-keeps-ack', old: c`{ALARM_EVENT_REANNOUNCE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_REANNOUNCE, OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_REANNOUNCE, 'C', 'C', FOR_WAITING, IF_EITHER, RECORD_REANNOUNCE, OP_CALL,`, hurts: 'an alarm that was acknowledged and forgotten is never announced again' },
  { id: 'escalation-without-call', old: c`{ALARM_EVENT_ESCALATE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_ESCALATE, OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_ESCALATE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_ESCALATE, OP_RING,`, hurts: 'the acknowledgement of something less settles the higher priority' },
  { id: 'rise-keeps-ack', old: c`{ALARM_EVENT_RISE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_PRIO, OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_RISE, 'C', 'C', FOR_WAITING, IF_EITHER, RECORD_PRIO, OP_CALL | OP_RING,`, hurts: 'he acknowledged something less, and is not told of more' },
  { id: 'rise-without-sound', old: c`{ALARM_EVENT_RISE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_PRIO, OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_RISE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_PRIO, OP_CALL,`, hurts: 'an alarm that became critical makes no sound' },
  { id: 'leave-without-sound', sample: true, old: c`{ALARM_EVENT_LEAVE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_LEAVE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_CALL,`, hurts: 'an alarm comes back from the shelf and nobody hears it' },
  { id: 'leave-keeps-ack', old: c`{ALARM_EVENT_LEAVE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_LEAVE, 'C', 'C', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_CALL,`, hurts: 'an active alarm comes back from the shelf as settled' },
  { id: 'leave-without-call', old: c`{ALARM_EVENT_LEAVE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_CALL | OP_RING,`, now: c`{ALARM_EVENT_LEAVE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_RING,`, hurts: 'an acknowledgement from before the shelf settles what came after it' },
  { id: 'leave-keeps-what-was-hidden', old: c`{ALARM_EVENT_LEAVE, 'D', 'A', FOR_ANY, IF_EITHER, RECORD_UNSHELVE, OP_AUTO,`, now: c`{ALARM_EVENT_LEAVE, 'D', 'D', FOR_ANY, IF_EITHER, RECORD_UNSHELVE, 0,`, hurts: 'after maintenance hundreds of alarms ask for acknowledgements' },
  { id: 'notification-leaves-to-b', old: c`{ALARM_EVENT_LEAVE, 'C', 'C', FOR_NONE, IF_EITHER, RECORD_UNSHELVE, OP_CALL,`, now: c`{ALARM_EVENT_LEAVE, 'C', 'B', FOR_NONE, IF_EITHER, RECORD_UNSHELVE, OP_CALL,`, hurts: 'a notification waits for somebody' },
  { id: 'disable-keeps-shelf', old: c`{ALARM_EVENT_DISABLE, 'A', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, OP_CLEAR,`, now: c`{ALARM_EVENT_DISABLE, 'A', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, 0,`, hurts: 'a shelf goes on behind a disabled alarm' },
  { id: 'stale-call-accepted', sample: true, old: c`return ask->call < s->call && (`, now: c`return ask->call + 1 < s->call && (`, hurts: 'he acknowledges what he never saw' },
  { id: 'stale-call-in-chatter', old: c`(!s->chatter || ask->call < s->rise_call)`, now: c`true`, hurts: 'while it chatters nobody can ever hit the newest call' },
  { id: 'chatter-ack-ignores-rise', old: c`(!s->chatter || ask->call < s->rise_call)`, now: c`!s->chatter`, hurts: 'he acknowledges a priority that he never saw' },
  { id: 'call-zero-accepted', old: c`ask->call < 1 ||`, now: c``, hurts: 'a program that forgot the number acknowledges everything that chatters' },
  { id: 'call-of-the-future-accepted', old: c`ask->call > s->call`, now: c`ask->call > s->call + 1`, hurts: 'a call that nobody could see is acknowledged' },
  { id: 'ack-twice-before-stale', old: c`    if (has(s, FACT_ACKED)) {
        return ALARM_ALREADY;
    }
    if (is_stale(ask, s)) {
        return ALARM_STALE_CALL;
    }`, now: c`    if (is_stale(ask, s)) {
        return ALARM_STALE_CALL;
    }
    if (has(s, FACT_ACKED)) {
        return ALARM_ALREADY;
    }`, hurts: 'the second of two people is told to look again, though the first one has done it' },
  { id: 'comment-not-wanted', old: c`return s->wants_comment && is_empty(ask->comment)`, now: c`return s->wants_comment && ask->comment == NULL`, hurts: 'an empty comment is good enough for a highly managed alarm' },
  { id: 'confirm-before-ack', old: c`return has(s, FACT_ACKED) ? ALARM_OK : ALARM_E_NOT_ACKED;`, now: c`return ALARM_OK;`, hurts: 'a correction is confirmed that nobody has seen the need for' },
  { id: 'reset-while-active', old: c`    if (has(s, FACT_ACTIVE)) {
        return ALARM_E_ACTIVE;
    }
    if (!has(s, FACT_ACKED)) {`, now: c`    if (!has(s, FACT_ACKED)) {`, hurts: 'the request dies: there is no way from B or C to normal by reset' },
  { id: 'reset-before-ack', old: c`    if (!has(s, FACT_ACKED)) {
        return ALARM_E_NOT_ACKED;
    }
    return has(s, FACT_CONFIRM_DUE)`, now: c`    return has(s, FACT_CONFIRM_DUE)`, hurts: 'a trip is released before anybody has acknowledged it' },
  { id: 'reset-before-confirm', old: c`return has(s, FACT_CONFIRM_DUE) ? ALARM_E_NOT_CONFIRMED : ALARM_OK;`, now: c`return ALARM_OK;`, hurts: 'a trip is released before the correction is confirmed' },
  { id: 'shelve-unshelvable', old: c`    if (!s->shelvable) {
        return ALARM_E_NOT_SHELVABLE;
    }`, now: c``, hurts: 'a highly managed alarm is shelved' },
  { id: 'shelve-without-reason', old: c`    if (is_empty(ask->comment)) {
        return ALARM_E_REASON;
    }
    bool open`, now: c`    bool open`, hurts: 'the next shift does not know why' },
  { id: 'shelf-too-long', old: c`ask->duration_us > s->max_shelve_us`, now: c`ask->duration_us > 2 * s->max_shelve_us`, hurts: 'an alarm stays away longer than the site allows' },
  { id: 'shelf-longest-refused', old: c`ask->duration_us > s->max_shelve_us`, now: c`ask->duration_us >= s->max_shelve_us`, hurts: 'a whole shift is refused, though it is allowed' },
  { id: 'shelve-out-of-service', old: c`    if (has(s, FACT_OUT_OF_SERVICE)) {
        return ALARM_E_OOS;
    }`, now: c``, hurts: 'two reasons to be hidden where one was meant' },
  { id: 'oos-without-reason', old: c`return is_empty(ask->comment) ? ALARM_E_REASON : ALARM_OK;`, now: c`return ALARM_OK;`, hurts: 'nobody knows why an alarm has been away for a year' },
  { id: 'returned-keeps-latch-fact', old: c`        return (uint16_t)((kept & ~(unsigned)FACT_LATCHED) | FACT_ENABLED | FACT_ACKED);`, now: c`        return (uint16_t)(kept | FACT_ENABLED | FACT_ACKED);`, equivalent: 'core_transit takes the latch away with the reset, and no other way to normal begins latched' },
].map((m) => ({ file: 'alarm_fsm.c', ...m }));

const letters = [
  { id: 'suppressed-behind-shelved', file: 'alarm.c', old: c`    if ((facts & FACT_SUPPRESSED) != 0) {
        return ALARM_SUPPRESSED;
    }
    if ((facts & FACT_SHELVED) != 0) {
        return ALARM_SHELVED;
    }
    return alarm_base_letter`, now: c`    if ((facts & FACT_SHELVED) != 0) {
        return ALARM_SHELVED;
    }
    if ((facts & FACT_SUPPRESSED) != 0) {
        return ALARM_SUPPRESSED;
    }
    return alarm_base_letter`, hurts: 'the list says shelved where the plant hides it' },
  { id: 'latched-unacked-is-not-unacked', file: 'alarm.c', old: c`letter == ALARM_RETURNED_UNACKED || letter == ALARM_LATCHED_UNACKED;`, now: c`letter == ALARM_RETURNED_UNACKED;`, hurts: 'the counter of unacknowledged alarms is too low' },
];

export default [...condition, ...delay, ...fsm, ...letters];
