-- Written for schema 0002: records as received, what could not be used, samples one by one.
select nextval('gateway_session'), nextval('gateway_session');
insert into ingest_batch (gateway_key, epoch, seq, dict, type, flags, crc, received_us, body)
select k.key, -7, n, 1, case n when 0 then 16 else 17 end, 1, 100 + n, 1764000000000000 + n * 1000000, decode('0102', 'hex')
  from config_key k cross join generate_series(0, 4) n
 where k.kind = 'gateway' and n <> 3;
insert into gateway_epoch (gateway_key, epoch, ranges) select key, -7, '{[0,3),[4,5)}' from config_key where kind = 'gateway';
insert into gateway_dict (gateway_key, epoch, dict, seq, body) select key, -7, 1, 0, decode('010203', 'hex') from config_key where kind = 'gateway';
insert into quarantine (gateway_key, epoch, seq, crc, received_us, code, reason, body)
select key, -7, 4, 104, 1764000004000000, 8, 'no such alias', decode('0102', 'hex') from config_key where kind = 'gateway';
insert into sample (tag_key, t_us, value, quality)
select k.key, s.t_us, s.value, s.quality
  from config_key k
 cross join (values (946684800000000, -0.0::double precision, 0), (1764000000000000, 3.25, 0), (1764000001000000, null, 128),
                    (1764000002000000, 5e-324, 70)) s(t_us, value, quality)
 where k.kind = 'tag' and k.name = 'S1/L_T1';
