-- Written for schema 0004: the journal with all facts, a class, an accumulator.
select config_apply('00000000-0000-4000-8000-000000000003', 'ann', 'a class', array['class'], array['pumps'], array['{"name":"pumps"}'], array[-1]::bigint[]);
insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, to_letter, occ, call, priority, src_us, at_us,
                           raised_us, value, limit_value, quality, actor_key, actor, comment, base_letter, facts, flags, cause, raised_at_us,
                           called_us, acked_occ)
select j.seq + 1, coalesce((select max(x.n) from alarm_journal x where x.alarm_key = a.key), 0) + 1, a.key, s.key, t.key, 1, 'raise', 'A', 'B', 2, 2,
       2, 1764000010000000, 1764000010000000, 1764000010000000, 7.5, 6, 0, 0, '', '', 'B', 3, 128, 'sample', 1764000010000000, 1764000010000000, 1
  from (select coalesce(max(seq), 0) as seq from alarm_journal) j
  join config_key a on a.name = 'S1/L_T1.high' join config_key s on s.kind = 'site' join config_key t on t.name = 'S1/L_T1';
insert into alarm_accumulator (alarm_key, amount, at_us) select key, 12.5, 1764000010000000 from config_key where name = 'S1/L_T1.high';
