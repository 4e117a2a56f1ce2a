-- The whole alarm state in the journal, accumulators beside it, and who may do what in this database.

-- Configuration: three more kinds of items -----------------------------------------------------------------

alter table config_key drop constraint config_key_kind_check;
alter table config_key add constraint config_key_kind_check
    check (kind in ('site', 'gateway', 'tag', 'alarm', 'class', 'group', 'policy'));

-- The journal: all facts after each transition -------------------------------------------------------------

-- base_letter, facts, cause, raised_at_us, called_us and acked_occ have no default: null marks a row from before, whose facts
-- follow from its letter, which was its base letter too (alarm_old_facts).
alter table alarm_journal
    add column base_letter  text,
    add column facts        integer,
    add column flags        integer not null default 0,
    add column cause        text,
    add column unshelved    text    not null default '',
    add column raised_at_us bigint,
    add column called_us    bigint,
    add column until_us     bigint  not null default 0,
    add column rise_call    bigint  not null default 0,
    add column acked_occ    bigint,
    add column position     text    not null default '',
    add column desk         text    not null default '',
    add column source       text    not null default '',
    add column unit         text    not null default '';

alter table alarm_journal drop constraint alarm_journal_kind_check;
alter table alarm_journal drop constraint alarm_journal_letters_check;
alter table alarm_journal
    add constraint alarm_journal_kind_check
        check (kind in ('raise', 'reraise', 'rtn', 'ack', 'confirm', 'reset', 'shelve', 'unshelve', 'suppress',
                        'unsuppress', 'oos_on', 'oos_off', 'disable', 'enable', 'remove', 'prio', 'escalate',
                        'reannounce', 'hist_raise', 'hist_rtn', 'hist_skipped', 'quality', 'comment', 'zero')),
    add constraint alarm_journal_letters_check
        check (from_letter in ('A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'Z', '-')
               and to_letter in ('A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'Z', '-')),
    add constraint alarm_journal_base_letter_check
        check (base_letter in ('A', 'B', 'C', 'D', 'E', 'F', 'Z', '-')),
    add constraint alarm_journal_cause_check
        check (cause in ('sample', 'timer', 'operator', 'config', 'restart', 'history', 'link')),
    add constraint alarm_journal_unshelved_check
        check (unshelved in ('', 'operator', 'expired', 'rtn'));

comment on column alarm_journal.tag_key is '0 for an alarm without a tag.';
comment on column alarm_journal.from_letter is
    'Shown letter before: A normal, B unacknowledged, C acknowledged, D returned unacknowledged, E latched unacknowledged, '
    'F latched acknowledged, G shelved, H suppressed by design, I out of service, Z disabled (ISA-18.2); - not configured.';
comment on column alarm_journal.to_letter is 'Shown letter after.';
comment on column alarm_journal.base_letter is 'Letter after, beneath shelf, suppression and out of service. Null in rows from before 0004: to_letter.';
comment on column alarm_journal.facts is
    'Facts after, a sum: 1 enabled, 2 active, 4 acknowledged, 8 latched, 16 confirmation due, 32 out of service, 64 shelved, '
    '128 one-shot shelf, 256 suppressed, 512 not configured, 1024 its escalation is still to come. Null in rows from before 0004.';
comment on column alarm_journal.flags is
    'Of this record, a sum: 1 hidden, 2 chatter, 4 first of its group, 8 acknowledged by the system, 16 source time not believed, '
    '32 notification, 64 test, 128 rings, 256 an input is unknown, 512 an input is uncertain, 1024 one-shot shelf.';
comment on column alarm_journal.cause is 'What led to it. Null in rows from before 0004.';
comment on column alarm_journal.unshelved is 'Why a shelf ended.';
comment on column alarm_journal.raised_at_us is 'Server time of the newest activation; 0 if there was none.';
comment on column alarm_journal.called_us is 'Server time of the newest call; 0 if there was none.';
comment on column alarm_journal.until_us is 'End of the shelf, server time; 0 if it is not shelved.';
comment on column alarm_journal.rise_call is 'Newest call at which the priority rose; 0 if none.';
comment on column alarm_journal.acked_occ is
    'Occurrence of the newest acknowledgement: occ - acked_occ came since. Null in rows from before 0004.';
comment on column alarm_journal.position is 'Operator''s position that the alarm belonged to.';
comment on column alarm_journal.desk is 'Operator''s position and address of the actor.';
comment on column alarm_journal.source is 'Who suppresses it: "rule", the name of a group or alarm, or what a person named.';
comment on column alarm_journal.unit is 'Unit of value and limit_value, as it was.';
comment on column alarm_journal.comment is 'Comment or reason.';

create function alarm_old_facts(p_to text) returns integer
    language sql immutable parallel safe
    return case p_to when 'A' then 5 when 'B' then 3 when 'C' then 7 when 'D' then 1 when 'Z' then 4 else 516 end;
comment on function alarm_old_facts(text) is 'Facts after a record from before 0004, when the letter said all.';

create function alarm_old_cause(p_kind text) returns text
    language sql immutable parallel safe
    return case p_kind when 'ack' then 'operator' when 'raise' then 'sample' when 'reraise' then 'sample'
                       when 'rtn' then 'sample' else 'config' end;
comment on function alarm_old_cause(text) is
    'Cause of a record from before 0004, as far as its kind tells it: of raise and return a sample in most cases.';

-- What the journal is asked for: an alarm at a moment; an alarm's newest record of a kind (restart, newest activation);
-- and the filters of the history.
create index alarm_journal_alarm_at_idx on alarm_journal (alarm_key, at_us, n);
create index alarm_journal_alarm_kind_idx on alarm_journal (alarm_key, kind, n);
create index alarm_journal_kind_idx on alarm_journal (kind, seq);
create index alarm_journal_position_idx on alarm_journal (position, seq);
create index alarm_journal_src_idx on alarm_journal (src_us, seq);
create index alarm_journal_auto_idx on alarm_journal (alarm_key, n) where flags & 8 <> 0;

create or replace view alarm_now as
select j.*
  from config_key k
 cross join lateral (select * from alarm_journal aj where aj.alarm_key = k.key order by aj.n desc limit 1) j
 where k.kind = 'alarm';

-- State at a moment ----------------------------------------------------------------------------------------

create function alarm_journal_keys(p_after bigint) returns table (alarm_key bigint)
    language sql stable as
$$
    with recursive k(alarm_key) as (
        (select j.alarm_key from alarm_journal j where j.alarm_key > p_after order by j.alarm_key limit 1)
        union all
        select (select j.alarm_key from alarm_journal j where j.alarm_key > k.alarm_key order by j.alarm_key limit 1)
          from k
         where k.alarm_key is not null
    )
    select k.alarm_key from k where k.alarm_key is not null
$$;
comment on function alarm_journal_keys(bigint) is
    'Alarms that have records, with a higher key than this: one step in alarm_journal_alarm_unique for each.';

create function alarm_state_of(p_alarm_key bigint, p_at_us bigint)
    returns table (alarm_key bigint, site_key bigint, tag_key bigint, "position" text, revision bigint, seq bigint, n bigint,
                   kind text, letter text, base text, occ bigint, call bigint, priority smallint, facts integer, flags integer,
                   raised_us bigint, raised_at_us bigint, called_us bigint, changed_us bigint, value double precision,
                   limit_value double precision, unit text, quality smallint, shelved_until_us bigint, one_shot boolean,
                   shelved_us bigint, shelved_by text, shelved_reason text, out_of_service_us bigint, out_of_service_by text,
                   out_of_service_reason text, suppressors text[], acked_us bigint, acked_by text, acked_occ bigint,
                   acked_seq bigint, shelved_seq bigint, out_of_service_seq bigint, suppressed_seqs bigint[], raised_seq bigint,
                   auto_seq bigint)
    language sql stable as
$$
    select j.alarm_key, j.site_key, j.tag_key, j.position, j.revision, j.seq, j.n, j.kind, j.to_letter, j.base, j.occ, j.call,
           j.priority, j.facts, j.flags, j.raised_us, j.raised_at_us, j.called_us, j.at_us, j.value, j.limit_value, j.unit,
           j.quality, j.until_us, j.facts & 128 <> 0, shelf.at_us, shelf.actor, shelf.comment, oos.at_us, oos.actor, oos.comment,
           coalesce(sup.sources, '{}'), done.at_us, done.actor, done.occ, ack.seq, shelf.seq, oos.seq, coalesce(sup.seqs, '{}'),
           raised.seq, auto.seq
      from (select x.alarm_key, x.site_key, x.tag_key, x.position, x.revision, x.seq, x.n, x.kind, x.to_letter, x.occ, x.call,
                   x.priority, x.flags, x.raised_us, x.at_us, x.value, x.limit_value, x.unit, x.quality, x.until_us,
                   coalesce(x.base_letter, x.to_letter) as base,
                   coalesce(x.facts, alarm_old_facts(x.to_letter)) as facts,
                   coalesce(x.raised_at_us, x.raised_us) as raised_at_us,
                   coalesce(x.called_us, x.raised_us) as called_us
              from alarm_journal x
             where x.alarm_key = p_alarm_key and x.at_us <= p_at_us
             order by x.at_us desc, x.n desc
             limit 1) j
     cross join lateral (select coalesce(max(e.n), 0) as n
                           from unnest(array['disable', 'enable', 'remove']) k(kind)
                          cross join lateral (select x.n
                                                from alarm_journal x
                                               where x.alarm_key = j.alarm_key and x.kind = k.kind and x.n <= j.n
                                               order by x.n desc
                                               limit 1) e) begun
      left join lateral (select x.seq, x.at_us, x.actor, x.occ
                           from alarm_journal x
                          where x.alarm_key = j.alarm_key and x.kind = 'ack' and x.n <= j.n and x.n > begun.n
                          order by x.n desc
                          limit 1) ack on true
      left join lateral (select x.seq, x.at_us, x.occ
                           from alarm_journal x
                          where x.alarm_key = j.alarm_key and x.flags & 8 <> 0 and x.n <= j.n and x.n > begun.n
                          order by x.n desc
                          limit 1) auto on true
      left join lateral (select d.at_us, d.actor, d.occ
                           from (values (ack.seq, ack.at_us, ack.actor, ack.occ), (auto.seq, auto.at_us, '', auto.occ))
                                d(seq, at_us, actor, occ)
                          where d.seq is not null
                          order by d.seq desc
                          limit 1) done on true
      left join lateral (select max(r.seq) as seq
                           from unnest(array['raise', 'reraise']) k(kind)
                          cross join lateral (select x.seq
                                                from alarm_journal x
                                               where x.alarm_key = j.alarm_key and x.kind = k.kind and x.n <= j.n
                                               order by x.n desc
                                               limit 1) r) raised on true
      left join lateral (select x.seq, x.at_us, x.actor, x.comment
                           from alarm_journal x
                          where j.facts & 64 <> 0 and x.alarm_key = j.alarm_key and x.kind = 'shelve' and x.n <= j.n
                          order by x.n desc
                          limit 1) shelf on true
      left join lateral (select x.seq, x.at_us, x.actor, x.comment
                           from alarm_journal x
                          where j.facts & 32 <> 0 and x.alarm_key = j.alarm_key and x.kind = 'oos_on' and x.n <= j.n
                          order by x.n desc
                          limit 1) oos on true
      left join lateral (select array_agg(u.source order by u.seq) as sources, array_agg(u.seq order by u.seq) as seqs
                           from (select distinct on (x.source) x.source, x.kind, x.seq
                                   from alarm_journal x
                                  where j.facts & 256 <> 0 and x.alarm_key = j.alarm_key and x.kind in ('suppress', 'unsuppress')
                                    and x.n <= j.n
                                    and x.n > coalesce((select y.n
                                                          from alarm_journal y
                                                         where y.alarm_key = j.alarm_key and y.n <= j.n
                                                           and (coalesce(y.facts, 0) & 256 = 0
                                                                or y.kind in ('disable', 'enable', 'remove'))
                                                         order by y.n desc
                                                         limit 1), 0)
                                  order by x.source, x.n desc) u
                          where u.kind = 'suppress') sup on true
$$;
comment on function alarm_state_of(bigint, bigint) is
    'One alarm as the room knew it at a server time, folded from the journal alone; no row if it had no record yet. By '
    'alarm_journal_alarm_at_idx, alarm_journal_alarm_kind_idx, alarm_journal_alarm_unique. value, limit_value and quality are '
    'those of the newest record. acked_us, acked_by (empty: the system itself) and acked_occ: the newest acknowledgement of any '
    'occurrence since it was last enabled. *_seq: the records that say so; acked_seq the newest acknowledgement by a person, raised_seq the newest activation, auto_seq the newest acknowledgement by the system.';

create function alarm_state_at(p_at_us bigint)
    returns table (alarm_key bigint, site_key bigint, tag_key bigint, "position" text, revision bigint, seq bigint, n bigint,
                   kind text, letter text, base text, occ bigint, call bigint, priority smallint, facts integer, flags integer,
                   raised_us bigint, raised_at_us bigint, called_us bigint, changed_us bigint, value double precision,
                   limit_value double precision, unit text, quality smallint, shelved_until_us bigint, one_shot boolean,
                   shelved_us bigint, shelved_by text, shelved_reason text, out_of_service_us bigint, out_of_service_by text,
                   out_of_service_reason text, suppressors text[], acked_us bigint, acked_by text, acked_occ bigint,
                   acked_seq bigint, shelved_seq bigint, out_of_service_seq bigint, suppressed_seqs bigint[], raised_seq bigint,
                   auto_seq bigint)
    language sql stable as
$$
    select s.* from alarm_journal_keys(-9223372036854775808) k cross join lateral alarm_state_of(k.alarm_key, p_at_us) s
$$;
comment on function alarm_state_at(bigint) is
    'Every alarm as the room knew it at a server time (microseconds since 1970, UTC), from the journal alone: see '
    'alarm_state_of. An alarm without a row was normal and enabled, or not configured yet.';

-- Accumulators ---------------------------------------------------------------------------------------------

create table alarm_accumulator (
    alarm_key bigint           not null,
    amount    double precision not null,
    at_us     bigint           not null,
    constraint alarm_accumulator_pk primary key (alarm_key)
);
comment on table alarm_accumulator is
    'What an alarm has gathered, as of the newest checkpoint: microseconds of a runtime alarm, units of a total, S of a cusum.';
comment on column alarm_accumulator.at_us is 'Server time of the checkpoint; an older one never replaces a newer one.';

-- Roles ----------------------------------------------------------------------------------------------------

-- The configuration is written by this function alone. It runs with its owner's rights (it locks the table), so that the
-- server itself need not be able to change what stands there.
do $$
begin
    execute format('alter function config_apply(uuid, text, text, text[], text[], text[], bigint[])'
                   ' security definer set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function config_apply(uuid, text, text, text[], text[], text[], bigint[]) from public;

create function penstock_grant() returns void
    language plpgsql as
$$
declare
    v_schema text := current_schema();
    v_role   text;
    v_right  text;
begin
    for v_role, v_right in
        select r.rolname, t.privilege
          from (values ('penstock_owner', 'create'), ('penstock_owner', 'usage'), ('penstock_app', 'usage'),
                       ('penstock_ro', 'usage')) t(name, privilege)
          join pg_roles r on r.rolname = t.name
    loop
        if has_schema_privilege(v_schema, v_right || ' with grant option') then
            execute format('grant %s on schema %I to %I', v_right, v_schema, v_role);
        elsif not has_schema_privilege(v_role, v_schema, v_right) then
            raise warning 'let the owner of schema % run: grant % on schema % to %', v_schema, v_right, v_schema, v_role;
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'penstock_owner') then
        execute format('grant all on all tables in schema %I to penstock_owner', v_schema);
        execute format('grant all on all sequences in schema %I to penstock_owner', v_schema);
        execute format('grant execute on all functions in schema %I to penstock_owner', v_schema);
        execute format('alter default privileges in schema %I grant all on tables to penstock_owner', v_schema);
        execute format('alter default privileges in schema %I grant all on sequences to penstock_owner', v_schema);
        execute format('alter default privileges in schema %I grant execute on functions to penstock_owner', v_schema);
    end if;
    if exists (select from pg_roles where rolname = 'penstock_app') then
        execute format('revoke all on all tables in schema %I from penstock_app', v_schema);
        execute format('grant select, insert on all tables in schema %I to penstock_app', v_schema);
        revoke insert on app_user, login_code from penstock_app;
        if to_regclass('schema_migration') is not null then
            revoke insert on schema_migration from penstock_app;
        end if;
        grant update on gateway_epoch, sample, alarm_accumulator, app_session to penstock_app;
        grant update (password_hash) on app_user to penstock_app;
        grant update (used_at, used_op) on login_code to penstock_app;
        execute format('grant usage on all sequences in schema %I to penstock_app', v_schema);
        execute format('grant execute on all functions in schema %I to penstock_app', v_schema);
        execute format('alter default privileges in schema %I grant select, insert on tables to penstock_app', v_schema);
        execute format('alter default privileges in schema %I grant usage on sequences to penstock_app', v_schema);
        execute format('alter default privileges in schema %I grant execute on functions to penstock_app', v_schema);
    end if;
    if exists (select from pg_roles where rolname = 'penstock_ro') then
        execute format('revoke all on all tables in schema %I from penstock_ro', v_schema);
        execute format('grant select on all tables in schema %I to penstock_ro', v_schema);
        revoke select on app_user, login_code, app_session from penstock_ro;
        grant select (user_id, name, title, role, disabled, created_at) on app_user to penstock_ro;
        execute format('alter default privileges in schema %I grant select on tables to penstock_ro', v_schema);
    end if;
end
$$;
comment on function penstock_grant() is
    'Gives the roles penstock_owner, penstock_app and penstock_ro, as far as they exist, exactly their rights, and the same for '
    'what the present role makes later in this schema. To be called by who owns the schema''s objects, as often as wanted: '
    'after a role was created, or after rights were changed by hand.';

do $$
declare
    v_role text;
begin
    foreach v_role in array array['penstock_owner', 'penstock_app', 'penstock_ro'] loop
        if not exists (select from pg_roles where rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when duplicate_object or unique_violation then
                    null; -- another database of this cluster was quicker
                when insufficient_privilege then
                    raise warning 'the role % is missing and % may not create it; let an administrator run: create role %; '
                                  'then run as %: select penstock_grant()', v_role, current_user, v_role, current_user;
            end;
        end if;
    end loop;
end
$$;
select penstock_grant();
