-- How well the alarm system serves its operators: every figure of the report as a query over the journal, so that a
-- site can check the server. server/core/kpi.h computes the same; the tests compare the two.
--
-- Common to all functions: the period is [p_from_us, p_to_us) in server time (at_us), microseconds since 1970,
-- UTC. p_position is the operator position that an alarm belongs to, null for all together. What happened from
-- p_to_us on is not looked at; records before p_from_us make the state in which the period begins.

-- What counts --------------------------------------------------------------------------------------------

create view alarm_kpi_record as
select j.seq, j.n, j.alarm_key, k.name, j.site_key, j.position, j.kind, j.occ, j.call, j.priority, j.src_us, j.at_us,
       j.actor_key, j.actor, j.comment, j.to_letter as letter,
       j.flags & 1 <> 0 or j.to_letter in ('G', 'H', 'I', 'Z') as hidden
  from alarm_journal j
  left join config_key k on k.key = j.alarm_key
 where j.kind not in ('hist_raise', 'hist_rtn', 'hist_skipped')
   and j.cause is distinct from 'history'
   and coalesce(j.flags, 0) & (32 | 64) = 0;
comment on view alarm_kpi_record is
    'Journal records that the figures are made of: without history, without tests, and without what need not be '
    'acknowledged (ack=none), which is no alarm.';
comment on column alarm_kpi_record.hidden is 'After it the alarm is shown as shelved, suppressed, out of service or disabled.';

create view alarm_annunciation as
select seq, n, alarm_key, name, site_key, position, kind, occ, call, priority, src_us, at_us
  from alarm_kpi_record
 where kind in ('raise', 'reraise')
   and not hidden;
comment on view alarm_annunciation is
    'What is counted as an alarm: RAISE and RERAISE that were not hidden, not history, not a test, not ack=none. '
    'Re-announcements, escalations, rises of priority and returns from hiding are reported beside.';

-- State over time ----------------------------------------------------------------------------------------

create function alarm_kpi_first(p_from_us bigint)
    returns table (alarm_key bigint, n bigint)
    language sql stable as
$$
    select r.alarm_key,
           coalesce(max(r.n) filter (where r.at_us < p_from_us - 60 * 1000000
                                           and r.letter in ('A', 'D', 'E', 'F', '-')), 0)
      from alarm_kpi_record r
     group by r.alarm_key
$$;
comment on function alarm_kpi_first(bigint) is
    'For each alarm the record from which its history must be read to know all about a period: the newest one, more '
    'than 60 s before it (so far a fleeting alarm looks back), after which it was neither active nor hidden.';

create function alarm_kpi_state(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (alarm_key bigint, name text, n bigint, kind text, priority smallint, priority_before smallint,
                   from_us bigint, until_us bigint, newest boolean, active boolean, active_since_us bigint,
                   hidden boolean, was_hidden boolean, shelved boolean, suppressed boolean,
                   out_of_service boolean, disabled boolean)
    language sql stable as
$$
    with first as materialized (
        select f.* from alarm_kpi_first(p_from_us) f
    ), fact as (
        -- Each record sets some facts (2 n + 1: true, 2 n: false); the newest that sets one is the highest number.
        select r.*,
               case when r.kind in ('raise', 'reraise') then 2 * r.n + 1
                    when r.kind in ('rtn', 'disable', 'remove') then 2 * r.n end as active_set,
               case when r.kind = 'shelve' then 2 * r.n + 1
                    when r.kind in ('unshelve', 'disable', 'remove') then 2 * r.n end as shelved_set,
               case when r.kind = 'oos_on' then 2 * r.n + 1
                    when r.kind in ('oos_off', 'remove') or (r.kind = 'enable' and not r.hidden) then 2 * r.n
               end as oos_set,
               case when r.kind = 'disable' then 2 * r.n + 1
                    when r.kind in ('enable', 'remove') then 2 * r.n end as disabled_set,
               -- Suppression has several sources, of which the first record leaves none; disabling ends them all.
               case when r.n = i.n then 0 when r.kind = 'suppress' then 1 when r.kind = 'unsuppress' then -1 else 0
               end as source_step,
               count(*) filter (where r.kind in ('disable', 'remove')) over a as life
          from first i
          join alarm_kpi_record r on r.alarm_key = i.alarm_key and r.n >= i.n
         where r.at_us < p_to_us
        window a as (partition by r.alarm_key order by r.n)
    ), state as (
        select f.*,
               coalesce(max(f.active_set) over a % 2 = 1, false) as active,
               coalesce(max(f.shelved_set) over a % 2 = 1, false) as shelved,
               coalesce(max(f.oos_set) over a % 2 = 1, false) as out_of_service,
               coalesce(max(f.disabled_set) over a % 2 = 1, false) as disabled,
               sum(f.source_step) over (partition by f.alarm_key, f.life order by f.n) > 0 as suppressed,
               lag(f.hidden, 1, false) over a as was_hidden,
               lag(f.priority) over a as priority_before,
               lead(f.at_us) over a as next_us
          from fact f
        window a as (partition by f.alarm_key order by f.n)
    ), start as (
        select s.*,
               s.active and not lag(s.active, 1, false) over (partition by s.alarm_key order by s.n) as begins
          from state s
    ), since as (
        select s.*, max(s.at_us) filter (where s.begins) over (partition by s.alarm_key order by s.n) as begun_us
          from start s
    )
    select s.alarm_key, s.name, s.n, s.kind, s.priority, s.priority_before, s.at_us,
           coalesce(s.next_us, p_to_us), s.next_us is null, s.active, case when s.active then s.begun_us end,
           s.hidden, s.was_hidden, s.shelved, s.suppressed, s.out_of_service, s.disabled
      from since s
     where p_position is null
        or s.position = p_position
$$;
comment on function alarm_kpi_state(bigint, bigint, text) is
    'One row for each record before p_to_us that matters from p_from_us on: what the alarm was from it until its next record (or p_to_us: newest). '
    'active: between RAISE and RTN, also if raised again meanwhile; disabling and removing end it. suppressed: by at '
    'least one source. An alarm is of the position that its record names.';

create function alarm_kpi_occurrence(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (alarm_key bigint, name text, occ bigint, priority smallint, annunciated boolean,
                   raised_us bigint, raised_src_us bigint, acked_us bigint, ended_us bigint, returned_src_us bigint,
                   returned boolean, returned_unacked boolean, fleeting boolean)
    language sql stable as
$$
    with first as materialized (
        select f.* from alarm_kpi_first(p_from_us) f
    ), t as (
        -- Times of one alarm never fall, so the earliest is that of the first record.
        select r.alarm_key, r.occ, min(r.name) as name,
               min(r.position) filter (where r.kind in ('raise', 'reraise')) as position,
               min(r.priority) filter (where r.kind in ('raise', 'reraise')) as priority,
               bool_and(not r.hidden) filter (where r.kind in ('raise', 'reraise')) as annunciated,
               min(r.at_us) filter (where r.kind in ('raise', 'reraise')) as raised_us,
               min(r.src_us) filter (where r.kind in ('raise', 'reraise')) as raised_src_us,
               min(r.at_us) filter (where r.kind = 'ack') as acked_us,
               min(r.n) filter (where r.kind = 'ack') as acked_n,
               min(r.at_us) filter (where r.kind in ('rtn', 'disable', 'remove')) as ended_us,
               min(r.n) filter (where r.kind in ('rtn', 'disable', 'remove')) as ended_n,
               min(r.n) filter (where r.kind = 'rtn') as returned_n,
               min(r.src_us) filter (where r.kind = 'rtn') as returned_src_us
          from first i
          join alarm_kpi_record r on r.alarm_key = i.alarm_key and r.n >= i.n
         where r.at_us < p_to_us
           and r.kind in ('raise', 'reraise', 'ack', 'rtn', 'disable', 'remove')
         group by r.alarm_key, r.occ
        having count(*) filter (where r.kind in ('raise', 'reraise')) > 0
    ), near as (
        select t.*, coalesce(t.returned_n = t.ended_n, false) as returned,
               case when lag(t.raised_us) over a is not null
                    then coalesce(lag(t.ended_us) over a, t.raised_us) end as before_us,
               lead(t.raised_us) over a as after_us
          from t
        window a as (partition by t.alarm_key order by t.occ)
    )
    select t.alarm_key, t.name, t.occ, t.priority, t.annunciated, t.raised_us, t.raised_src_us, t.acked_us,
           t.ended_us, t.returned_src_us, t.returned, t.returned and (t.acked_n is null or t.acked_n > t.ended_n),
           t.annunciated and t.returned and t.ended_us - t.raised_us < 10 * 1000000
               and (t.before_us is null or t.raised_us - t.before_us > 60 * 1000000)
               and (t.after_us is null or t.after_us - t.ended_us > 60 * 1000000)
      from near t
     where p_position is null
        or t.position = p_position
$$;
comment on function alarm_kpi_occurrence(bigint, bigint, text) is
    'Occurrences that reach into the period (and some from before it), as known at p_to_us. annunciated: the raise was not hidden. acked_us: first acknowledgement of this '
    'occurrence, also after its return. returned_unacked: returned before that. fleeting: annunciated, active for '
    'less than 10 s, and no other occurrence of the alarm within 60 s before or after (60 s included, from the end of '
    'one to the raise of the other).';

-- Rate and floods ----------------------------------------------------------------------------------------

create function alarm_kpi_bins(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (bin bigint, from_us bigint, to_us bigint, n bigint)
    language sql stable as
$$
    select b.bin, p_from_us + b.bin * 600000000, least(p_from_us + (b.bin + 1) * 600000000, p_to_us), coalesce(a.n, 0)
      from generate_series(0, (p_to_us - p_from_us + 599999999) / 600000000 - 1) as b(bin)
      left join (select (r.at_us - p_from_us) / 600000000 as bin, count(*) as n
                   from alarm_annunciation r
                  where r.at_us >= p_from_us
                    and r.at_us < p_to_us
                    and (p_position is null or r.position = p_position)
                  group by 1) a using (bin)
     order by b.bin
$$;
comment on function alarm_kpi_bins(bigint, bigint, text) is
    'Annunciations in each 10 minutes: bin = floor((t - p_from_us) / 600 s). The last one may be shorter.';

create function alarm_kpi_floods(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (flood bigint, from_us bigint, to_us bigint, n bigint, peak bigint)
    language sql stable as
$$
    with b as (
        select s.*,
               coalesce(max(case when s.n > 10 then 2 * s.bin + 1 when s.n < 5 then 2 * s.bin end)
                            over (order by s.bin) % 2 = 1, false) as flood
          from alarm_kpi_bins(p_from_us, p_to_us, p_position) s
    ), i as (
        select b.*, count(*) filter (where not b.flood) over (order by b.bin) as island from b
    )
    select row_number() over (order by min(i.from_us)), min(i.from_us), max(i.to_us), sum(i.n)::bigint, max(i.n)
      from i
     where i.flood
     group by i.island
     order by min(i.from_us)
$$;
comment on function alarm_kpi_floods(bigint, bigint, text) is
    'A flood begins with a bin of more than 10 annunciations and ends before the first following bin of fewer than 5, '
    'or with the period. peak: most in one bin.';

create function alarm_kpi_after(p_trip_us bigint, p_to_us bigint, p_position text default null) returns bigint
    language sql stable as
$$
    select count(*)
      from alarm_annunciation r
     where r.at_us >= p_trip_us
       and r.at_us < least(p_trip_us + 600000000, p_to_us)
       and (p_position is null or r.position = p_position)
$$;
comment on function alarm_kpi_after(bigint, bigint, text) is
    'Annunciations in the ten minutes [t, t + 600 s) after a marked trip at t.';

-- Nuisance -----------------------------------------------------------------------------------------------

create function alarm_kpi_top(p_from_us bigint, p_to_us bigint, p_position text default null,
                              p_limit bigint default 10)
    returns table (place bigint, alarm_key bigint, name text, n bigint, pct double precision,
                   cumulative_pct double precision)
    language sql stable as
$$
    select row_number() over o, a.alarm_key, a.name, a.n, 100.0 * a.n / sum(a.n) over (),
           100.0 * sum(a.n) over (o rows unbounded preceding) / sum(a.n) over ()
      from (select r.alarm_key, min(r.name) as name, count(*) as n
              from alarm_annunciation r
             where r.at_us >= p_from_us
               and r.at_us < p_to_us
               and (p_position is null or r.position = p_position)
             group by r.alarm_key) a
    window o as (order by a.n desc, a.name collate "C")
     order by 1
     limit p_limit
$$;
comment on function alarm_kpi_top(bigint, bigint, text, bigint) is
    'The most frequent alarms with their share of all annunciations, and the sum of shares so far (Pareto). Ties by name.';

create function alarm_kpi_chatter(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (alarm_key bigint, name text, n bigint, chatters bigint, runs bigint, psi double precision)
    language sql stable as
$$
    select a.alarm_key, min(a.name), count(*), count(*) filter (where a.at_us - a.third_us <= 60 * 1000000),
           count(a.last_us),
           coalesce(avg(1 / greatest((a.at_us - a.last_us) / 1000000::double precision, 1))
                        filter (where a.last_us is not null), 0)
      from (select r.alarm_key, r.name, r.at_us,
                   lag(r.at_us) over w as last_us,
                   lag(r.at_us, 2) over w as third_us
              from alarm_annunciation r
             where r.at_us >= p_from_us
               and r.at_us < p_to_us
               and (p_position is null or r.position = p_position)
            window w as (partition by r.alarm_key order by r.n)) a
     group by a.alarm_key
$$;
comment on function alarm_kpi_chatter(bigint, bigint, text) is
    'chatters: annunciations that were the third or later within 60 s (t[i+2] - t[i] <= 60 s); an alarm with one '
    'chatters. psi: chatter index, the mean of 1/r over the runs r between successive annunciations, in seconds, at '
    'least 1; 0 without a run; from 0.05 (three a minute) on it chatters.';

-- What stands --------------------------------------------------------------------------------------------

create function alarm_kpi_stale(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (alarm_key bigint, name text, now boolean, active_since_us bigint, days bigint[])
    language sql stable as
$$
    with s as (
        select t.*, greatest(t.from_us, t.active_since_us + 86400000000, p_from_us) as stale_us
          from alarm_kpi_state(p_from_us, p_to_us, p_position) t
         where t.active
           and not t.hidden
    )
    select s.alarm_key, min(s.name), bool_or(s.newest and p_to_us - s.active_since_us > 86400000000),
           max(s.active_since_us),
           (select array_agg(distinct d.day order by d.day)
              from s x
             cross join generate_series((x.stale_us - p_from_us) / 86400000000,
                                        (x.until_us - 1 - p_from_us) / 86400000000) as d(day)
             where x.alarm_key = s.alarm_key
               and x.stale_us < x.until_us)
      from s
     where s.stale_us < s.until_us
        or (s.newest and p_to_us - s.active_since_us > 86400000000)
     group by s.alarm_key
$$;
comment on function alarm_kpi_stale(bigint, bigint, text) is
    'Stale: shown, and active without a break for more than 24 h. now: at p_to_us. days: those of the period (24 h '
    'each, from p_from_us, the first is 0) in which the alarm was stale at some time. Hiding it does not break the '
    'activity; while hidden it is on another list.';

create function alarm_kpi_stale_days(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (day bigint, from_us bigint, n bigint)
    language sql stable as
$$
    select d.day, p_from_us + d.day * 86400000000, count(*)
      from alarm_kpi_stale(p_from_us, p_to_us, p_position) s
     cross join unnest(s.days) as d(day)
     group by d.day
     order by d.day
$$;
comment on function alarm_kpi_stale_days(bigint, bigint, text) is
    'How many alarms were stale at some time of each day; days without any are left out.';

create function alarm_kpi_held(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (fact text, alarm_key bigint, name text, now boolean, since_us bigint, n bigint, total_us bigint,
                   longest_us bigint, actor text, reason text)
    language sql stable as
$$
    with s as (
        select t.alarm_key, t.name, t.n, t.kind, t.from_us, t.until_us, t.newest, f.fact, f.begin_kind, f.held,
               count(*) filter (where not f.held) over (partition by t.alarm_key, f.fact order by t.n) as island
          from alarm_kpi_state(p_from_us, p_to_us, p_position) t
         cross join lateral (values ('shelved', 'shelve', t.shelved),
                                    ('suppressed', 'suppress', t.suppressed),
                                    ('oos', 'oos_on', t.out_of_service),
                                    ('disabled', 'disable', t.disabled)) as f(fact, begin_kind, held)
    ), stay as (
        select s.fact, s.alarm_key, min(s.name) as name, min(s.from_us) as from_us, max(s.until_us) as until_us,
               bool_or(s.newest) as now,
               count(*) filter (where s.kind = s.begin_kind and s.from_us >= p_from_us) as n,
               max(s.n) filter (where s.kind = s.begin_kind) as begin_n
          from s
         where s.held
         group by s.fact, s.alarm_key, s.island
    ), alarm as (
        select y.fact, y.alarm_key, min(y.name) as name, bool_or(y.now) as now,
               max(y.from_us) filter (where y.now) as since_us, sum(y.n)::bigint as n,
               sum(greatest(y.until_us - greatest(y.from_us, p_from_us), 0))::bigint as total_us,
               coalesce(max(y.until_us - y.from_us) filter (where y.until_us > p_from_us), 0) as longest_us,
               max(y.begin_n) as begin_n
          from stay y
         where y.until_us > p_from_us
            or y.now
            or y.n > 0
         group by y.fact, y.alarm_key
    )
    select a.fact, a.alarm_key, a.name, a.now, a.since_us, a.n, a.total_us, a.longest_us, j.actor, j.comment
      from alarm a
      left join alarm_journal j on j.alarm_key = a.alarm_key and j.n = a.begin_n
     order by a.fact, a.name collate "C"
$$;
comment on function alarm_kpi_held(bigint, bigint, text) is
    'Shelved, suppressed by design, out of service (oos), disabled, for each alarm: now (at p_to_us) and since when; '
    'n: how often it began or was renewed within the period; total_us: time within the period; longest_us: longest stay '
    'that reaches into the period, from its real beginning, up to p_to_us; actor and reason of the newest beginning.';

-- Acknowledgement ----------------------------------------------------------------------------------------

create function alarm_kpi_ack_time(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (priority smallint, n bigint, p50_us bigint, p95_us bigint)
    language sql stable as
$$
    select coalesce(o.priority, 0::smallint), count(*),
           percentile_disc(0.5) within group (order by o.acked_us - o.raised_us),
           percentile_disc(0.95) within group (order by o.acked_us - o.raised_us)
      from alarm_kpi_occurrence(p_from_us, p_to_us, p_position) o
     where o.annunciated
       and o.raised_us >= p_from_us
       and o.acked_us is not null
     group by grouping sets ((o.priority), ())
    having count(*) > 0
     order by 1
$$;
comment on function alarm_kpi_ack_time(bigint, bigint, text) is
    'From annunciation to the first acknowledgement of that occurrence, of occurrences annunciated in the period and '
    'acknowledged before its end. Nearest rank (percentile_disc). priority: at the raise; 0: all together.';

create function alarm_kpi_stamp(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (seq bigint, alarm_key bigint, name text, at_us bigint, actor_key bigint, actor text, after_us bigint,
                   fast boolean, many boolean)
    language sql stable as
$$
    with k as (
        select r.seq, r.alarm_key, r.name, r.at_us, r.actor_key, r.actor, r.at_us - o.raised_us as after_us,
               coalesce(lead(r.at_us, 5) over w - r.at_us <= 10 * 1000000, false) as begins
          from alarm_kpi_record r
          left join lateral (select x.at_us as raised_us
                               from alarm_kpi_record x
                              where x.alarm_key = r.alarm_key
                                and x.n < r.n
                                and x.kind in ('raise', 'reraise')
                              order by x.n desc
                              limit 1) o on true
         where r.kind = 'ack'
           and r.actor_key <> 0
           and r.at_us >= p_from_us
           and r.at_us < p_to_us
           and (p_position is null or r.position = p_position)
        window w as (partition by r.actor_key order by r.at_us, r.seq)
    )
    select k.seq, k.alarm_key, k.name, k.at_us, k.actor_key, k.actor, k.after_us,
           coalesce(k.after_us < 2 * 1000000, false),
           bool_or(k.begins) over (partition by k.actor_key order by k.at_us, k.seq
                                   rows between 5 preceding and current row)
      from k
     order by k.seq
$$;
comment on function alarm_kpi_stamp(bigint, bigint, text) is
    'Acknowledgements by persons, and whether they look like a rubber stamp. fast: less than 2 s after the occurrence '
    'was raised. many: one of more than 5 by the same person within 10 s (10 s included).';

-- The report ---------------------------------------------------------------------------------------------

create function alarm_bad_actor(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (alarm_key bigint, name text, n bigint, pct double precision, chatters bigint, psi double precision,
                   fleeting bigint, returned bigint, returned_unacked bigint,
                   returned_unacked_pct double precision, mean_active_s double precision, standing boolean,
                   stale boolean, shelved_n bigint, shelved_us bigint)
    language sql stable as
$$
    with o as (
        select x.alarm_key, min(x.name) as name,
               count(*) filter (where x.fleeting and x.raised_us >= p_from_us) as fleeting,
               count(*) filter (where x.returned and x.ended_us >= p_from_us) as returned,
               count(*) filter (where x.returned_unacked and x.ended_us >= p_from_us) as returned_unacked,
               avg((x.returned_src_us - x.raised_src_us) / 1000000::double precision)
                   filter (where x.returned and x.ended_us >= p_from_us) as mean_active_s
          from alarm_kpi_occurrence(p_from_us, p_to_us, p_position) x
         where x.annunciated
         group by x.alarm_key
    ), c as (
        select x.* from alarm_kpi_chatter(p_from_us, p_to_us, p_position) x
    ), s as (
        select x.alarm_key, x.name from alarm_kpi_state(p_from_us, p_to_us, p_position) x
         where x.newest and x.active and not x.hidden
    ), t as (
        select x.* from alarm_kpi_stale(p_from_us, p_to_us, p_position) x where x.now
    ), h as (
        select x.* from alarm_kpi_held(p_from_us, p_to_us, p_position) x where x.fact = 'shelved'
    )
    select a.alarm_key, coalesce(o.name, c.name, s.name, h.name), coalesce(c.n, 0),
           coalesce(100.0 * c.n / nullif(sum(c.n) over (), 0), 0), coalesce(c.chatters, 0), coalesce(c.psi, 0),
           coalesce(o.fleeting, 0), coalesce(o.returned, 0), coalesce(o.returned_unacked, 0),
           coalesce(100.0 * o.returned_unacked / nullif(o.returned, 0), 0), coalesce(o.mean_active_s, 0),
           s.alarm_key is not null, t.alarm_key is not null, coalesce(h.n, 0), coalesce(h.total_us, 0)
      from (select o.alarm_key from o union select c.alarm_key from c union select s.alarm_key from s
             union select h.alarm_key from h) a
      left join o using (alarm_key)
      left join c using (alarm_key)
      left join s using (alarm_key)
      left join t using (alarm_key)
      left join h using (alarm_key)
     where coalesce(c.n, 0) + coalesce(o.returned, 0) + coalesce(h.n, 0) > 0
        or s.alarm_key is not null
        or h.alarm_key is not null
     order by coalesce(c.n, 0) desc, coalesce(o.name, c.name, s.name, h.name) collate "C"
$$;
comment on function alarm_bad_actor(bigint, bigint, text) is
    'One row for each alarm that did something in the period, most frequent first. returned: returns in the period of '
    'annunciated occurrences; mean_active_s: how long those lasted, by source time. The other columns as in the '
    'functions of their names.';

create function alarm_kpi_headline(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (name text, value double precision, text_value text)
    language sql stable as
$$
    with p as (
        select (p_to_us - p_from_us)::double precision as us
    ), b as (
        select count(*) as bins, coalesce(sum(x.n), 0)::bigint as n, coalesce(max(x.n), 0) as peak,
               count(*) filter (where x.n > 10) as over
          from alarm_kpi_bins(p_from_us, p_to_us, p_position) x
    ), f as (
        select count(*) as floods, coalesce(sum(x.to_us - x.from_us), 0)::double precision as us,
               coalesce(sum(x.n), 0) as n, coalesce(max(x.peak), 0) as peak
          from alarm_kpi_floods(p_from_us, p_to_us, p_position) x
    ), pr as (
        select count(*) filter (where r.priority = 1) as critical, count(*) filter (where r.priority = 2) as high,
               count(*) filter (where r.priority = 3) as medium, count(*) filter (where r.priority = 4) as low
          from alarm_annunciation r
         where r.at_us >= p_from_us
           and r.at_us < p_to_us
           and (p_position is null or r.position = p_position)
    ), t as (
        select coalesce(sum(x.pct), 0) as pct,
               string_agg(x.name || ':' || x.n, ',' order by x.place) as list
          from alarm_kpi_top(p_from_us, p_to_us, p_position) x
    )
    select v.name, v.value, v.text_value
      from p, b, f, pr, t
     cross join lateral (values
        ('n', b.n, null),
        ('bins', b.bins, null),
        ('mean10', coalesce(b.n / nullif(b.bins, 0)::double precision, 0), null),
        ('mean_hour', coalesce(b.n * (3600e6 / nullif(p.us, 0)), 0), null),
        ('mean_day', coalesce(b.n * (86400e6 / nullif(p.us, 0)), 0), null),
        ('peak10', b.peak, null),
        ('bins_gt10', b.over, null),
        ('pct_bins_gt10', coalesce(100 * (b.over / nullif(b.bins, 0)::double precision), 0), null),
        ('floods', f.floods, null),
        ('flood_s', f.us / 1e6, null),
        ('flood_pct', coalesce(100 * f.us / nullif(p.us, 0), 0), null),
        ('flood_alarms', f.n, null),
        ('flood_peak', f.peak, null),
        ('top10_pct', t.pct, t.list),
        ('prio_critical', coalesce(100 * (pr.critical / nullif(b.n, 0)::double precision), 0), null),
        ('prio_high', coalesce(100 * (pr.high / nullif(b.n, 0)::double precision), 0), null),
        ('prio_medium', coalesce(100 * (pr.medium / nullif(b.n, 0)::double precision), 0), null),
        ('prio_low', coalesce(100 * (pr.low / nullif(b.n, 0)::double precision), 0), null)
      ) as v(name, value, text_value)
$$;
comment on function alarm_kpi_headline(bigint, bigint, text) is 'Part of alarm_kpi: what follows from annunciations alone.';

create function alarm_kpi_conduct(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (name text, value double precision, text_value text)
    language sql stable as
$$
    with a as (
        select count(*) filter (where x.chatters > 0) as chattering,
               string_agg(x.name, ',' order by x.name collate "C") filter (where x.chatters > 0) as chattering_list,
               -- A mean of 1/20 may end a hair below 0.05.
               count(*) filter (where x.psi >= 0.05 * (1 - 1e-9)) as psi_over,
               string_agg(x.name, ',' order by x.name collate "C")
                   filter (where x.psi >= 0.05 * (1 - 1e-9)) as psi_over_list,
               count(*) filter (where x.fleeting > 0) as fleeting,
               string_agg(x.name, ',' order by x.name collate "C") filter (where x.fleeting > 0) as fleeting_list,
               count(*) filter (where x.stale) as stale,
               string_agg(x.name, ',' order by x.name collate "C") filter (where x.stale) as stale_list,
               count(*) filter (where x.standing) as standing,
               string_agg(x.name, ',' order by x.name collate "C") filter (where x.standing) as standing_list,
               coalesce(sum(x.returned), 0) as returned, coalesce(sum(x.returned_unacked), 0) as returned_unacked
          from alarm_bad_actor(p_from_us, p_to_us, p_position) x
    ), d as (
        select coalesce((array_agg(x.n order by x.n desc, x.day))[1], 0) as worst,
               coalesce((array_agg(x.from_us order by x.n desc, x.day))[1], p_from_us) as worst_us
          from alarm_kpi_stale_days(p_from_us, p_to_us, p_position) x
    ), s as (
        select coalesce(sum(greatest(x.until_us - greatest(x.from_us, p_from_us), 0))
                            filter (where x.active and not x.hidden), 0)::double precision as standing_us,
               count(*) filter (where x.kind = 'reannounce' and x.from_us >= p_from_us) as reannounced,
               count(*) filter (where x.kind = 'escalate' and x.from_us >= p_from_us) as escalated,
               count(*) filter (where x.kind = 'prio' and x.from_us >= p_from_us and x.active and not x.hidden
                                      and x.priority < x.priority_before) as prio_raised,
               count(*) filter (where x.kind in ('unshelve', 'unsuppress', 'oos_off') and x.from_us >= p_from_us
                                      and x.active and x.was_hidden and not x.hidden) as came_back
          from alarm_kpi_state(p_from_us, p_to_us, p_position) x
    ), k as (
        select count(*) as acks, count(*) filter (where x.fast or x.many) as stamps
          from alarm_kpi_stamp(p_from_us, p_to_us, p_position) x
    )
    select v.name, v.value, v.text_value
      from a, d, s, k
     cross join lateral (values
        ('chattering', a.chattering, a.chattering_list),
        ('psi_over', a.psi_over, a.psi_over_list),
        ('fleeting', a.fleeting, a.fleeting_list),
        ('stale', a.stale, a.stale_list),
        ('stale_worst', d.worst, null),
        ('stale_worst_from', d.worst_us / 1e6, null),
        ('standing', a.standing, a.standing_list),
        ('standing_mean', coalesce(s.standing_us / nullif(p_to_us - p_from_us, 0), 0), null),
        ('rtn', a.returned, null),
        ('rtn_unacked', a.returned_unacked, null),
        ('rtn_unacked_pct', coalesce(100 * a.returned_unacked / nullif(a.returned, 0)::double precision, 0), null),
        ('acks', k.acks, null),
        ('rubber_stamp', k.stamps, null),
        ('rubber_stamp_pct', coalesce(100 * (k.stamps / nullif(k.acks, 0)::double precision), 0), null),
        ('reannounced', s.reannounced, null),
        ('escalated', s.escalated, null),
        ('prio_raised', s.prio_raised, null),
        ('came_back', s.came_back, null)
      ) as v(name, value, text_value)
$$;
comment on function alarm_kpi_conduct(bigint, bigint, text) is
    'Part of alarm_kpi: what needs states and occurrences. standing: active and shown at p_to_us; standing_mean: '
    'time-weighted over the period. rtn_unacked_pct: share of returns before an acknowledgement. rubber_stamp_pct: '
    'share of acknowledgements (alarm_kpi_stamp). Beside the annunciations: reannounced, escalated, prio_raised (while '
    'active and shown), came_back (shown again while active, because the last reason to be hidden ended).';

create function alarm_kpi(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (name text, value double precision, text_value text)
    language sql stable as
$$
    select h.name, h.value, h.text_value
      from alarm_kpi_headline(p_from_us, p_to_us, p_position) h
     union all
    select c.name, c.value, c.text_value
      from alarm_kpi_conduct(p_from_us, p_to_us, p_position) c
     union all
    select v.name || q.suffix, v.value, null
      from (values (0, ''), (1, '_critical'), (2, '_high'), (3, '_medium'), (4, '_low')) as q(priority, suffix)
      left join alarm_kpi_ack_time(p_from_us, p_to_us, p_position) t on t.priority = q.priority
     cross join lateral (values ('tta_n', coalesce(t.n, 0)::double precision), ('tta_p50', t.p50_us / 1e6),
                                ('tta_p95', t.p95_us / 1e6)) as v(name, value)
     union all
    select q.fact || v.suffix, v.value, v.text_value
      from (values ('shelved'), ('suppressed'), ('oos'), ('disabled')) as q(fact)
      left join (select x.fact, count(*) filter (where x.now) as now,
                        string_agg(x.name, ',' order by x.name collate "C") filter (where x.now) as list,
                        sum(x.n) as n, sum(x.total_us) as total_us, max(x.longest_us) as longest_us
                   from alarm_kpi_held(p_from_us, p_to_us, p_position) x
                  group by x.fact) h using (fact)
     cross join lateral (values ('', coalesce(h.now, 0), h.list),
                                ('_n', coalesce(h.n, 0), null),
                                ('_hours', coalesce(h.total_us, 0) / 3600e6, null),
                                ('_longest_h', coalesce(h.longest_us, 0) / 3600e6, null)
                        ) as v(suffix, value, text_value)
$$;
comment on function alarm_kpi(bigint, bigint, text) is
    'The report: figures by name; text_value lists the alarms where there are few to name. Definitions: '
    'n annunciations (alarm_annunciation); mean10 n / number of 10-minute bins; mean_hour, mean_day by the period''s '
    'length; peak10 most in a bin; pct_bins_gt10 share of bins with more than 10; floods, flood_* see alarm_kpi_floods, '
    'flood_pct share of time; top10_pct share of the ten most frequent; prio_* share of annunciations; tta_* time to '
    'acknowledge in s (alarm_kpi_ack_time; null: nobody did); chattering, psi_over see alarm_kpi_chatter; fleeting see '
    'alarm_kpi_occurrence; stale* see alarm_kpi_stale; shelved, suppressed, oos, disabled (alarms at the end), *_n, '
    '*_hours, *_longest_h see alarm_kpi_held; the others see alarm_kpi_conduct. A share of nothing is 0.';

-- Configuration and quality ------------------------------------------------------------------------------

create function alarm_text_is_given(p_text jsonb) returns boolean
    language sql immutable as
$$
    select case jsonb_typeof(p_text)
           when 'string' then btrim(p_text #>> '{}') <> ''
           when 'object' then exists (select from jsonb_each_text(p_text) t where btrim(t.value) <> '')
           else false end
$$;
comment on function alarm_text_is_given(jsonb) is 'A text of an item, plain or by language, says something.';

create function alarm_is_rationalised(p_body jsonb) returns boolean
    language sql immutable as
$$
    select coalesce(alarm_text_is_given(p_body -> 'cause') and alarm_text_is_given(p_body -> 'consequence')
                    and alarm_text_is_given(p_body -> 'action')
                    and jsonb_typeof(p_body -> 'time_to_act_s') = 'number'
                    and (p_body ->> 'time_to_act_s')::numeric > 0, false)
$$;
comment on function alarm_is_rationalised(jsonb) is
    'An alarm''s configuration tells cause, consequence, the operator''s action and the time to act.';

create view alarm_configured as
select c.key as alarm_key, c.name, c.revision, coalesce(c.body ->> 'position', j.position) as position,
       case when jsonb_typeof(c.body -> 'priority') = 'number' then (c.body ->> 'priority')::numeric::smallint
       end as priority,
       alarm_is_rationalised(c.body) as rationalised, c.body
  from config_now c
  left join lateral (select x.position
                       from alarm_journal x
                      where x.alarm_key = c.key
                      order by x.n desc
                      limit 1) j on true
 where c.kind = 'alarm'
   and c.body -> 'enabled' is distinct from 'false'::jsonb;
comment on view alarm_configured is
    'The master alarm database in force: enabled alarms. position: as configured, else as in the newest record.';

create function alarm_kpi_configured(p_position text default null)
    returns table (name text, value double precision)
    language sql stable as
$$
    with a as (
        select count(*) as n, count(*) filter (where c.rationalised) as rationalised,
               count(*) filter (where c.priority = 1) as critical, count(*) filter (where c.priority = 2) as high,
               count(*) filter (where c.priority = 3) as medium, count(*) filter (where c.priority = 4) as low
          from alarm_configured c
         where p_position is null
            or c.position = p_position
    )
    select v.name, coalesce(v.value, 0)
      from a
     cross join lateral (values
        ('configured', a.n::double precision),
        ('configured_critical', 100.0 * a.critical / nullif(a.n, 0)),
        ('configured_high', 100.0 * a.high / nullif(a.n, 0)),
        ('configured_medium', 100.0 * a.medium / nullif(a.n, 0)),
        ('configured_low', 100.0 * a.low / nullif(a.n, 0)),
        ('rationalised', a.rationalised::double precision),
        ('rationalised_pct', 100.0 * a.rationalised / nullif(a.n, 0))
      ) as v(name, value)
$$;
comment on function alarm_kpi_configured(text) is
    'Over the enabled alarms in force: how many, share of each priority, how many (and which share) are rationalised.';

create function alarm_kpi_changes(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (revision bigint, at_us bigint, actor text, reason text, alarm_key bigint, name text, field text,
                   before jsonb, after jsonb, rationalised boolean)
    language sql stable as
$$
    with i as (
        select x.key, x.revision, x.body,
               lag(x.body) over (partition by x.key order by x.revision) as old
          from config_item x
          join config_key k on k.key = x.key and k.kind = 'alarm'
         where x.body is not null
    )
    select r.revision, (extract(epoch from r.at) * 1000000)::bigint, r.actor, r.reason, i.key, k.name, f.field,
           i.old -> f.field, i.body -> f.field,
           alarm_is_rationalised(i.body) and coalesce(i.body ->> 'reviewed_by', '') <> ''
               and (i.body -> 'reviewed_by', i.body -> 'next_review')
                   is distinct from (i.old -> 'reviewed_by', i.old -> 'next_review')
      from i
      join config_revision r on r.revision = i.revision
      join config_key k on k.key = i.key
     cross join unnest(array['limit', 'deadband', 'priority', 'on_delay_s', 'off_delay_s']) as f(field)
     where i.old is not null
       and coalesce(i.old -> f.field, 'null') <> coalesce(i.body -> f.field, 'null')
       and r.at >= to_timestamp(0) + p_from_us * interval '1 microsecond'
       and r.at < to_timestamp(0) + p_to_us * interval '1 microsecond'
       and (p_position is null
            or p_position = coalesce(i.body ->> 'position', (select x.position
                                                               from alarm_journal x
                                                              where x.alarm_key = i.key
                                                              order by x.n desc
                                                              limit 1)))
     order by r.revision, k.name collate "C", f.field
$$;
comment on function alarm_kpi_changes(bigint, bigint, text) is
    'Changes of limit, deadband, priority and delays, one row each; a first configuration is none, putting back a '
    'removed alarm with other settings is one. rationalised: after it the alarm is rationalised, and the same revision '
    'renewed its review (reviewed_by or next_review).';

create function alarm_kpi_blind(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (alarm_key bigint, name text, blind_us bigint, pct double precision)
    language sql stable as
$$
    with input as (
        select distinct c.alarm_key, c.name, k.key as tag_key,
               case when c.body ->> 'uncertain' = 'bad' then 64 else 128 end as bad_from
          from alarm_configured c
         cross join unnest(array['tag', 'limit_tag', 'setpoint', 'command', 'feedback']) as f(field)
          join config_key k on k.kind = 'tag' and k.name = c.body ->> f.field
         where p_position is null
            or c.position = p_position
    ), tag as (
        select distinct i.tag_key from input i
    ), held as (
        select t.tag_key, s.t_us, s.quality
          from tag t
          join sample s on s.tag_key = t.tag_key and s.t_us >= p_from_us and s.t_us < p_to_us
         union all
        -- What is in force when the period begins; unknown if there is nothing yet.
        select t.tag_key, p_from_us, coalesce(s.quality, 255)
          from tag t
          left join lateral (select x.quality
                               from sample x
                              where x.tag_key = t.tag_key
                                and x.t_us < p_from_us
                              order by x.t_us desc
                              limit 1) s on true
         where not exists (select from sample x where x.tag_key = t.tag_key and x.t_us = p_from_us)
    ), span as (
        select h.tag_key, h.quality, h.t_us as from_us,
               lead(h.t_us, 1, p_to_us) over (partition by h.tag_key order by h.t_us) as to_us
          from held h
    ), blind as (
        select i.alarm_key, i.name,
               range_agg(int8range(s.from_us, s.to_us)) filter (where s.quality >= i.bad_from) as spans
          from input i
          join span s using (tag_key)
         group by i.alarm_key, i.name
    )
    select b.alarm_key, b.name, t.us, coalesce(100.0 * t.us / nullif(p_to_us - p_from_us, 0), 0)
      from blind b
     cross join lateral (select coalesce(sum(upper(r.r) - lower(r.r)), 0)::bigint as us
                           from unnest(b.spans) as r(r)) t
     order by t.us desc, b.name collate "C"
$$;
comment on function alarm_kpi_blind(bigint, bigint, text) is
    'Blind time: how long an alarm''s condition was unknown, because the newest sample of one of its tags (tag, '
    'limit_tag, setpoint, command, feedback) was bad (uncertain too, where it counts as bad) or there was none yet; by source time, and pct of the '
    'period. Reads every sample of the period, hence is no part of alarm_kpi. Rules over expressions are left out: '
    'their inputs are not columns.';
