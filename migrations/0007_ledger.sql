-- The no-loss ledger: what became of each record that a gateway ever numbered, and what a person made of records in
-- quarantine. What is stored is counted in the transaction that stores it; everything else follows from the ranges
-- of committed numbers, from what each HELLO said, and from what gateways told to be gone. Days are of UTC.

create function ledger_day(p_us bigint) returns date
    language sql immutable strict parallel safe as
$$ select date '1970-01-01' + (p_us / 86400000000)::integer $$;
comment on function ledger_day(bigint) is 'Day (UTC) of a time in microseconds since 1970.';

create function ledger_count(p_ranges int8multirange) returns bigint
    language sql immutable parallel safe as
$$ select least(coalesce(sum(upper(r) - lower(r)), 0), 9223372036854775807)::bigint from unnest(p_ranges) r $$;
comment on function ledger_count(int8multirange) is 'How many numbers lie in the ranges.';

create function ledger_sum(p_sum numeric) returns bigint
    language sql immutable parallel safe as
$$ select least(coalesce(p_sum, 0), 9223372036854775807)::bigint $$;
comment on function ledger_sum(numeric) is
    'A sum of what gateways claim, cut at 2^63 - 1: one that names absurd numbers must not spoil the account of the others.';

-- What is counted ----------------------------------------------------------------------------------------

create table gateway_day (
    gateway_key bigint not null,
    epoch       bigint not null,
    day         date   not null,
    next        bigint not null default 0,
    stored      bigint not null default 0,
    quarantined bigint not null default 0,
    repeated    bigint not null default 0,
    conflicts   bigint not null default 0,
    samples     bigint not null default 0,
    constraint gateway_day_pk primary key (gateway_key, epoch, day)
);
comment on table gateway_day is
    'Records of one start (epoch) of a gateway by the day on which the server received them; counted in the transaction that stores them.';
comment on column gateway_day.next is
    'One more than the highest number known on that day to exist: from a record, from HELLO, or from what the gateway told to be gone.';
comment on column gateway_day.stored is 'Records that were stored and used.';
comment on column gateway_day.quarantined is 'Records that were stored and could not be used; see quarantine.';
comment on column gateway_day.repeated is
    'Records that came again although they were stored, and that the session did not recognise; see gateway_repeat for the others.';
comment on column gateway_day.conflicts is 'Records under a number that was stored before with another content; they are in quarantine.';
comment on column gateway_day.samples is 'Samples in the stored records that went to history; counted from this migration on.';

create table gateway_said (
    gateway_key bigint   not null,
    epoch       bigint   not null,
    place       smallint not null,
    oldest      bigint   not null,
    next        bigint   not null,
    session     bigint   not null,
    said_us     bigint   not null,
    constraint gateway_said_pk primary key (gateway_key, epoch)
);
comment on table gateway_said is 'What a gateway''s HELLO last said of each of its starts (epochs).';
comment on column gateway_said.place is 'Place in HELLO''s list: 1 is the present start.';
comment on column gateway_said.oldest is 'Lowest number that the gateway still had.';
comment on column gateway_said.session is 'Session that the HELLO opened; an epoch with an older one than the gateway''s newest is gone there.';

create table gateway_repeat (
    session     bigint not null,
    day         date   not null,
    gateway_key bigint not null,
    n           bigint not null,
    constraint gateway_repeat_pk primary key (gateway_key, day, session)
);
comment on table gateway_repeat is
    'Records that came again in a session and were refused because they were stored or on their way. Written within a second; a crash may '
    'lose the last second of this figure, on which no balance depends.';

create table gateway_dropped (
    gateway_key bigint not null,
    epoch       bigint not null,
    first_seq   bigint not null,
    end_seq     bigint not null,
    samples     bigint not null,
    from_us     bigint not null,
    to_us       bigint not null,
    told_epoch  bigint not null,
    told_seq    bigint not null,
    received_us bigint not null,
    constraint gateway_dropped_pk primary key (gateway_key, epoch, told_epoch, told_seq),
    constraint gateway_dropped_order_check check (0 <= first_seq and first_seq <= end_seq)
);
comment on table gateway_dropped is
    'Numbers [first_seq, end_seq) of an epoch that are gone at the site for ever, as the gateway told in the record (told_epoch, told_seq).';
comment on column gateway_dropped.samples is 'How many samples are lost; from_us and to_us: their span of time.';
comment on column gateway_dropped.end_seq is 'Equal to first_seq: the samples never had a number.';

insert into gateway_day (gateway_key, epoch, day, next, stored, quarantined)
select b.gateway_key, b.epoch, ledger_day(b.received_us), max(b.seq) + 1, count(*) - count(q.seq), count(q.seq)
  from ingest_batch b
  left join quarantine q using (gateway_key, epoch, seq, crc)
 group by 1, 2, 3;
insert into gateway_day (gateway_key, epoch, day, conflicts)
select q.gateway_key, q.epoch, ledger_day(q.received_us), count(*)
  from quarantine q
 where not exists (select from ingest_batch b
                    where (b.gateway_key, b.epoch, b.seq, b.crc) = (q.gateway_key, q.epoch, q.seq, q.crc))
 group by 1, 2, 3
on conflict (gateway_key, epoch, day) do update set conflicts = excluded.conflicts;

-- Quarantine: what people made of it ---------------------------------------------------------------------

alter table quarantine add column quarantine_id bigint generated always as identity;
alter table quarantine add column type smallint;
alter table quarantine add column flags integer;
alter table quarantine add column dict bigint;
alter table quarantine add constraint quarantine_id_unique unique (quarantine_id);
create index quarantine_gateway_idx on quarantine (gateway_key, quarantine_id);
comment on column quarantine.quarantine_id is 'For people and programs that speak of it.';
comment on column quarantine.type is 'Message type; null for what was quarantined before migration 0007: then it stands in ingest_batch.';

create table quarantine_replay (
    replay_id     bigint generated always as identity,
    quarantine_id bigint      not null,
    at            timestamptz not null default clock_timestamp(),
    actor         text        not null,
    outcome       text        not null,
    detail        text        not null default '',
    samples       bigint      not null default 0,
    op            uuid        not null default gen_random_uuid(),
    constraint quarantine_replay_pk primary key (replay_id),
    constraint quarantine_replay_op_unique unique (op),
    constraint quarantine_replay_quarantine_fk foreign key (quarantine_id) references quarantine (quarantine_id),
    constraint quarantine_replay_outcome_check check (outcome in ('done', 'refused'))
);
comment on table quarantine_replay is 'Each attempt of a person to use a record from quarantine after all. Append-only.';
comment on column quarantine_replay.outcome is 'done: its samples are in history; refused: it still cannot be used, detail says why.';
comment on column quarantine_replay.samples is 'Samples that went to history; what history had for the same moment stood.';
create unique index quarantine_replay_once_idx on quarantine_replay (quarantine_id) where outcome = 'done';
create index quarantine_replay_quarantine_idx on quarantine_replay (quarantine_id);
create trigger quarantine_replay_append_only before update or delete or truncate on quarantine_replay
    for each statement execute function refuse_change();

-- The ledger ---------------------------------------------------------------------------------------------

create view ledger_epoch as
select p.gateway_key, p.epoch, p.produced, p.stored, p.quarantined, g.dropped, w.waiting, m.missing - w.waiting as lost,
       p.first_day, p.last_day
  from (select y.gateway_key, y.epoch, least(max(y.next), 9223372036854775806) as produced, sum(y.stored)::bigint as stored,
               sum(y.quarantined)::bigint as quarantined, min(y.day) as first_day, max(y.day) as last_day
          from gateway_day y
         group by y.gateway_key, y.epoch) p
  left join gateway_epoch e using (gateway_key, epoch)
  left join (select x.gateway_key, x.epoch, range_agg(int8range(x.first_seq, x.end_seq)) as ranges
               from gateway_dropped x
              group by x.gateway_key, x.epoch) x using (gateway_key, epoch)
  left join gateway_said s using (gateway_key, epoch)
  left join (select distinct on (h.gateway_key) h.gateway_key, h.session, count(*) as epochs
               from gateway_said h
              group by h.gateway_key, h.session
              order by h.gateway_key, h.session desc) n using (gateway_key)
 cross join lateral (select coalesce(e.ranges, '{}') as ranges) c
 cross join lateral (select case when x.ranges is null then '{}' else x.ranges - c.ranges end as dropped) g
 cross join lateral (select case
            when c.ranges = int8multirange(int8range(0, p.produced)) then '{}'
            else int8multirange(int8range(0, p.produced)) - c.ranges - g.dropped end as missing) m
 cross join lateral (select case
            when s.session = n.session then
                m.missing * int8multirange(int8range(s.oldest, greatest(s.oldest, case when s.place = 1 then p.produced else s.next end)))
            when n.session is null or n.epochs >= 16 then m.missing
            else '{}' end as waiting) w;
comment on view ledger_epoch is
    'Each start (epoch) of each gateway: how many records it produced, how many are stored or in quarantine, and as ranges of numbers: '
    'dropped (gone at the site, as the gateway told), waiting (its newest HELLO still has them, or it had not yet told of this epoch because '
    'its list was full) and lost (not stored, and the gateway has them no more).';

create function ledger_now(p_gateway text default null)
    returns table (gateway text, produced bigint, stored bigint, quarantined bigint, replayed bigint, duplicates bigint,
                   conflicts bigint, dropped bigint, waiting bigint, lost bigint, balanced boolean)
    language sql stable as
$$
with g as materialized (
  select k.key, k.name from config_key k where k.kind = 'gateway' and (p_gateway is null or k.name = p_gateway)),
 counted as (
  select l.gateway_key, l.produced, l.stored, l.quarantined,
         case when isempty(l.dropped) then 0 else ledger_count(l.dropped) end as dropped,
         case when isempty(l.waiting) then 0 else ledger_count(l.waiting) end as waiting,
         case when isempty(l.lost) then 0 else ledger_count(l.lost) end as lost
    from ledger_epoch l
   where p_gateway is null or l.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)
  offset 0),
 summed as (
  select c.gateway_key, ledger_sum(sum(c.produced)) as produced, ledger_sum(sum(c.stored)) as stored,
         ledger_sum(sum(c.quarantined)) as quarantined, ledger_sum(sum(c.dropped)) as dropped, ledger_sum(sum(c.waiting)) as waiting,
         ledger_sum(sum(c.lost)) as lost,
         bool_and(c.produced = c.stored + c.quarantined + c.dropped + c.waiting + c.lost) as balanced
    from counted c
   group by c.gateway_key),
 replays as (
  select q.gateway_key, count(*) as n
    from quarantine_replay r join quarantine q using (quarantine_id)
   where r.outcome = 'done' and (p_gateway is null or q.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway))
   group by q.gateway_key),
 days as (
  select y.gateway_key, sum(y.repeated)::bigint as repeated, sum(y.conflicts)::bigint as conflicts
    from gateway_day y
   where p_gateway is null or y.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)
   group by y.gateway_key),
 repeats as (
  select u.gateway_key, sum(u.n)::bigint as n
    from gateway_repeat u
   where p_gateway is null or u.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)
   group by u.gateway_key)
select g.name, coalesce(s.produced, 0), coalesce(s.stored, 0), coalesce(s.quarantined, 0), coalesce(r.n, 0),
       coalesce(d.repeated, 0) + coalesce(u.n, 0), coalesce(d.conflicts, 0), coalesce(s.dropped, 0),
       coalesce(s.waiting, 0), coalesce(s.lost, 0), coalesce(s.balanced, true)
  from g
  left join summed s on s.gateway_key = g.key
  left join replays r on r.gateway_key = g.key
  left join days d on d.gateway_key = g.key
  left join repeats u on u.gateway_key = g.key
 order by g.name collate "C"
$$;
comment on function ledger_now(text) is
    'The whole account of each gateway, or of one: produced = stored + quarantined + dropped at the site + waiting there + lost; balanced says '
    'whether that is so. Counted records on the left, committed ranges, HELLOs and what gateways told on the right: two sources.';

create function ledger(p_from date, p_to date, p_gateway text default null)
    returns table (gateway text, day date, produced bigint, stored bigint, quarantined bigint, duplicates bigint,
                   conflicts bigint, dropped bigint, dropped_samples bigint, samples bigint)
    language sql stable as
$$
with g as materialized (
  select k.key, k.name from config_key k where k.kind = 'gateway' and (p_gateway is null or k.name = p_gateway)),
 counted as (
  select y.gateway_key, y.day,
         sum(greatest(y.next - coalesce((select max(b.next) from gateway_day b
                                          where (b.gateway_key, b.epoch) = (y.gateway_key, y.epoch) and b.day < y.day), 0), 0)) as produced,
         sum(y.stored) as stored, sum(y.quarantined) as quarantined, sum(y.repeated) as repeated, sum(y.conflicts) as conflicts,
         sum(y.samples) as samples
    from gateway_day y join g on g.key = y.gateway_key
   where y.day >= p_from and y.day < p_to
   group by 1, 2),
 gone as (
  select x.gateway_key, x.day, sum(ledger_count(u.upto) - ledger_count(u.before)) as dropped, sum(x.samples) as samples
    from (select d.gateway_key, d.epoch, ledger_day(d.received_us) as day, sum(d.samples) as samples
            from gateway_dropped d join g on g.key = d.gateway_key
           group by 1, 2, 3) x
    left join gateway_epoch e using (gateway_key, epoch)
   cross join lateral (
    select coalesce(range_agg(int8range(b.first_seq, b.end_seq)), '{}') - coalesce(e.ranges, '{}') as upto,
           coalesce(range_agg(int8range(b.first_seq, b.end_seq)) filter (where ledger_day(b.received_us) < x.day), '{}')
             - coalesce(e.ranges, '{}') as before
      from gateway_dropped b
     where (b.gateway_key, b.epoch) = (x.gateway_key, x.epoch) and ledger_day(b.received_us) <= x.day) u
   where x.day >= p_from and x.day < p_to
   group by 1, 2),
 repeats as (
  select r.gateway_key, r.day, sum(r.n) as n
    from gateway_repeat r join g on g.key = r.gateway_key
   where r.day >= p_from and r.day < p_to
   group by 1, 2)
select g.name, day, ledger_sum(coalesce(c.produced, 0)), coalesce(c.stored, 0)::bigint, coalesce(c.quarantined, 0)::bigint,
       (coalesce(c.repeated, 0) + coalesce(r.n, 0))::bigint, coalesce(c.conflicts, 0)::bigint, ledger_sum(coalesce(o.dropped, 0)),
       ledger_sum(coalesce(o.samples, 0)), coalesce(c.samples, 0)::bigint
  from counted c
  full join gone o using (gateway_key, day)
  full join repeats r using (gateway_key, day)
  join g on g.key = gateway_key
 order by g.name collate "C", day
$$;
comment on function ledger(date, date, text) is
    'The days [from, to) of each gateway, or of one, on which something happened: records that became known to exist (produced), that were '
    'stored, quarantined, refused as duplicates, refused because their number was taken (conflicts), and that the gateway told to be gone '
    '(dropped, with their samples). Summed over all days: produced - stored - quarantined - dropped is what ledger_now() calls waiting and lost.';

create function ledger_gap(p_gateway text default null)
    returns table (gateway text, epoch bigint, state text, first_seq bigint, end_seq bigint, samples bigint, from_us bigint, to_us bigint)
    language sql stable as
$$
select k.name, x.epoch, x.state, x.first_seq, x.end_seq, x.samples, x.from_us, x.to_us
  from (select l.gateway_key, l.epoch, g.state, lower(g.r) as first_seq, upper(g.r) as end_seq, null::bigint as samples,
               null::bigint as from_us, null::bigint as to_us
          from ledger_epoch l
         cross join lateral (select 'lost' as state, r from unnest(l.lost) r
                             union all select 'waiting', r from unnest(l.waiting) r) g
         where p_gateway is null or l.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)
        union all
        select d.gateway_key, d.epoch, 'dropped', d.first_seq, d.end_seq, d.samples, d.from_us, d.to_us
          from gateway_dropped d
         where p_gateway is null or d.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)) x
  join config_key k on k.kind = 'gateway' and k.key = x.gateway_key
$$;
comment on function ledger_gap(text) is
    'Numbers [first_seq, end_seq) that are not stored, of all gateways or one: waiting at the site, lost, or dropped there as the gateway told '
    '(then with samples and span of time; some of them may be stored all the same, if they were on their way).';

create function ledger_check(p_deep boolean default false)
    returns table (gateway_key bigint, epoch bigint, what text, counted bigint, found bigint)
    language sql stable as
$$
select l.gateway_key, l.epoch, 'counted records against committed ranges', l.stored + l.quarantined, ledger_count(e.ranges)
  from ledger_epoch l left join gateway_epoch e using (gateway_key, epoch)
 where l.stored + l.quarantined <> ledger_count(e.ranges)
union all
select l.gateway_key, l.epoch, 'produced against the sum of what became of it', l.produced,
       l.stored + l.quarantined + ledger_count(l.dropped) + ledger_count(l.waiting) + ledger_count(l.lost)
  from ledger_epoch l
 where l.produced <> l.stored + l.quarantined + ledger_count(l.dropped) + ledger_count(l.waiting) + ledger_count(l.lost)
union all
select e.gateway_key, e.epoch, 'committed ranges of an epoch that was never counted', 0, ledger_count(e.ranges)
  from gateway_epoch e
 where not exists (select from gateway_day y where (y.gateway_key, y.epoch) = (e.gateway_key, e.epoch))
union all
select l.gateway_key, l.epoch, 'counted in quarantine against the rows there', l.quarantined, count(b.seq)
  from ledger_epoch l
  left join quarantine q using (gateway_key, epoch)
  left join ingest_batch b on (b.gateway_key, b.epoch, b.seq, b.crc) = (q.gateway_key, q.epoch, q.seq, q.crc)
 where p_deep
 group by l.gateway_key, l.epoch, l.quarantined
having l.quarantined <> count(b.seq)
union all
select l.gateway_key, l.epoch, 'counted records against the rows of ingest_batch', l.stored + l.quarantined, count(b.seq)
  from ledger_epoch l left join ingest_batch b using (gateway_key, epoch)
 where p_deep
 group by l.gateway_key, l.epoch, l.stored, l.quarantined
having l.stored + l.quarantined <> count(b.seq)
$$;
comment on function ledger_check(boolean) is
    'What does not balance: no row means that all does. deep also counts the records themselves, which reads the whole of ingest_batch.';

-- Rights: as in 0004, and the counts above change.

alter function penstock_grant() rename to penstock_grant_0004;
create function penstock_grant() returns void
    language plpgsql as
$$
begin
    perform penstock_grant_0004();
    if exists (select from pg_roles where rolname = 'penstock_app') then
        grant update on gateway_day, gateway_said, gateway_repeat to penstock_app;
    end if;
end
$$;
select penstock_grant();
