-- Written for schema 0001: configuration, accounts, sessions, audit.
select config_apply('00000000-0000-4000-8000-000000000001', 'ann', 'first configuration',
                    array['site', 'gateway', 'tag', 'tag', 'alarm', 'alarm'],
                    array['S1', 'gw-s1', 'S1/L_T1', 'S1/gone', 'S1/L_T1.high', 'S1/gw-s1.comm'],
                    array['{"name":"S1","title":"Station 1"}', '{"name":"gw-s1","site":"S1"}',
                          '{"name":"S1/L_T1","gateway":"gw-s1","low":0,"high":10,"unit":"m"}',
                          '{"name":"S1/gone","gateway":"gw-s1","low":0,"high":1}',
                          '{"name":"S1/L_T1.high","tag":"S1/L_T1","kind":"high","limit":6,"priority":2}',
                          '{"name":"S1/gw-s1.comm","gateway":"gw-s1","kind":"comm","priority":2}'],
                    array[-1, -1, -1, -1, -1, -1]::bigint[]);
select config_apply('00000000-0000-4000-8000-000000000002', 'ann', 'one tag less', array['tag'], array['S1/gone'], array[null]::text[],
                    array[1]::bigint[]);
insert into app_user (name, title, role, password_hash, disabled) values ('ann', 'Ann', 'engineer', '$argon2id$x', false),
                                                                         ('bob', '', 'operator', null, true);
insert into login_code (code_hash, user_id, expires_at) values (sha256('code'), 1, now() + interval '1 hour');
insert into app_session (token_hash, user_id, expires_at, peer) values (sha256('token'), 1, now() + interval '1 hour', '192.0.2.1');
insert into audit (actor, action, object, detail) values ('ann', 'user.add', 'bob', 'operator');
