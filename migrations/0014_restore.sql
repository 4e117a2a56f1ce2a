-- A database that was restored to an earlier moment: what it has forgotten is said, and what must not happen twice does not.

create table store_restore (
    restore_id bigint generated always as identity,
    at         timestamptz not null default clock_timestamp(),
    to_at      timestamptz not null,
    actor      text        not null,
    backup     text        not null,
    constraint store_restore_pk primary key (restore_id)
);
comment on table store_restore is
    'Each time that this database was restored from a backup. What was stored between to_at and at is forgotten, unless gateways sent it again. Append-only.';
comment on column store_restore.to_at is 'The moment that it was restored to: of its last transaction that stands.';
create trigger store_restore_append_only before update or delete or truncate on store_restore
    for each statement execute function refuse_change();

create function store_restored(p_to timestamptz, p_actor text, p_backup text) returns bigint
    language plpgsql as
$$
declare
    v_restore bigint;
    v_name    text;
    v_jump    bigint;
begin
    insert into store_restore (to_at, actor, backup) values (p_to, p_actor, p_backup) returning restore_id into v_restore;
    -- Numbers that were given out after that moment are known to gateways, exports and people: none of them comes again for something else.
    for v_name, v_jump in
        select format('%I.%I', s.schemaname, s.sequencename), case s.sequencename when 'gateway_session' then 1000000000 else 1000000 end
          from pg_sequences s
         where s.schemaname = current_schema() and s.data_type = 'bigint'::regtype
    loop
        execute format('select setval(%L, (select last_value from %s) + %s)', v_name, v_name, v_jump);
    end loop;
    -- What was closed, or used up, after that moment would be open again.
    update app_session set closed_at = clock_timestamp() where closed_at is null;
    update login_code set expires_at = clock_timestamp() where used_at is null and expires_at > clock_timestamp();
    insert into gateway_token (token_hash, gateway_key, created_by, expires_at)
    select sha256(gen_random_uuid()::text::bytea), t.gateway_key, p_actor, now()
      from gateway_token t
     where t.expires_at > now()
     group by t.gateway_key;
    insert into gateway_window (gateway_key, opened_by, reason, closes_at)
    select distinct w.gateway_key, p_actor, 'closed: the database was restored', now()
      from gateway_window w
     where w.closes_at > now();
    insert into audit (actor, peer, action, object, detail)
    values (p_actor, 'command line', 'store.restored', p_backup,
            format('restored to %s: what came afterwards is forgotten, but what gateways send again; logins and one-time codes have ended', p_to));
    return v_restore;
end
$$;
comment on function store_restored(timestamptz, text, text) is
    'To be called once, before anybody else uses a database that was restored: notes it, moves all sequences beyond what may have been given out, '
    'ends logins, one-time codes, tokens and windows for renewal.';
revoke execute on function store_restored(timestamptz, text, text) from public;

-- What is lost has times: those of the records beside it, by the server's clock. A restore is a gap of every gateway that was configured: of starts
-- that began and ended within it nobody can say any more which numbers they had.
create or replace function ledger_gap(p_gateway text default null)
    returns table (gateway text, epoch bigint, state text, first_seq bigint, end_seq bigint, samples bigint, from_us bigint, to_us bigint)
    language sql stable as
$$
with g as materialized (
  select k.key, k.name from config_key k where k.kind = 'gateway' and (p_gateway is null or k.name = p_gateway))
select g.name, x.epoch, x.state, x.first_seq, x.end_seq, x.samples, x.from_us, x.to_us
  from (select l.gateway_key, l.epoch, 'waiting' as state, lower(n.r) as first_seq, upper(n.r) as end_seq, null::bigint as samples,
               null::bigint as from_us, null::bigint as to_us
          from ledger_epoch l
         cross join lateral unnest(l.waiting) n(r)
         where p_gateway is null or l.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)
        union all
        select l.gateway_key, l.epoch, 'lost', lower(n.r), upper(n.r), null,
               (select b.received_us from ingest_batch b
                 where (b.gateway_key, b.epoch) = (l.gateway_key, l.epoch) and b.seq = lower(n.r) - 1),
               coalesce((select b.received_us from ingest_batch b
                          where (b.gateway_key, b.epoch) = (l.gateway_key, l.epoch) and b.seq = upper(n.r)),
                        (select max(s.said_us) from gateway_said s where s.gateway_key = l.gateway_key))
          from ledger_epoch l
         cross join lateral unnest(l.lost) n(r)
         where p_gateway is null or l.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)
        union all
        select d.gateway_key, d.epoch, 'dropped', d.first_seq, d.end_seq, d.samples, d.from_us, d.to_us
          from gateway_dropped d
         where p_gateway is null or d.gateway_key = (select k.key from config_key k where k.kind = 'gateway' and k.name = p_gateway)
        union all
        select g.key, null, 'restored', null, null, null, (extract(epoch from r.to_at) * 1000000)::bigint, (extract(epoch from r.at) * 1000000)::bigint
          from store_restore r cross join g) x
  join g on g.key = x.gateway_key
$$;
comment on function ledger_gap(text) is
    'Numbers [first_seq, end_seq) that are not stored, of all gateways or one: waiting at the site, lost (with the times at which the server received '
    'what lies before and behind, as far as that is there), or dropped there as the gateway told (then with samples and their span of time; some of '
    'them may be stored all the same, if they were on their way). restored, without numbers: the database was set back from to_us to from_us, and of '
    'what it stored between the two it has again what the gateway still had.';

-- Rights: as before; only who owns the schema restores.

alter function penstock_grant() rename to penstock_grant_before_restore;
create function penstock_grant() returns void
    language plpgsql as
$$
begin
    perform penstock_grant_before_restore();
    if exists (select from pg_roles where rolname = 'penstock_app') then
        revoke insert on store_restore from penstock_app;
        revoke execute on function store_restored(timestamptz, text, text) from penstock_app;
    end if;
end
$$;
select penstock_grant();
