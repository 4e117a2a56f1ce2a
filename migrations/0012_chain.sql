-- The chain over the operations journal: each row of the audit, of the alarm journal and of the configuration's revisions
-- gets a place in one chain of hashes, soon after its commit. Whoever then changes, removes, moves or inserts a row, even as
-- superuser with the triggers off, breaks the chain; `penstock audit verify` names the row. Signed checkpoints and their
-- export are the anchor against who writes the whole chain anew or cuts its tail.

create table chain (
    pos       bigint   not null,
    form      smallint not null,
    source    smallint not null,
    row_id    bigint   not null,
    sealed_us bigint   not null,
    prev      bytea    not null,
    hash      bytea    not null,
    constraint chain_pk primary key (pos),
    constraint chain_row_unique unique (source, row_id),
    constraint chain_prev_unique unique (prev),
    constraint chain_pos_check check (pos >= 1),
    constraint chain_source_check check (source between 1 and 3),
    constraint chain_hash_check check (octet_length(prev) = 32 and octet_length(hash) = 32)
);
comment on table chain is 'The chain of hashes over config_revision, audit and alarm_journal. Append-only, written by chain_seal() alone.';
comment on column chain.pos is 'Place in the chain, from 1, gapless.';
comment on column chain.form is 'Which canonical form of the row was hashed: 1 is chain_canonical(), all columns that the tables have with this migration.';
comment on column chain.source is '1: config_revision, 2: audit, 3: alarm_journal.';
comment on column chain.row_id is 'The row''s revision, audit_id or seq.';
comment on column chain.sealed_us is 'When it was sealed, microseconds since 1970, UTC.';
comment on column chain.prev is 'Hash of the place before; 32 zero bytes at the first one. Unique: there is no fork.';
comment on column chain.hash is
    'SHA-256 of prev, pos (8 bytes), form (2), source (2), row_id (8), sealed_us (8), all in network order, and chain_canonical().';
create trigger chain_append_only before update or delete or truncate on chain
    for each statement execute function refuse_change();

create table chain_checkpoint (
    pos       bigint not null,
    hash      bytea  not null,
    at_us     bigint not null,
    key_id    bytea  not null,
    signature bytea  not null,
    constraint chain_checkpoint_pk primary key (pos),
    constraint chain_checkpoint_size_check
        check (octet_length(hash) = 32 and octet_length(key_id) = 32 and octet_length(signature) = 64)
);
comment on table chain_checkpoint is 'Signed words of the server: at this place the chain had this hash. Append-only.';
comment on column chain_checkpoint.at_us is 'When it was signed, microseconds since 1970, UTC.';
comment on column chain_checkpoint.key_id is 'SHA-256 of the public key (DER), which tells keys apart.';
comment on column chain_checkpoint.signature is
    'Ed25519 of the text "penstock checkpoint 1", pos, hash in hexadecimal and at_us, each ended by a line feed.';
create trigger chain_checkpoint_append_only before update or delete or truncate on chain_checkpoint
    for each statement execute function refuse_change();

create table chain_sink (
    name           text   not null,
    pos            bigint not null,
    checkpoint_pos bigint not null,
    at_us          bigint not null,
    constraint chain_sink_pk primary key (name)
);
comment on table chain_sink is 'How far the chain was exported to each place outside.';
comment on column chain_sink.pos is 'All rows up to this place arrived there.';
comment on column chain_sink.checkpoint_pos is 'All checkpoints up to this place arrived there.';

-- The canonical form ---------------------------------------------------------------------------------------

create function chain_field(p bytea) returns bytea
    language sql immutable parallel safe as
$$ select coalesce(int4send(octet_length(p)) || p, '\xffffffff'::bytea) $$;
comment on function chain_field(bytea) is 'A field of a canonical row: its length (4 bytes, network order) and its bytes; null: -1 and nothing.';

create function chain_text(p text) returns bytea
    language sql stable parallel safe as
$$ select chain_field(convert_to(p, 'UTF8')) $$;
comment on function chain_text(text) is 'A text as a field of a canonical row: UTF-8.';

create function chain_canonical(r config_revision) returns bytea
    language sql stable parallel safe as
$$
    select chain_field(int8send(r.revision)) || chain_field(timestamptz_send(r.at)) || chain_text(r.actor) || chain_text(r.reason)
           || chain_field(uuid_send(r.op)) || chain_text(r.second_actor)
           || chain_field(sha256(coalesce((select string_agg(chain_field(int8send(i.key)) || chain_text(k.kind) || chain_text(k.name)
                                                             || chain_text(i.body::text), ''::bytea order by i.key)
                                             from config_item i left join config_key k using (key)
                                            where i.revision = r.revision), '')))
$$;
comment on function chain_canonical(config_revision) is
    'Canonical form 1: all columns, and the SHA-256 of the revision''s items in order of key: key, kind, name and body of each.';

create function chain_canonical(a audit) returns bytea
    language sql stable parallel safe as
$$
    select chain_field(int8send(a.audit_id)) || chain_field(timestamptz_send(a.at)) || chain_text(a.actor) || chain_text(a.peer)
           || chain_text(a.action) || chain_text(a.object) || chain_text(a.detail) || chain_field(uuid_send(a.op))
$$;
comment on function chain_canonical(audit) is
    'Canonical form 1: all columns in the order of the table, each as chain_field() of its binary form: integers and doubles in '
    'network order, times as microseconds since 2000, texts as UTF-8.';

create function chain_canonical(j alarm_journal) returns bytea
    language sql stable parallel safe as
$$
    select chain_field(int8send(j.seq)) || chain_field(int8send(j.n)) || chain_field(int8send(j.alarm_key))
           || chain_field(int8send(j.site_key)) || chain_field(int8send(j.tag_key)) || chain_field(int8send(j.revision))
           || chain_text(j.kind) || chain_text(j.from_letter) || chain_text(j.to_letter) || chain_field(int8send(j.occ))
           || chain_field(int8send(j.call)) || chain_field(int2send(j.priority)) || chain_field(int8send(j.src_us))
           || chain_field(int8send(j.at_us)) || chain_field(int8send(j.raised_us)) || chain_field(float8send(j.value))
           || chain_field(float8send(j.limit_value)) || chain_field(int2send(j.quality)) || chain_field(int8send(j.actor_key))
           || chain_text(j.actor) || chain_text(j.comment) || chain_text(j.base_letter) || chain_field(int4send(j.facts))
           || chain_field(int4send(j.flags)) || chain_text(j.cause) || chain_text(j.unshelved)
           || chain_field(int8send(j.raised_at_us)) || chain_field(int8send(j.called_us)) || chain_field(int8send(j.until_us))
           || chain_field(int8send(j.rise_call)) || chain_field(int8send(j.acked_occ)) || chain_text(j.position)
           || chain_text(j.desk) || chain_text(j.source) || chain_text(j.unit)
$$;
comment on function chain_canonical(alarm_journal) is 'Canonical form 1: all columns, as of the audit.';

-- Sealing --------------------------------------------------------------------------------------------------

create function chain_seal(p_max integer, p_window bigint) returns integer
    language plpgsql as
$$
declare
    v_pos  bigint := 0;
    v_prev bytea := decode(repeat('00', 32), 'hex');
    v_now  bigint;
    v_hash bytea;
    v_n    integer := 0;
    v_row  record;
begin
    -- One at a time, until its commit: the next one sees it. Anybody may take such a lock, so waiting for it for long is an error, which
    -- the server tells: that it is taken does not mean that the rows are sealed.
    perform pg_advisory_xact_lock(1346719315, 11);
    select c.pos, c.hash into v_row from chain c order by c.pos desc limit 1;
    if found then
        v_pos := v_row.pos;
        v_prev := v_row.hash;
    end if;
    v_now := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    -- Of the audit each number is looked up by itself: a plan that joins would read all of the chain.
    for v_row in
        select s.source, s.row_id, s.body
          from ((select 1::smallint as source, r.revision as row_id, chain_canonical(r) as body
                   from config_revision r
                  where r.revision > coalesce((select max(c.row_id) from chain c where c.source = 1), 0)
                  order by r.revision
                  limit p_max)
                union all
                (select 2::smallint, a.audit_id, chain_canonical(a)
                   from audit a
                  where a.audit_id > coalesce((select max(c.row_id) from chain c where c.source = 2) - greatest(p_window, 0), 0)
                    and (select c.pos from chain c where c.source = 2 and c.row_id = a.audit_id) is null
                  order by a.audit_id
                  limit p_max)
                union all
                (select 3::smallint, j.seq, chain_canonical(j)
                   from alarm_journal j
                  where j.seq > coalesce((select max(c.row_id) from chain c where c.source = 3), 0)
                  order by j.seq
                  limit p_max)) s
         order by s.source, s.row_id
         limit p_max
    loop
        v_pos := v_pos + 1;
        v_hash := sha256(v_prev || int8send(v_pos) || int2send(1::smallint) || int2send(v_row.source) || int8send(v_row.row_id)
                         || int8send(v_now) || v_row.body);
        insert into chain (pos, form, source, row_id, sealed_us, prev, hash)
        values (v_pos, 1, v_row.source, v_row.row_id, v_now, v_prev, v_hash);
        v_prev := v_hash;
        v_n := v_n + 1;
    end loop;
    return v_n;
end
$$;
comment on function chain_seal(integer, bigint) is
    'Gives up to p_max rows that are not in the chain their places: revisions and journal by their numbers, which are committed in '
    'order; of the audit, whose rows are not, all that are missing above the p_window newest numbers. Returns how many; as many as '
    'p_max: there may be more. By chain_pk, chain_row_unique and the primary keys.';

-- With its owner's rights, so that the server cannot write into the chain what was not sealed. What is to be sealed stands at the
-- end of the tables and is found by their keys, whatever the statistics say of a table that has just grown.
do $$
begin
    execute format('alter function chain_seal(integer, bigint) security definer set search_path = %I, pg_temp', current_schema());
end
$$;
alter function chain_seal(integer, bigint) set enable_seqscan = off;
alter function chain_seal(integer, bigint) set enable_bitmapscan = off;
alter function chain_seal(integer, bigint) set jit = off;
alter function chain_seal(integer, bigint) set lock_timeout = '10s';
revoke execute on function chain_seal(integer, bigint) from public;

-- Rights: as before; the server adds to the chain by chain_seal() alone, and moves its own marks of what was exported.

alter function penstock_grant() rename to penstock_grant_before_chain;
create function penstock_grant() returns void
    language plpgsql as
$$
begin
    perform penstock_grant_before_chain();
    if exists (select from pg_roles where rolname = 'penstock_app') then
        revoke insert on chain from penstock_app;
        grant update on chain_sink to penstock_app;
    end if;
end
$$;
select penstock_grant();
