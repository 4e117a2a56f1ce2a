-- Rollups: what history's samples amount to by minute, quarter and hour; which days are to be rolled up anew; how long
-- samples are kept, and what is kept longer.

-- Days that are not as their samples say --------------------------------------------------------------------

create table rollup_dirty (
    tag_key   bigint  not null,
    day_us    bigint  not null,
    changes   integer not null default 1,
    marked_us bigint  not null default (extract(epoch from clock_timestamp()) * 1000000)::bigint,
    constraint rollup_dirty_pk primary key (tag_key, day_us)
);
comment on table rollup_dirty is
    'Days (UTC) of a tag whose chunks changed since they were rolled up; the present day is here until it is over.';
comment on column rollup_dirty.changes is
    'How often it was marked since it was rolled up last; 0: only because the day is not over. Who rolls it up removes the mark '
    'only if this is as it was before.';
comment on column rollup_dirty.marked_us is 'When it was marked first, or rolled up last.';
alter table rollup_dirty set (autovacuum_vacuum_scale_factor = 0.1, fillfactor = 70);

-- Whoever writes chunks calls it, in the same transaction. In order of the key, so that two who mark wait for each other in
-- one direction. What is marked already stays as it is, for a tag's day gets new chunks many times before it is rolled up: the lock
-- (LOCK_MARKS in server/store/lock.h) makes sure that nobody rolls up between this look and the commit of the chunks.
-- No trigger, for then COPY would write row by row. The limit makes it look by the key, day for day, whatever the statistics say.
create function rollup_mark(p_tag_keys bigint[], p_days_us bigint[]) returns void
    language plpgsql as
$$
begin
    perform pg_advisory_xact_lock_shared(1346719315, 5);
    insert into rollup_dirty (tag_key, day_us)
    select u.tag_key, u.day_us
      from unnest(p_tag_keys, p_days_us) as u(tag_key, day_us)
      left join lateral (select r.changes from rollup_dirty r where r.tag_key = u.tag_key and r.day_us = u.day_us limit 1) r on true
     where coalesce(r.changes, 0) = 0
     order by u.tag_key, u.day_us
        on conflict (tag_key, day_us) do update set changes = rollup_dirty.changes + 1;
end
$$;
comment on function rollup_mark(bigint[], bigint[]) is 'Marks days (UTC) of tags that get new chunks, each once.';

-- What is there already.
insert into rollup_dirty (tag_key, day_us)
select distinct c.tag_key, d.day_us
  from sample_chunk c
 cross join lateral generate_series(c.from_us - c.from_us % 86400000000, c.to_us, 86400000000) as d(day_us);

-- Rollups --------------------------------------------------------------------------------------------------

create table rollup (
    tag_key   bigint   not null,
    level     smallint not null,
    day_us    bigint   not null,
    until_us  bigint   not null,
    rule      bigint   not null,
    n         bigint   not null,
    before_us bigint   not null,
    number_us bigint   not null,
    first_us  bigint   not null,
    last_us   bigint   not null,
    after_us  bigint   not null,
    before    bigint   not null,
    after     bigint   not null,
    digest    bigint   not null,
    data      bytea    not null,
    constraint rollup_pk primary key (tag_key, level, day_us),
    constraint rollup_level_check check (level in (0, 1, 2)),
    constraint rollup_until_check check (until_us > day_us and until_us <= day_us + 86400000000)
);
alter table rollup alter column data set storage external;
comment on table rollup is
    'Aggregates of a tag''s day (UTC): level 0 minutes, 1 quarters, 2 hours; packed as server/history/rollup.h says. Minutes and '
    'quarters only of days with many samples; none of days without samples.';
comment on column rollup.until_us is 'So far the day is rolled up; a whole hour.';
comment on column rollup.rule is 'How the tag''s values go on between samples (rollup_rule_id): one of another rule is of no use.';
comment on column rollup.before_us is
    'Source times: the newest sample before the day (lowest bigint: none), its first and last one, the first one behind the day '
    '(highest bigint: none).';
comment on column rollup.number_us is
    'Source time of the newest sample before the day that has a usable value (lowest bigint: none), from which the day''s transitions '
    'and what it counted begin; it may lie days before before_us.';
comment on column rollup.before is 'Digests of the sample before the day and of the one behind it, with which its values go on; 0: none.';
comment on column rollup.digest is 'Digest of all that it was made from: the same digest, the same rollup.';

-- Days come nearly in order: little is enough to find those that are past.
create index rollup_day_idx on rollup using brin (day_us);

create table rollup_tag (
    tag_key bigint not null,
    rule    bigint not null,
    constraint rollup_tag_pk primary key (tag_key)
);
comment on table rollup_tag is 'The rule of each tag as it is configured: where it is another one, its days are rolled up anew.';

create table sample_hour (
    tag_key  bigint           not null,
    hour_us  bigint           not null,
    n        integer          not null,
    good     real             not null,
    average  double precision,
    minimum  double precision,
    maximum  double precision,
    first    double precision,
    last     double precision,
    integral double precision,
    constraint sample_hour_pk primary key (tag_key, hour_us)
);
create index sample_hour_hour_idx on sample_hour using brin (hour_us);
comment on table sample_hour is
    'History by the hour, for whoever speaks SQL: one row for each tag and hour in which there was a sample or a known value. '
    'It is made from packed samples, within an hour or two.';
comment on column sample_hour.n is 'Samples, bad ones among them.';
comment on column sample_hour.good is 'Seconds for which a good value was known.';
comment on column sample_hour.average is 'Weighted by time; null: no value was known.';
comment on column sample_hour.minimum is 'Of the hour''s samples, as maximum, first and last; null: none had a usable value.';
comment on column sample_hour.integral is 'Value times seconds.';

create function rollup_until(p_tag_key bigint) returns bigint
    language sql stable parallel safe as
$$
    select least((select min(d.day_us) from rollup_dirty d where d.tag_key = p_tag_key and d.changes > 0),
                 (select r.until_us from rollup r where r.tag_key = p_tag_key and r.level = 2 order by r.day_us desc limit 1))
$$;
comment on function rollup_until(bigint) is 'Up to here a tag''s rollups are as its packed samples say; null: there are none.';

-- Retention --------------------------------------------------------------------------------------------------

create table sample_dropped (
    class     smallint not null,
    before_us bigint   not null,
    late      bigint   not null default 0,
    constraint sample_dropped_pk primary key (class),
    constraint sample_dropped_class_fk foreign key (class) references retention_class (class)
);
comment on table sample_dropped is 'Samples of a class before this time were kept for as long as they had to be, and dropped.';
comment on column sample_dropped.late is
    'How many samples got into history of a time that had been dropped, as those that wait for the packer while the class is made shorter: dropped, too.';

create function sample_chunk_count(p_table regclass, out n bigint, out bytes bigint, out exact boolean)
    language plpgsql stable as
$$
declare
    -- Eight MiB of a table are read: all of one of a small site.
    v_share real := least(100, 100 * 8388608.0 / greatest(pg_relation_size(p_table), 1));
begin
    exact := v_share >= 100;
    bytes := pg_total_relation_size(p_table);
    execute format('select (coalesce(sum(n), 0) * 100 / $1)::bigint from %s tablesample system ($1)', p_table) into n using v_share;
end
$$;
comment on function sample_chunk_count(regclass) is 'Samples in a table of chunks, and its bytes; of a large one an estimate.';

-- Whoever drops has no right to drop tables; here it may drop just these. What it drops is in the audit. All is counted before anything is locked.
create function sample_drop(p_class smallint, p_before_us bigint) returns integer
    language plpgsql security definer as
$$
declare
    v_old     bigint := coalesce((select d.before_us from sample_dropped d where d.class = p_class), 0);
    v_class   retention_class;
    v_table   text;
    v_tables  text[] := '{}';
    v_details text[] := '{}';
    v_from    bigint;
    v_count   record;
    v_late    bigint := 0;
begin
    select c.* into v_class from retention_class c where c.class = p_class;
    for v_table, v_from in
        select p.relname, (regexp_match(pg_get_expr(p.relpartbound, p.oid), 'FROM \(''?(-?\d+)''?\)'))[1]::bigint
          from pg_inherits i
          join pg_class p on p.oid = i.inhrelid
         where i.inhparent = to_regclass(format('sample_chunk_%s', p_class))
         order by 2
    loop
        continue when v_from + 2419200000000 > p_before_us;
        select c.n, c.bytes, c.exact into v_count from sample_chunk_count(v_table::regclass) c;
        v_tables := v_tables || v_table;
        v_details := v_details
            || format('%s to %s UTC: %s%s samples, %s bytes, table %s; kept for %s days%s',
                      to_char(to_timestamp(v_from / 1e6) at time zone 'UTC', 'YYYY-MM-DD'),
                      to_char(to_timestamp((v_from + 2419200000000) / 1e6) at time zone 'UTC', 'YYYY-MM-DD'),
                      case when v_count.exact then '' else 'about ' end, v_count.n, v_count.bytes, v_table, v_class.keep_days,
                      case when v_from < v_old then '; they came when that time had been dropped' else '' end);
        v_late := v_late + case when v_from < v_old then v_count.n else 0 end;
    end loop;
    foreach v_table in array v_tables loop
        execute format('drop table %I', v_table);
    end loop;
    insert into sample_dropped (class, before_us, late) values (p_class, sample_period(p_before_us), v_late)
        on conflict (class) do update set before_us = greatest(sample_dropped.before_us, excluded.before_us),
                                          late = sample_dropped.late + excluded.late
         where excluded.before_us > sample_dropped.before_us or excluded.late > 0;
    insert into audit (actor, action, object, detail)
    select 'penstockd', 'history.dropped', v_class.name, d from unnest(v_details) with ordinality as u(d, place) order by u.place;
    return cardinality(v_tables);
end
$$;
comment on function sample_drop(smallint, bigint) is
    'Drops the tables of a class whose whole period lies before a time, and notes it, in the audit, too; how many there were.';
do $$
begin
    execute format('alter function sample_drop(smallint, bigint) set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function sample_drop(smallint, bigint) from public;

create table sample_expired (
    gateway_key bigint not null,
    tag_key     bigint not null,
    day         bigint not null,
    n           bigint not null,
    from_us     bigint not null,
    to_us       bigint not null,
    constraint sample_expired_pk primary key (gateway_key, tag_key, day)
);
comment on table sample_expired is
    'Samples that came when their time was past already: older than their class is kept. They are counted here, and nowhere else; '
    'their records are as complete as any other.';
comment on column sample_expired.day is 'On which they came: days since 1970-01-01, UTC.';
comment on column sample_expired.from_us is 'Earliest and latest source time among them.';

-- Snapshots of events ------------------------------------------------------------------------------------------

create table snapshot_alarm (
    alarm_key bigint not null,
    tag_key   bigint not null,
    constraint snapshot_alarm_pk primary key (alarm_key, tag_key)
);
comment on table snapshot_alarm is 'Alarms whose surroundings are kept, and the tags that have to do with them, as configured now.';

create table snapshot_seen (
    id  integer not null default 1,
    seq bigint  not null,
    constraint snapshot_seen_pk primary key (id),
    constraint snapshot_seen_one_check check (id = 1)
);
comment on table snapshot_seen is 'The alarm journal was looked through up to here.';
insert into snapshot_seen (seq) select coalesce(max(seq), 0) from alarm_journal;

create table snapshot_due (
    seq    bigint not null,
    due_us bigint not null,
    constraint snapshot_due_pk primary key (seq)
);
comment on table snapshot_due is 'Raises whose snapshot is not taken yet, or is taken once more because samples may come late.';

create table event_snapshot (
    seq       bigint  not null,
    alarm_key bigint  not null,
    occ       bigint  not null,
    src_us    bigint  not null,
    from_us   bigint  not null,
    to_us     bigint  not null,
    taken_us  bigint  not null,
    constraint event_snapshot_pk primary key (seq)
);
comment on table event_snapshot is
    'Raises of marked alarms, whose samples from 60 s before to 60 s after are kept when all others of that time are gone.';
comment on column event_snapshot.seq is 'alarm_journal.seq of the raise; alarm_key, occ and src_us are as there.';
comment on column event_snapshot.taken_us is 'When it was taken last.';
create index event_snapshot_alarm_idx on event_snapshot (alarm_key, seq);
create index event_snapshot_from_idx on event_snapshot (from_us);

create table event_snapshot_chunk (
    seq     bigint  not null,
    tag_key bigint  not null,
    from_us bigint  not null,
    to_us   bigint  not null,
    n       integer not null,
    data    bytea   not null,
    constraint event_snapshot_chunk_pk primary key (seq, tag_key, from_us),
    constraint event_snapshot_chunk_seq_fk foreign key (seq) references event_snapshot (seq)
);
comment on table event_snapshot_chunk is 'The samples of a snapshot.';
comment on column event_snapshot_chunk.from_us is 'Source time of the first and of the last sample in it.';
comment on column event_snapshot_chunk.data is 'chunk_read(data).';

create view event_sample as
select s.seq, s.alarm_key, s.occ, s.src_us, c.tag_key, r.t_us, r.value, r.quality, r.bytes
  from event_snapshot s
  join event_snapshot_chunk c on c.seq = s.seq
 cross join lateral chunk_read(c.data, 'the chunk of snapshot ' || c.seq || ', tag key ' || c.tag_key || ', from ' || c.from_us)
       as r(chunk_tag_key, t_us, value, bytes, quality);
comment on view event_sample is 'The samples around marked alarms, one row each.';

-- Rights --------------------------------------------------------------------------------------------------------

alter function penstock_grant() rename to penstock_grant_before_rollup;
create function penstock_grant() returns void
    language plpgsql as
$$
begin
    perform penstock_grant_before_rollup();
    if exists (select from pg_roles where rolname = 'penstock_app') then
        grant update, delete on rollup_dirty, rollup, tag_class, snapshot_due to penstock_app;
        grant update on rollup_tag, retention_class, snapshot_seen, sample_expired, event_snapshot to penstock_app;
        grant delete on sample_hour, snapshot_alarm, event_snapshot_chunk to penstock_app;
    end if;
end
$$;
select penstock_grant();
