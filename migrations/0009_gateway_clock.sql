-- What is known of the gateways' clocks. Source times are never changed; which of them deserve no trust, and by how much a clock
-- was off, is kept here.

create table gateway_clock_span (
    gateway_key bigint  not null,
    epoch       bigint  not null,
    first_seq   bigint  not null,
    kind        text    not null,
    last_seq    bigint  not null,
    from_us     bigint  not null,
    to_us       bigint  not null,
    step_us     bigint,
    constraint gateway_clock_span_pk primary key (gateway_key, epoch, first_seq, kind),
    constraint gateway_clock_span_kind_check check (kind in ('unsynced', 'step')),
    constraint gateway_clock_span_step_check check ((kind = 'step') = (step_us is not null)),
    constraint gateway_clock_span_order_check check (first_seq <= last_seq and from_us <= to_us)
);
create index gateway_clock_span_time_idx on gateway_clock_span (gateway_key, to_us);
comment on table gateway_clock_span is
    'Spans of source time in which a gateway said itself that its clock cannot be trusted; written in the transaction that stores its records.';
comment on column gateway_clock_span.kind is
    'unsynced: records that were sent with the flag U one after the other, in one session and on one lane; step: the clock was set.';
comment on column gateway_clock_span.first_seq is 'Number of the first record of the span; of a step the one that tells of it.';
comment on column gateway_clock_span.from_us is
    'First and last source time, as in sample. Of a step what the clock showed before and after it, the earlier one first.';
comment on column gateway_clock_span.step_us is 'By how much the clock was set; forward is positive.';

create table gateway_clock_session (
    gateway_key   bigint not null,
    session       bigint not null,
    source        text   not null,
    said_error_us bigint not null,
    offset_us     bigint not null,
    error_us      bigint not null,
    worst_us      bigint not null,
    off           boolean not null,
    from_us       bigint not null,
    to_us         bigint not null,
    constraint gateway_clock_session_pk primary key (gateway_key, session),
    constraint gateway_clock_session_source_check check (source in ('none', 'ntp', 'ptp', 'gnss'))
);
create index gateway_clock_session_time_idx on gateway_clock_session (gateway_key, to_us);
comment on table gateway_clock_session is
    'A gateway''s clock as measured in each of its sessions. Written behind the records when it changes, and at least every ten minutes; a '
    'crash may lose the last measures.';
comment on column gateway_clock_session.source is 'What disciplines the clock, as the gateway says.';
comment on column gateway_clock_session.said_error_us is 'By how much it may be off, as the gateway says.';
comment on column gateway_clock_session.offset_us is 'Gateway minus server, as last measured; error_us: half of the way there and back, the most that the measure is off.';
comment on column gateway_clock_session.worst_us is 'The offset that was furthest from 0.';
comment on column gateway_clock_session.off is 'It was more than 1 s off by several measures, and has not come back within 0.5 s since.';
comment on column gateway_clock_session.from_us is 'First and last measure, by the server''s time.';

create view gateway_clock as
select k.name as gateway, s.kind, s.from_us, s.to_us, s.epoch, s.first_seq, s.last_seq, s.step_us as offset_us,
       null::bigint as error_us, null::text as source, null::boolean as off
  from gateway_clock_span s
  join config_key k on k.kind = 'gateway' and k.key = s.gateway_key
union all
select k.name, 'session', c.from_us, c.to_us, null, null, null, case when c.off then c.offset_us else c.worst_us end, c.error_us,
       c.source, c.off
  from gateway_clock_session c
  join config_key k on k.kind = 'gateway' and k.key = c.gateway_key;
comment on view gateway_clock is
    'All that is known of the gateways'' clocks: spans that were not synchronised, steps, and the offset of each session (the worst one, or while it is '
    'off the present one). from_us and to_us are source times of spans and steps, server times of sessions.';

-- Rights: as before, and the rows above grow.

alter function penstock_grant() rename to penstock_grant_before_clock;
create function penstock_grant() returns void
    language plpgsql as
$$
begin
    perform penstock_grant_before_clock();
    if exists (select from pg_roles where rolname = 'penstock_app') then
        grant update on gateway_clock_span, gateway_clock_session to penstock_app;
    end if;
end
$$;
select penstock_grant();
