-- Configuration, accounts, sessions and the audit: what people do.

create function refuse_change() returns trigger
    language plpgsql as
$$
begin
    raise exception '% is append-only: % is refused', tg_table_name, tg_op using errcode = '42501';
end
$$;
comment on function refuse_change() is 'Guard of the journals: rows are added, never changed or removed.';

-- Configuration ------------------------------------------------------------------------------------------

create table config_key (
    key  bigint generated always as identity,
    kind text not null,
    name text not null,
    constraint config_key_pk primary key (key),
    constraint config_key_name_unique unique (kind, name),
    constraint config_key_kind_check check (kind in ('site', 'gateway', 'tag', 'alarm')),
    constraint config_key_name_check check (octet_length(name) between 1 and 200)
);
comment on table config_key is
    'Identity of a configured thing. It stays for ever, also when the item is removed and put again: history refers to it.';

create table config_revision (
    revision bigint generated always as identity,
    at       timestamptz not null default now(),
    actor    text        not null,
    reason   text        not null,
    op       uuid        not null default gen_random_uuid(),
    constraint config_revision_pk primary key (revision),
    constraint config_revision_op_unique unique (op)
);
comment on table config_revision is 'One change of the configuration: who, when, why. Numbers rise, with gaps.';
comment on column config_revision.op is
    'Made by who writes it, so that a change whose COMMIT was not answered can be repeated without harm.';

create table config_item (
    key      bigint not null,
    revision bigint not null,
    body     jsonb,
    constraint config_item_pk primary key (key, revision),
    constraint config_item_key_fk foreign key (key) references config_key (key),
    constraint config_item_revision_fk foreign key (revision) references config_revision (revision)
);
comment on table config_item is 'What a revision put: the whole body of each item that it touched.';
comment on column config_item.body is 'The item as JSON (server/config/config.h); null: removed by this revision.';
create index config_item_revision_idx on config_item (revision);

create trigger config_revision_append_only before update or delete or truncate on config_revision
    for each statement execute function refuse_change();
create trigger config_item_append_only before update or delete or truncate on config_item
    for each statement execute function refuse_change();

create view config_now as
select k.kind, k.name, k.key, i.revision, i.body
  from config_key k
 cross join lateral (select ci.revision, ci.body
                       from config_item ci
                      where ci.key = k.key
                      order by ci.revision desc
                      limit 1) i
 where i.body is not null;
comment on view config_now is 'The configuration in force: the newest body of each item that was not removed.';

create function config_notify() returns trigger
    language plpgsql as
$$
begin
    perform pg_notify('penstock_config', new.revision::text);
    return null;
end
$$;
comment on function config_notify() is 'Tells a running server of each new revision when it commits.';
create trigger config_revision_notify after insert on config_revision
    for each row execute function config_notify();

create function config_apply(p_op uuid, p_actor text, p_reason text, p_kinds text[], p_names text[],
                             p_bodies text[], p_expected bigint[]) returns bigint
    language plpgsql as
$$
declare
    v_revision bigint;
    v_item     record;
begin
    -- Waits for any other writer: whoever inserts a revision holds ROW EXCLUSIVE, which excludes this lock.
    lock table config_revision in share row exclusive mode;
    select r.revision into v_revision from config_revision r where r.op = p_op;
    if found then
        return v_revision;
    end if;
    select i.kind, i.name, i.expected, coalesce(n.revision, 0) as present
      into v_item
      from unnest(p_kinds, p_names, p_expected) with ordinality as i(kind, name, expected, ord)
      left join config_now n on n.kind = i.kind and n.name = i.name
     where i.expected <> -1 and i.expected <> coalesce(n.revision, 0)
     order by i.ord
     limit 1;
    if found then
        raise exception using errcode = 'PS001', message = case
            when v_item.present = 0 then format('%s %s is not there any more', v_item.kind, v_item.name)
            when v_item.expected = 0 then format('%s %s is there already', v_item.kind, v_item.name)
            else format('%s %s was changed meanwhile: it is at revision %s, not %s', v_item.kind, v_item.name,
                        v_item.present, v_item.expected) end;
    end if;
    insert into config_revision (actor, reason, op)
    values (p_actor, p_reason, p_op)
    returning config_revision.revision into v_revision;
    insert into config_key (kind, name)
    select distinct i.kind, i.name
      from unnest(p_kinds, p_names, p_bodies) as i(kind, name, body)
     where i.body is not null
       and not exists (select from config_key k where k.kind = i.kind and k.name = i.name);
    insert into config_item (key, revision, body)
    select k.key, v_revision, i.body::jsonb
      from unnest(p_kinds, p_names, p_bodies) as i(kind, name, body)
      join config_key k on k.kind = i.kind and k.name = i.name
     where i.body is not null
        or exists (select from config_now n where n.key = k.key);
    return v_revision;
end
$$;
comment on function config_apply(uuid, text, text, text[], text[], text[], bigint[]) is
    'Writes one revision: items put (body) or removed (null). expected: the item''s revision that the writer saw, '
    '0 = must not be there, -1 = any; another one raises PS001 and names the item. Changes serialise. Repeating '
    'it with the same op returns the revision that was written then.';

-- Accounts -----------------------------------------------------------------------------------------------

create table app_user (
    user_id       bigint generated always as identity,
    name          text        not null,
    title         text        not null default '',
    role          text        not null,
    password_hash text,
    disabled      boolean     not null default false,
    created_at    timestamptz not null default now(),
    constraint app_user_pk primary key (user_id),
    constraint app_user_name_unique unique (name),
    constraint app_user_name_check check (octet_length(name) between 1 and 63),
    constraint app_user_title_check check (octet_length(title) <= 63),
    constraint app_user_role_check check (role in ('viewer', 'operator', 'engineer', 'admin')),
    constraint app_user_password_hash_check check (octet_length(password_hash) between 1 and 127)
);
comment on table app_user is 'People who may log in. Never deleted, only disabled: journals name them.';
comment on column app_user.password_hash is 'Argon2id in its text form; null until the first one is set.';

create table login_code (
    code_hash  bytea       not null,
    user_id    bigint      not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    used_op    uuid,
    constraint login_code_pk primary key (code_hash),
    constraint login_code_user_fk foreign key (user_id) references app_user (user_id),
    constraint login_code_code_hash_check check (octet_length(code_hash) = 32)
);
comment on table login_code is 'One-time codes for a first login or a forgotten password. Only the SHA-256 is kept.';
comment on column login_code.used_op is 'The attempt that used it up, so that the same attempt may be repeated.';

create table app_session (
    token_hash bytea       not null,
    user_id    bigint      not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    closed_at  timestamptz,
    peer       text        not null default '',
    constraint app_session_pk primary key (token_hash),
    constraint app_session_user_fk foreign key (user_id) references app_user (user_id),
    constraint app_session_token_hash_check check (octet_length(token_hash) = 32)
);
comment on table app_session is 'Logins of browsers. Only the SHA-256 of the cookie is kept.';
create index app_session_user_idx on app_session (user_id) where closed_at is null;

-- Audit --------------------------------------------------------------------------------------------------

create table audit (
    audit_id bigint generated always as identity,
    at       timestamptz not null default clock_timestamp(),
    actor    text        not null default '',
    peer     text        not null default '',
    action   text        not null,
    object   text        not null default '',
    detail   text        not null default '',
    op       uuid        not null default gen_random_uuid(),
    constraint audit_pk primary key (audit_id),
    constraint audit_op_unique unique (op)
);
comment on table audit is 'Who did what, from where. Append-only.';
comment on column audit.op is 'Made by who writes it, so that a row whose COMMIT was not answered is not written twice.';
create index audit_at_idx on audit (at);
create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function refuse_change();
