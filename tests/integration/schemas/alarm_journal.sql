-- Written for schema 0003: an alarm came, was acknowledged, and went.
insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, to_letter, occ, call, priority, src_us, at_us,
                           raised_us, value, limit_value, quality, actor_key, actor, comment)
select j.n, j.n, a.key, s.key, t.key, 1, j.kind, j.from_letter, j.to_letter, 1, 1, 2, 1764000000000000 + j.n, 1764000000000000 + j.n,
       1764000000000001, 6.5, 6, 0, case j.kind when 'ack' then 1 else 0 end, case j.kind when 'ack' then 'ann' else '' end, ''
  from (values (1, 'raise', 'A', 'B'), (2, 'ack', 'B', 'C'), (3, 'rtn', 'C', 'A')) j(n, kind, from_letter, to_letter)
  join config_key a on a.name = 'S1/L_T1.high' join config_key s on s.kind = 'site' join config_key t on t.name = 'S1/L_T1';
