-- Written for schema 0011: how full the disk was.
insert into store_figure (at_us, database_bytes, disk_bytes, disk_free) values (1764000000000000, 1000000, 20000000, 10000000);
