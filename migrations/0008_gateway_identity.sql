-- Who gateways are: one-time tokens, certificates that were issued, what was revoked, windows for an expired one.
-- All of it is append-only: a token is used by a row, a certificate is revoked by a row.

create table gateway_authority (
    authority_id bigint generated always as identity,
    fingerprint  bytea       not null,
    at           timestamptz not null default now(),
    constraint gateway_authority_pk primary key (authority_id),
    constraint gateway_authority_fingerprint_check check (octet_length(fingerprint) = 32)
);
comment on table gateway_authority is
    'The authority whose key a server has, and signs gateways with: the newest row counts. The command line puts it into tokens.';
comment on column gateway_authority.fingerprint is 'SHA-256 of its certificate (DER).';

create table gateway_token (
    token_id    bigint generated always as identity,
    token_hash  bytea       not null,
    gateway_key bigint      not null,
    created_at  timestamptz not null default now(),
    created_by  text        not null,
    expires_at  timestamptz not null,
    constraint gateway_token_pk primary key (token_id),
    constraint gateway_token_hash_unique unique (token_hash),
    constraint gateway_token_gateway_fk foreign key (gateway_key) references config_key (key),
    constraint gateway_token_hash_check check (octet_length(token_hash) = 32)
);
comment on table gateway_token is
    'One-time tokens with which a gateway enrols. Of a gateway only the newest counts. Only the SHA-256 of the 128 random bits is kept.';
create index gateway_token_gateway_idx on gateway_token (gateway_key, token_id);

create table gateway_certificate (
    certificate_id bigint generated always as identity,
    gateway_key    bigint      not null,
    serial         bytea       not null,
    fingerprint    bytea       not null,
    public_key     bytea       not null,
    not_before     timestamptz not null,
    not_after      timestamptz not null,
    issued_at      timestamptz not null default now(),
    issued_why     text        not null,
    issued_by      text        not null,
    peer           text        not null default '',
    op             uuid        not null,
    constraint gateway_certificate_pk primary key (certificate_id),
    constraint gateway_certificate_serial_unique unique (serial),
    constraint gateway_certificate_fingerprint_unique unique (fingerprint),
    constraint gateway_certificate_op_unique unique (op),
    constraint gateway_certificate_gateway_fk foreign key (gateway_key) references config_key (key),
    constraint gateway_certificate_fingerprint_check check (octet_length(fingerprint) = 32),
    constraint gateway_certificate_why_check check (issued_why in ('enrol', 'renew', 'window'))
);
comment on table gateway_certificate is
    'Certificates that this server issued. Those of an authority of your own are not in it, and are good unless revoked.';
comment on column gateway_certificate.fingerprint is 'SHA-256 of the certificate (DER).';
comment on column gateway_certificate.public_key is 'Of the gateway (SubjectPublicKeyInfo, DER). Its private key never leaves it.';
comment on column gateway_certificate.issued_why is
    'enrol: for a token; renew: over the link, before the former one ends; window: after it had ended, in a window that somebody opened.';
comment on column gateway_certificate.issued_by is 'Who made the token or opened the window; for renew the gateway itself.';
create index gateway_certificate_gateway_idx on gateway_certificate (gateway_key, certificate_id);
create index gateway_certificate_public_key_idx on gateway_certificate (public_key);

create table gateway_token_use (
    token_id       bigint      not null,
    certificate_id bigint      not null,
    at             timestamptz not null default now(),
    constraint gateway_token_use_pk primary key (token_id),
    constraint gateway_token_use_token_fk foreign key (token_id) references gateway_token (token_id),
    constraint gateway_token_use_certificate_fk foreign key (certificate_id) references gateway_certificate (certificate_id)
);
comment on table gateway_token_use is 'A token that was used. There can be one row: that makes it a one-time token.';

create table gateway_window (
    window_id   bigint generated always as identity,
    gateway_key bigint      not null,
    opened_at   timestamptz not null default now(),
    opened_by   text        not null,
    reason      text        not null,
    closes_at   timestamptz not null,
    constraint gateway_window_pk primary key (window_id),
    constraint gateway_window_gateway_fk foreign key (gateway_key) references config_key (key)
);
comment on table gateway_window is
    'For a while a gateway whose certificate has expired may renew it, once: the first certificate that is issued in it closes it.';
create index gateway_window_gateway_idx on gateway_window (gateway_key, window_id);

create table gateway_revocation (
    revocation_id bigint generated always as identity,
    gateway_key   bigint      not null,
    fingerprint   bytea       not null,
    revoked_at    timestamptz not null default now(),
    revoked_by    text        not null,
    reason        text        not null,
    constraint gateway_revocation_pk primary key (revocation_id),
    constraint gateway_revocation_fingerprint_unique unique (fingerprint),
    constraint gateway_revocation_gateway_fk foreign key (gateway_key) references config_key (key),
    constraint gateway_revocation_fingerprint_check check (octet_length(fingerprint) = 32)
);
comment on table gateway_revocation is
    'Certificates, by SHA-256 of their DER, that are refused for ever, whoever issued them. A running server ends their sessions.';
create index gateway_revocation_gateway_idx on gateway_revocation (gateway_key);

do $$
declare
    v_table text;
begin
    foreach v_table in array array['gateway_authority', 'gateway_token', 'gateway_certificate', 'gateway_token_use',
                                   'gateway_window', 'gateway_revocation'] loop
        execute format('create trigger %I before update or delete or truncate on %I for each statement '
                       'execute function refuse_change()', v_table || '_append_only', v_table);
    end loop;
end
$$;

create function gateway_revocation_notify() returns trigger
    language plpgsql as
$$
begin
    perform pg_notify('penstock_revoked', '');
    return null;
end
$$;
comment on function gateway_revocation_notify() is 'Tells a running server, which then reads the list anew, when it commits.';
create trigger gateway_revocation_notify after insert on gateway_revocation
    for each statement execute function gateway_revocation_notify();

-- What is done with them. Each writes its audit row; repeated with the same op it does nothing and says the same. The text
-- that comes back is empty when it was done, else it says why not.

create function gateway_identity_key(p_gateway text) returns bigint
    language sql stable as
$$
    select key from config_now
     where kind = 'gateway' and name = p_gateway and coalesce((body ->> 'enabled')::boolean, true)
$$;
comment on function gateway_identity_key(text) is 'Key of a gateway that is configured and enabled; null if there is none.';

create function gateway_token_make(p_op uuid, p_actor text, p_peer text, p_gateway text, p_token_hash bytea,
                                   p_until timestamptz) returns text
    language plpgsql as
$$
declare
    v_key bigint := gateway_identity_key(p_gateway);
begin
    if exists (select from audit where op = p_op) then
        return '';
    end if;
    if v_key is null then
        return format('there is no enabled gateway %s in the configuration', p_gateway);
    end if;
    insert into gateway_token (token_hash, gateway_key, created_by, expires_at)
    values (p_token_hash, v_key, p_actor, p_until);
    insert into audit (op, actor, peer, action, object, detail)
    values (p_op, p_actor, p_peer, 'gateway.token', p_gateway,
            'good until ' || to_char(p_until at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
    return '';
end
$$;
comment on function gateway_token_make(uuid, text, text, text, bytea, timestamptz) is
    'Keeps a one-time token for a gateway; earlier ones of it count no more.';

create function gateway_window_open(p_op uuid, p_actor text, p_peer text, p_gateway text, p_reason text,
                                    p_until timestamptz) returns text
    language plpgsql as
$$
declare
    v_key bigint := gateway_identity_key(p_gateway);
begin
    if exists (select from audit where op = p_op) then
        return '';
    end if;
    if v_key is null then
        return format('there is no enabled gateway %s in the configuration', p_gateway);
    end if;
    insert into gateway_window (gateway_key, opened_by, reason, closes_at) values (v_key, p_actor, p_reason, p_until);
    insert into audit (op, actor, peer, action, object, detail)
    values (p_op, p_actor, p_peer, 'gateway.window', p_gateway,
            format('until %s: %s', to_char(p_until at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), p_reason));
    return '';
end
$$;
comment on function gateway_window_open(uuid, text, text, text, text, timestamptz) is
    'Lets a gateway whose certificate has expired renew it, once, until then.';

create function gateway_revoke(p_op uuid, p_actor text, p_peer text, p_gateway text, p_reason text,
                               p_shown bytea) returns text
    language plpgsql as
$$
declare
    v_key    bigint;
    v_done   bigint;
    v_tokens bigint;
begin
    if exists (select from audit where op = p_op) then
        return '';
    end if;
    select key into v_key from config_key where kind = 'gateway' and name = p_gateway;
    if v_key is null then
        return format('there is no gateway %s', p_gateway);
    end if;
    -- What was issued for it and could still be used, and what it shows now, whoever issued that.
    insert into gateway_revocation (gateway_key, fingerprint, revoked_by, reason)
    select v_key, f.fingerprint, p_actor, p_reason
      from (select c.fingerprint from gateway_certificate c
             where c.gateway_key = v_key and c.not_after > now() - interval '31 days'
            union select p_shown where octet_length(p_shown) = 32) f
    on conflict (fingerprint) do nothing;
    get diagnostics v_done = row_count;
    -- Nor may a token or a window that is open bring it back.
    insert into gateway_token (token_hash, gateway_key, created_by, expires_at)
    select sha256(p_op::text::bytea), v_key, p_actor, now()
     where exists (select from gateway_token t where t.gateway_key = v_key and t.expires_at > now());
    get diagnostics v_tokens = row_count;
    insert into gateway_window (gateway_key, opened_by, reason, closes_at)
    select v_key, p_actor, 'closed: ' || p_reason, now()
     where exists (select from gateway_window w where w.gateway_key = v_key and w.closes_at > now());
    if v_done = 0 and v_tokens = 0 then
        return format('there is no certificate of %s to revoke: none was issued here, and none is in use', p_gateway);
    end if;
    insert into audit (op, actor, peer, action, object, detail)
    values (p_op, p_actor, p_peer, 'gateway.revoke', p_gateway,
            format('%s certificate%s: %s', v_done, case v_done when 1 then '' else 's' end, p_reason));
    return '';
end
$$;
comment on function gateway_revoke(uuid, text, text, text, text, bytea) is
    'Revokes all certificates of a gateway that this server issued, and the one that it shows now (may be null).';

create function gateway_issue(p_op uuid, p_peer text, p_gateway text, p_why text, p_token_hash bytea, p_shown bytea,
                              p_serial bytea, p_fingerprint bytea, p_public_key bytea, p_not_before timestamptz,
                              p_not_after timestamptz) returns text
    language plpgsql as
$$
declare
    v_key         bigint := gateway_identity_key(p_gateway);
    v_token       gateway_token;
    v_window      gateway_window;
    v_by          text := p_gateway;
    v_certificate bigint;
begin
    if exists (select from gateway_certificate where op = p_op) then
        return '';
    end if;
    -- One after the other for a gateway: a token or a window is used once.
    perform pg_advisory_xact_lock(hashtextextended('penstock identity of ' || p_gateway, 0));
    if v_key is null then
        return format('there is no enabled gateway %s in the configuration', p_gateway);
    end if;
    if exists (select from gateway_revocation r where r.fingerprint = p_shown) then
        return 'the certificate that was shown is revoked';
    end if;
    if exists (select from gateway_certificate c where c.public_key = p_public_key and c.gateway_key <> v_key) then
        return 'another gateway has this key: each makes its own';
    end if;
    if p_why = 'enrol' then
        select * into v_token from gateway_token t where t.gateway_key = v_key order by t.token_id desc limit 1;
        if v_token.token_id is null or v_token.token_hash <> p_token_hash then
            return 'this token is not known for this gateway, or a newer one was made';
        elsif v_token.expires_at <= now() then
            return 'this token has expired: ask for a new one';
        elsif exists (select from gateway_token_use u where u.token_id = v_token.token_id) then
            return 'this token was used before: ask for a new one, and find out who used it';
        end if;
        v_by := v_token.created_by;
    elsif p_why = 'window' then
        select * into v_window from gateway_window w where w.gateway_key = v_key order by w.window_id desc limit 1;
        if v_window.window_id is null or v_window.closes_at <= now()
           or exists (select from gateway_certificate c
                       where c.gateway_key = v_key and c.issued_why = 'window' and c.issued_at >= v_window.opened_at) then
            return 'the certificate has expired, and no window for its renewal is open: ask the control room';
        end if;
        v_by := v_window.opened_by;
    elsif (select count(*) from gateway_certificate c
            where c.gateway_key = v_key and c.issued_why = 'renew' and c.issued_at > now() - interval '1 day') >= 5 then
        return 'five certificates in a day are enough';
    end if;
    insert into gateway_certificate (gateway_key, serial, fingerprint, public_key, not_before, not_after, issued_why, issued_by,
                                     peer, op)
    values (v_key, p_serial, p_fingerprint, p_public_key, p_not_before, p_not_after, p_why, v_by, p_peer, p_op)
    returning certificate_id into v_certificate;
    if p_why = 'enrol' then
        insert into gateway_token_use (token_id, certificate_id) values (v_token.token_id, v_certificate);
        insert into gateway_revocation (gateway_key, fingerprint, revoked_by, reason)
        select v_key, c.fingerprint, v_by, 'replaced: the gateway was enrolled again'
          from gateway_certificate c
         where c.gateway_key = v_key and c.certificate_id <> v_certificate and c.not_after > now() - interval '31 days'
        on conflict (fingerprint) do nothing;
    end if;
    insert into audit (op, actor, peer, action, object, detail)
    values (p_op, v_by, p_peer, 'gateway.certificate', p_gateway,
            format('%s: serial %s, until %s', p_why, encode(p_serial, 'hex'),
                   to_char(p_not_after at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
    return '';
end
$$;
comment on function gateway_issue(uuid, text, text, text, bytea, bytea, bytea, bytea, bytea, timestamptz, timestamptz) is
    'Keeps a certificate that is about to be handed to a gateway, if it may have one: by token (enrol), with the certificate of '
    'its session (renew), or with one that has expired (window).';
