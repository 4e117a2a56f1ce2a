-- What gateways send, and the history made of it. 64-bit unsigned numbers of the protocol (epoch, seq, dict) are
-- kept in bigint as the same bit pattern: an epoch of 2^63 or more shows as a negative number. A seq beyond
-- 2^63 - 2 is refused by the server before it comes here. gateway_key and tag_key are config_key.key; there are
-- no foreign keys, so that a record can always be stored, whatever became of the configuration.

create sequence gateway_session as bigint;
comment on sequence gateway_session is 'Numbers of link sessions: a later session has a higher one.';

create table ingest_batch (
    gateway_key bigint   not null,
    epoch       bigint   not null,
    seq         bigint   not null,
    dict        bigint   not null,
    type        smallint not null,
    flags       integer  not null,
    crc         bigint   not null,
    received_us bigint   not null,
    body        bytea    not null,
    constraint ingest_batch_pk primary key (gateway_key, epoch, seq)
);
comment on table ingest_batch is 'Records of gateways exactly as received. A row here means: acknowledged, applied once.';
comment on column ingest_batch.type is 'Message type (protocol/README.md).';
comment on column ingest_batch.crc is
    'CRC-32C of the type and of what follows seq in the body: tells a resent record from a forked journal.';
comment on column ingest_batch.received_us is 'Server time, microseconds since 1970, UTC.';
create index ingest_batch_received_idx on ingest_batch using brin (received_us);

create table gateway_epoch (
    gateway_key bigint         not null,
    epoch       bigint         not null,
    ranges      int8multirange not null,
    constraint gateway_epoch_pk primary key (gateway_key, epoch)
);
comment on table gateway_epoch is
    'Which records of each start (epoch) of a gateway are committed; updated in the transaction that stores them.';

create table gateway_dict (
    gateway_key bigint not null,
    epoch       bigint not null,
    dict        bigint not null,
    seq         bigint not null,
    body        bytea  not null,
    constraint gateway_dict_pk primary key (gateway_key, epoch, dict, seq)
);
comment on table gateway_dict is 'Dictionaries: the bodies of DICT records, parts of one dictionary in order of seq.';

create table quarantine (
    gateway_key bigint  not null,
    epoch       bigint  not null,
    seq         bigint  not null,
    crc         bigint  not null,
    received_us bigint  not null,
    code        integer not null,
    reason      text    not null,
    body        bytea   not null,
    constraint quarantine_pk primary key (gateway_key, epoch, seq, crc)
);
comment on table quarantine is
    'Records that could not be used, as received: they are acknowledged, reported, and wait here for a person.';
comment on column quarantine.code is 'Why, as a code of the link (protocol/README.md): 7 bad record, 11 seq conflict, …';

create table sample (
    tag_key bigint           not null,
    t_us    bigint           not null,
    value   double precision,
    quality smallint         not null,
    constraint sample_pk primary key (tag_key, t_us),
    constraint sample_t_us_check check (t_us >= 946684800000000),
    constraint sample_quality_check check (quality between 0 and 255)
);
comment on table sample is 'History: one row for each tag and source time.';
comment on column sample.t_us is 'Source time, microseconds since 1970, UTC; from 2000 on.';
comment on column sample.value is 'In the tag''s unit; null if there is none.';
comment on column sample.quality is 'One byte, 0 = good; 128 and more = bad (server/core/quality.h).';
