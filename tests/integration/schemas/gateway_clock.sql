-- Written for schema 0009: a span without a synchronised clock, and a session's measures.
insert into gateway_clock_span (gateway_key, epoch, first_seq, kind, last_seq, from_us, to_us)
select key, -7, 1, 'unsynced', 2, 1764000000000000, 1764000002000000 from config_key where kind = 'gateway';
insert into gateway_clock_session (gateway_key, session, source, said_error_us, offset_us, error_us, worst_us, off, from_us, to_us)
select key, 2, 'ntp', 1000, -5000, 2000, -9000, false, 1764000000000000, 1764000002000000 from config_key where kind = 'gateway';
