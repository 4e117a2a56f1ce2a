// What is restored, and what a new revision takes over.
const c = String.raw;

export default [
  { id: 'unsuppress-not-folded', sample: true, old: c`        (void)core_suppressors_drop(core, alarm, r->source);`, now: c``, hurts: 'a plan that ended hides its alarm after a restart' },
  { id: 'suppress-not-folded', old: c`        (void)core_suppressors_put(core, alarm, r->source, r->actor_key == 0);
    } else if`, now: c`    } else if`, hurts: 'nobody can say what hides an alarm after a restart' },
  { id: 'disable-keeps-folded-suppressors', old: c`    if (r->kind == RECORD_DISABLE || r->kind == RECORD_ENABLE || r->kind == RECORD_REMOVE) {
        core_suppressors_clear(core, alarm);`, now: c`    if (r->kind == RECORD_DISABLE || r->kind == RECORD_ENABLE || r->kind == RECORD_REMOVE) {`, hurts: 'an old plan hides an alarm after a restart' },
  { id: 'auto-ack-not-folded', old: c`if (r->kind == RECORD_ACK || (r->flags & RECORD_AUTO) != 0) {`, now: c`if (r->kind == RECORD_ACK) {`, hurts: 'after a restart a row shows another time of acknowledgement' },
  { id: 'reraise-keeps-folded-ack', old: c`        d->suspect = (r->flags & RECORD_SUSPECT) != 0;
        d->acked_us = 0;
        d->acked_by = 0;`, now: c`        d->suspect = (r->flags & RECORD_SUSPECT) != 0;`, hurts: 'after a restart a new occurrence shows who acknowledged the old one' },
  { id: 'acked-occurrence-lost', old: c`    a->acked_occ = r->acked_occ;`, now: c``, hurts: 'after a restart a row counts what was acknowledged' },
  { id: 'call-lost', old: c`    a->call = r->call;`, now: c``, hurts: 'after a restart nothing can be acknowledged' },
  { id: 'shelf-end-lost', old: c`    d->until_us = r->until_us;`, now: c``, hurts: 'a shelf ends with the restart' },
  { id: 'call-time-lost', old: c`    d->called_us = r->called_us;`, now: c``, hurts: 'everything that stands is announced anew at the start' },
  { id: 'rise-call-lost', old: c`    d->rise_call = r->rise_call;`, hurts: 'in chatter an older call settles a higher priority', now: c`` },
  { id: 'raise-time-lost', old: c`    d->raised_at_us = r->raised_at_us;`, now: c``, hurts: 'every escalation is due at the start' },
  { id: 'first-mark-lost', old: c`    a->bits = (r->flags & RECORD_FIRST) != 0 ? a->bits | BIT_FIRST : a->bits & (uint8_t)~BIT_FIRST;`, now: c``, hurts: 'after a restart nobody knows what tripped first' },
  { id: 'priority-lost', old: c`    a->priority = r->priority;
    a->bits`, now: c`    a->bits`, hurts: 'a restart takes an escalation back' },
  { id: 'active-starts-normal', old: c`    a->delay = delay_initial(active);
    a->bits = active`, now: c`    a->delay = delay_initial(false);
    a->bits = active`, hurts: 'an alarm that stood before the restart never returns' },
  { id: 'deadband-memory-lost', old: c`    a->bits = active ? a->bits | BIT_CONDITION : a->bits & (uint8_t)~BIT_CONDITION;`, now: c``, hurts: 'after a restart an alarm returns within its deadband' },
  { id: 'shelf-timer-lost', old: c`    if ((a->facts & FACT_SHELVED) != 0) {
        timer_arm(&core->timers, core_timer(core, TIMER_SHELF, alarm), d->until_us);
    }
    core_alarm_watch`, now: c`    core_alarm_watch`, hurts: 'a shelf never ends after a restart' },
  { id: 'announcements-lost', old: c`    core_alarm_watch(core, alarm);
    char base`, now: c`    char base`, hurts: 'after a restart nothing is announced again' },
  { id: 'group-not-at-rest-lost', old: c`        g->not_normal++;
        if ((a->bits`, now: c`        if ((a->bits`, hurts: 'after a restart a later alarm is shown as the first one' },
  { id: 'silent-after-restart', old: c`        a->bits |= BIT_SOUNDING;
        a->sound = ++core->sounds;`, now: c``, hurts: 'what rang before the restart is silent' },
  { id: 'notification-sounds-after-restart', old: c`alarm_shown_letter(a->facts) == ALARM_UNACKED && core->model->alarms[alarm].ack_mode != ACK_NONE`, now: c`alarm_shown_letter(a->facts) == ALARM_UNACKED`, hurts: 'an alarm that became a notification rings at the start' },
  { id: 'accumulators-not-restored', sample: true, old: c`            core->memos[core->alarms[alarm].memo].amount = from->accumulators[i].amount;`, now: c``, hurts: 'running hours begin at zero with each restart' },
  { id: 'trusted-at-the-start', old: c`            a->bits |= BIT_UNTRUSTED; /* until there is evidence */
            core->counts.untrusted++;`, now: c``, hurts: 'states of yesterday look like states of now' },
  { id: 'story-lost-at-restart', old: c`        core_history_begin(core, i); /* what gateways stored meanwhile is judged from here on */`, now: c``, hurts: 'what happened while the server was down is not told' },
  { id: 'older-record-wins', old: c`r->n > core_detail_of(core, alarm)->n`, now: c`true`, hurts: 'an old record overwrites the state' },
  { id: 'journal-end-not-checked', old: c`    if (r->seq > journal_seq) {`, now: c`    if (false) {`, hurts: 'numbers of records are given out twice' },
  { id: 'impossible-facts-taken', old: c`    if (!alarm_facts_possible(r->facts) || r->to != alarm_shown_letter(r->facts)) {`, now: c`    if (!alarm_facts_possible(r->facts)) {`, hurts: 'a broken journal is believed' },
  { id: 'revision-cuts-links', old: c`        g->up = before->up;`, now: c``, hurts: 'each revision is an outage' },
  { id: 'revision-renews-grace', old: c`        g->starting = newly_enabled ? !before->up : before->starting;`, now: c``, hurts: 'each revision makes a lost link silent for two minutes' },
  { id: 'revision-forgets-values', old: c`    t->value = before->value;
    t->shown`, now: c`    t->shown`, hurts: 'a revision clears every page' },
  { id: 'revision-trusts-another-gateway', old: c`        t->flags = (uint8_t)((t->flags | TAG_LOST) & ~TAG_STALE);
        t->unknown_us = t->unknown_us`, now: c`        t->unknown_us = t->unknown_us`, hurts: 'a value of one gateway is shown as another one\'s' },
  { id: 'revision-keeps-old-condition', old: c`        a->delay = delay_initial((a->facts & FACT_ACTIVE) != 0);
        a->bits &= (uint8_t)~BIT_CONDITION;`, now: c``, hurts: 'a delay goes on about another tag' },
  { id: 'revision-forgets-running-time', old: c`        core->memos[memo] = p->old->memos[before->memo];`, now: c``, hurts: 'running hours begin at zero with each revision' },
  { id: 'revision-keeps-old-length', old: c`    delay_reconfigure(&a->delay, core_alarm_delays(p->old, from), core_alarm_delays(core, alarm));`, now: c``, hurts: 'a delay that was made shorter ends at the old time' },
  { id: 'revision-forgets-delay-timer', old: c`    if (delay_is_running(&a->delay)) {
        timer_arm(&core->timers, core_timer(core, TIMER_DELAY, alarm), a->delay.mark_us);
    }`, now: c``, hurts: 'a running delay never ends after a revision' },
  { id: 'revision-forgets-start-up', old: c`        arm_as_before(p, core_timer(p->old, TIMER_SUPPRESS, from), core_timer(core, TIMER_SUPPRESS, alarm),
                      a->suppress == SUPPRESS_ENDING ? later_us : 0);`, now: c``, hurts: 'a start-up time never ends after a revision' },
  { id: 'revision-forgets-group-start-up', old: c`                arm_as_before(p, core_timer_of_group(p->old, j), core_timer_of_group(p->core, i),
                              p->core->groups[i].suppress == SUPPRESS_ENDING ? later_us : 0);`, now: c``, hurts: 'a group\'s start-up time never ends after a revision' },
  { id: 'revision-forgets-group-state', old: c`            if (m->groups[i].key == p->old->model->groups[j].key && m->groups[i].key != 0) {
                p->core->groups[i].suppress = p->old->groups[j].suppress;`, now: c`            if (m->groups[i].key == p->old->model->groups[j].key && m->groups[i].key != 0) {`, hurts: 'a revision in a group\'s start-up time shows what it hides, or hides it for ever' },
  { id: 'revision-forgets-silence', old: c`                p->core->silenced[i] = p->old->silenced[j];`, now: c``, hurts: 'each revision rings what was silenced' },
  { id: 'revision-forgets-windows', old: c`        (void)rule_machine_adopt(core->rules, p->old->rules, p->new_tag);`, now: c``, hurts: 'each revision makes rules with windows blind' },
  { id: 'revision-forgets-suppressors', old: c`        (void)core_suppressors_put(core, alarm, old->names[s->name], s->by_system);`, now: c``, hurts: 'an alarm stays hidden and nobody can end it' },
  { id: 'revision-forgets-shelf-note', old: c`        d->shelf_note = core_note_new(core, n->since_us, n->by, n->reason);`, now: c``, hurts: 'who shelved it, and why, is lost with a revision' },
  { id: 'revision-forgets-the-past', old: c`            core->past[core->n_past++] = old->past[i];`, now: c``, hurts: 'an alarm that comes back begins to count at one' },
  { id: 'revision-forgets-flood', old: c`    core->flood = old->flood;`, now: c``, hurts: 'each revision ends a flood' },
].map((m) => ({ file: 'core_revision.c', ...m }));
