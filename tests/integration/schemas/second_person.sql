-- Written for schema 0006: a change by two people.
select config_apply('00000000-0000-4000-8000-000000000004', 'ann', 'by two', array['site'], array['S2'], array['{"name":"S2"}'], array[-1]::bigint[], 'bob');
