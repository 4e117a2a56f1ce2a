-- Written for schema 0007: the ledger, and what people made of a record in quarantine.
insert into gateway_said (gateway_key, epoch, place, oldest, next, session, said_us)
select key, -7, 1, 3, 7, 2, 1764000005000000 from config_key where kind = 'gateway';
update gateway_day set next = 7 where epoch = -7;
insert into gateway_dropped (gateway_key, epoch, first_seq, end_seq, samples, from_us, to_us, told_epoch, told_seq, received_us)
select key, -7, 5, 6, 20, 1764000000000000, 1764000001000000, -7, 4, 1764000004000000 from config_key where kind = 'gateway';
insert into gateway_repeat (session, day, gateway_key, n) select 2, date '2025-11-24', key, 3 from config_key where kind = 'gateway';
insert into quarantine_replay (quarantine_id, actor, outcome, detail) select quarantine_id, 'ann', 'refused', 'still no such alias' from quarantine;
