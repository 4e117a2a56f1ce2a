-- The alarm journal: every transition of every alarm. The newest record of an alarm is its state.

create table alarm_journal (
    seq         bigint           not null,
    n           bigint           not null,
    alarm_key   bigint           not null,
    site_key    bigint           not null,
    tag_key     bigint           not null,
    revision    bigint           not null,
    kind        text             not null,
    from_letter text             not null,
    to_letter   text             not null,
    occ         bigint           not null,
    call        bigint           not null,
    priority    smallint         not null,
    src_us      bigint           not null,
    at_us       bigint           not null,
    raised_us   bigint           not null,
    value       double precision,
    limit_value double precision,
    quality     smallint         not null,
    actor_key   bigint           not null,
    actor       text             not null,
    comment     text             not null,
    constraint alarm_journal_pk primary key (seq),
    constraint alarm_journal_alarm_unique unique (alarm_key, n),
    constraint alarm_journal_kind_check
        check (kind in ('raise', 'reraise', 'rtn', 'ack', 'disable', 'enable', 'remove')),
    constraint alarm_journal_letters_check
        check (from_letter in ('A', 'B', 'C', 'D', 'Z', '-') and to_letter in ('A', 'B', 'C', 'D', 'Z', '-'))
);
comment on table alarm_journal is 'Every transition of every alarm, with all facts after it. Append-only.';
comment on column alarm_journal.seq is 'Place in the whole journal, from 1, gapless.';
comment on column alarm_journal.n is 'Place in this alarm''s own history, from 1, gapless; the highest is its state.';
comment on column alarm_journal.tag_key is '0 for an alarm of a gateway''s link.';
comment on column alarm_journal.revision is 'Configuration revision of the setting that was in force.';
comment on column alarm_journal.from_letter is
    'A normal, B unacknowledged, C acknowledged, D returned unacknowledged, Z disabled (ISA-18.2); - not configured.';
comment on column alarm_journal.occ is 'Occurrence: one more at each activation.';
comment on column alarm_journal.call is 'Annunciation: one more at each activation; an acknowledgement names the one seen.';
comment on column alarm_journal.src_us is 'When it happened at the source, microseconds since 1970, UTC.';
comment on column alarm_journal.at_us is 'When the room knew: server time, never falls.';
comment on column alarm_journal.raised_us is 'Source time of the newest activation; 0 if there was none.';
comment on column alarm_journal.actor_key is 'app_user.user_id; 0 for the system itself.';
create index alarm_journal_site_idx on alarm_journal (site_key, seq);
create index alarm_journal_at_idx on alarm_journal (at_us);
create trigger alarm_journal_append_only before update or delete or truncate on alarm_journal
    for each statement execute function refuse_change();

create view alarm_now as
select j.*
  from config_key k
 cross join lateral (select * from alarm_journal aj where aj.alarm_key = k.key order by aj.n desc limit 1) j
 where k.kind = 'alarm';
comment on view alarm_now is 'The newest record of each alarm: its present state.';
