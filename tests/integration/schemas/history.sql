-- Written for schema 0010: a retention class, and a sample that came by itself.
insert into retention_class (class, name, keep_days) values (2, 'long', 3650);
insert into tag_class (tag_key, class) select key, 2 from config_key where name = 'S1/L_T1' and kind = 'tag';
insert into sample_row (tag_key, t_us, value, quality) select key, 1764000003000000, 4.5, 0 from config_key where name = 'S1/L_T1' and kind = 'tag';
