-- Written for schema 0012: what people have done is sealed, and exported up to a place.
select chain_seal(1000, 100);
insert into chain_sink (name, pos, checkpoint_pos, at_us) values ('file', 1, 0, 1764000000000000);
