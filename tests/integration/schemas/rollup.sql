-- Written for schema 0013: a day that was rolled up by the hour, what came too late, an alarm whose surroundings are kept.
insert into sample_hour (tag_key, hour_us, n, good, average, minimum, maximum, first, last, integral)
select key, 1763998200000000 + 1800000000, 3, 2, 3.25, 3.25, 3.25, 3.25, 3.25, 6.5 from config_key where name = 'S1/L_T1' and kind = 'tag';
insert into sample_expired (gateway_key, tag_key, day, n, from_us, to_us)
select g.key, t.key, 20416, 4, 946684800000000, 946684900000000 from config_key g join config_key t on t.name = 'S1/L_T1' and t.kind = 'tag' where g.kind = 'gateway';
insert into snapshot_alarm (alarm_key, tag_key) select a.key, t.key from config_key a join config_key t on t.name = 'S1/L_T1' and t.kind = 'tag' where a.name = 'S1/L_T1.high';
