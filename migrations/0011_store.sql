-- How full the database's disk was, so that it can be said when it will be full.

create table store_figure (
    at_us          bigint not null,
    database_bytes bigint not null,
    disk_bytes     bigint,
    disk_free      bigint,
    constraint store_figure_pk primary key (at_us),
    constraint store_figure_free_check check (disk_free between 0 and disk_bytes)
);
comment on table store_figure is 'Four times an hour, kept for forty days: how big the database was, and its disk.';
comment on column store_figure.disk_bytes is 'Null: the server does not see the disk, for the database is on another machine.';
comment on column store_figure.disk_free is 'What is left for those who are not root.';

-- Only some roles may see the setting; this one tells no more than the name of a folder.
create function store_directory() returns text
    language plpgsql stable security definer as
$$
begin
    return current_setting('data_directory', true);
exception
    when insufficient_privilege then
        return null;
end
$$;
comment on function store_directory() is 'Where the cluster''s files are, on its own machine; null if the owner of the database may not know.';
do $$
begin
    execute format('alter function store_directory() set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function store_directory() from public;

-- Chunks are many: of more than a hundred thousand, a few pages are read and counted for all.
create function store_history(out from_us bigint, out chunks bigint, out samples bigint, out bytes bigint)
    language plpgsql stable as
$$
declare
    v_share real;
begin
    select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint, coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
      into chunks, bytes
      from pg_partition_tree('sample_chunk') t
      join pg_class c on c.oid = t.relid
     where t.isleaf and c.relkind = 'r';
    v_share := least(100, 100 * 100000.0 / greatest(chunks, 1));
    select min(x.from_us), case when v_share < 100 then chunks else count(*) end,
           case when v_share < 100 then (avg(x.n) * chunks)::bigint else coalesce(sum(x.n), 0)::bigint end
      into from_us, chunks, samples
      from sample_chunk x tablesample system (v_share);
end
$$;
comment on function store_history() is 'What is packed. Of more than 100 000 chunks the numbers and the first time are estimates.';

-- Rights: as before; the server writes its figures, and drops what is old.

alter function penstock_grant() rename to penstock_grant_before_store;
create function penstock_grant() returns void
    language plpgsql as
$$
begin
    perform penstock_grant_before_store();
    if exists (select from pg_roles where rolname = 'penstock_app') then
        grant delete on store_figure to penstock_app;
        grant execute on function store_directory() to penstock_app;
    end if;
end
$$;
select penstock_grant();
