-- Written for schema 0008: a token, the certificate that it brought, its revocation.
insert into gateway_authority (fingerprint) values (sha256('authority'));
select gateway_token_make('00000000-0000-4000-8000-000000000005', 'ann', '', 'gw-s1', sha256('secret'), now() + interval '1 hour');
select gateway_issue('00000000-0000-4000-8000-000000000006', '192.0.2.7', 'gw-s1', 'enrol', sha256('secret'), null, '\x01', sha256('one'), '\x02', now(),
                     now() + interval '90 days');
select gateway_revoke('00000000-0000-4000-8000-000000000007', 'ann', '', 'gw-s1', 'stolen', null);
