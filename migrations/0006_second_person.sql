-- A change that touches highly managed alarms is made by two people: the revision keeps both.

alter table config_revision add column second_actor text not null default '';
comment on column config_revision.second_actor is
    'The second person, who agreed to it with his own password; empty where one was enough and none was named.';
alter table config_revision add constraint config_revision_second_check check (second_actor = '' or second_actor <> actor);

-- One more parameter, for which the function is made anew. Without it nobody was named: as before.
drop function config_apply(uuid, text, text, text[], text[], text[], bigint[]);
create function config_apply(p_op uuid, p_actor text, p_reason text, p_kinds text[], p_names text[],
                             p_bodies text[], p_expected bigint[], p_second text default '') returns bigint
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
    insert into config_revision (actor, reason, op, second_actor)
    values (p_actor, p_reason, p_op, p_second)
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
comment on function config_apply(uuid, text, text, text[], text[], text[], bigint[], text) is
    'Writes one revision: items put (body) or removed (null). expected: the item''s revision that the writer saw, '
    '0 = must not be there, -1 = any; another one raises PS001 and names the item. second: who agreed, where two people '
    'are needed. Changes serialise. Repeating it with the same op returns the revision that was written then.';

-- As before: with its owner's rights, for those that penstock_grant() names.
do $$
begin
    execute format('alter function config_apply(uuid, text, text, text[], text[], text[], bigint[], text)'
                   ' security definer set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function config_apply(uuid, text, text, text[], text[], text[], bigint[], text) from public;
select penstock_grant();
