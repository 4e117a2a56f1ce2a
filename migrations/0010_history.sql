-- History in chunks: the samples of one tag over some time in one row (server/history/chunk.h says how they are packed), and a
-- way to read them that needs nothing but SQL.

-- Reading chunks -----------------------------------------------------------------------------------------
-- Numbers of 64 bits are bigint as the same bit pattern.

create function chunk_u64(p_bytes bytea, p_at integer) returns bigint
    language sql immutable strict parallel safe as
$$
    select get_byte(p_bytes, p_at)::bigint | (get_byte(p_bytes, p_at + 1)::bigint << 8)
         | (get_byte(p_bytes, p_at + 2)::bigint << 16) | (get_byte(p_bytes, p_at + 3)::bigint << 24)
         | (get_byte(p_bytes, p_at + 4)::bigint << 32) | (get_byte(p_bytes, p_at + 5)::bigint << 40)
         | (get_byte(p_bytes, p_at + 6)::bigint << 48) | (get_byte(p_bytes, p_at + 7)::bigint << 56)
$$;
comment on function chunk_u64(bytea, integer) is 'Eight bytes from a place on, the lowest first.';

-- Exact: a mantissa of 53 bits, and powers of two that a double has.
create function chunk_number(p_bits bigint) returns double precision
    language sql immutable strict parallel safe as
$$
    select case when e = 2047 and m <> 0 then 'NaN'::double precision
                when e = 2047 then case when p_bits < 0 then '-Infinity' else 'Infinity' end::double precision
                when e = 0 and m = 0 then case when p_bits < 0 then '-0' else '0' end::double precision
                when e = 0 then case when p_bits < 0 then -1 else 1 end * m * power(2::double precision, -1074)
                else case when p_bits < 0 then -1 else 1 end * (m + 4503599627370496)::double precision
                     * power(2::double precision, e - 1075) end
      from (select (p_bits >> 52 & 2047)::integer as e, p_bits & 4503599627370495 as m) x
$$;
comment on function chunk_number(bigint) is 'The double with these bits; of a NaN the payload is lost.';

create function chunk_bits(p_number double precision) returns bigint
    language sql immutable strict parallel safe as
$$ select ('x' || encode(float8send(p_number), 'hex'))::bit(64)::bigint $$;
comment on function chunk_bits(double precision) is 'The bits of a double.';

create function chunk_varint(p_bytes bytea, p_at integer, out v bigint, out at integer)
    language plpgsql immutable strict parallel safe as
$$
declare
    byte  integer;
    shift integer := 0;
begin
    v := 0;
    at := p_at;
    loop
        byte := get_byte(p_bytes, at);
        v := v | ((byte & 127)::bigint << shift);
        at := at + 1;
        exit when byte < 128;
        shift := shift + 7;
    end loop;
end
$$;
comment on function chunk_varint(bytea, integer) is 'A varint (LEB128), and the place behind it.';

create function chunk_unzigzag(p_v bigint) returns bigint
    language sql immutable strict parallel safe as
$$ select (p_v >> 1 & 9223372036854775807) # -(p_v & 1) $$;
comment on function chunk_unzigzag(bigint) is 'The signed number of a zigzag one.';

-- Whole numbers, see server/history/bits.h. Bits fill a byte from its lowest one; acc holds those that were taken from
-- the bytes and not used yet, at most 55 of them.
create function chunk_column(p_bytes bytea, p_at integer, p_n integer, out v bigint[], out at integer)
    language plpgsql immutable strict parallel safe as
$$
declare
    how    integer := get_byte(p_bytes, p_at);
    k      integer := how & 63;
    ord    integer := how >> 6;
    base   bigint;
    unit   bigint;
    a      bigint := 0;
    b      bigint := -1;
    left_  bigint;
    ones   integer;
    acc    bigint := 0;
    held   integer := 0;
    low    bigint;
    next   bigint;
begin
    if ord > 2 or (k > 40 and k <> 63) then
        raise exception 'a column of kind % is not known', how using errcode = 'data_corrupted';
    end if;
    select x.v, x.at into base, at from chunk_varint(p_bytes, p_at + 1) x;
    base := chunk_unzigzag(base);
    select x.v, x.at into unit, at from chunk_varint(p_bytes, at) x;
    if k = 63 then
        -- All the same, or all as far from the one before.
        v := case when ord = 2 then array(select base + i * unit from generate_series(0::bigint, p_n - 1) i order by i)
                  else array_fill(base, array[p_n]) end;
        return;
    end if;
    v := array_fill(base, array[p_n]);
    for i in 2 .. p_n loop
        while held < 48 and at < length(p_bytes) loop
            acc := acc | (get_byte(p_bytes, at)::bigint << held);
            held := held + 8;
            at := at + 1;
        end loop;
        ones := 0;
        while ones < 20 and acc & 1 = 1 loop
            acc := acc >> 1;
            ones := ones + 1;
        end loop;
        held := held - ones;
        if ones < 20 then
            acc := acc >> 1;
            held := held - 1;
            while held < k loop
                acc := acc | (get_byte(p_bytes, at)::bigint << held);
                held := held + 8;
                at := at + 1;
            end loop;
            left_ := (ones::bigint << k) | (acc & ((1::bigint << k) - 1));
            acc := acc >> k;
            held := held - k;
        else
            -- The whole number follows, in two halves.
            left_ := 0;
            for half in 0 .. 1 loop
                while held < 32 loop
                    acc := acc | (get_byte(p_bytes, at)::bigint << held);
                    held := held + 8;
                    at := at + 1;
                end loop;
                low := acc & 4294967295;
                acc := acc >> 32;
                held := held - 32;
                left_ := left_ | (low << 32 * half);
            end loop;
        end if;
        next := (left_ >> 1 & 9223372036854775807) # -(left_ & 1);
        next := case ord when 0 then next when 1 then a + next else 2 * a - b + next end;
        v[i] := base + next * unit;
        b := a;
        a := next;
    end loop;
    at := at - held / 8;
end
$$;
comment on function chunk_column(bytea, integer, integer) is 'p_n whole numbers of a column, and the place behind them.';

create function chunk_runs(p_bytes bytea, p_at integer, p_n integer, out v smallint[], out at integer)
    language plpgsql immutable strict parallel safe as
$$
declare
    runs   bigint;
    byte   smallint;
    length bigint;
begin
    select x.v, x.at into runs, at from chunk_varint(p_bytes, p_at) x;
    v := '{}';
    if runs = 0 then
        for i in 0 .. p_n - 1 loop
            v[i + 1] := get_byte(p_bytes, at + i);
        end loop;
        at := at + p_n;
        return;
    end if;
    for i in 1 .. runs loop
        byte := get_byte(p_bytes, at);
        at := at + 1;
        length := p_n - cardinality(v);
        if i < runs then
            select x.v, x.at into length, at from chunk_varint(p_bytes, at) x;
        end if;
        v := v || array_fill(byte, array[length::integer]);
    end loop;
end
$$;
comment on function chunk_runs(bytea, integer, integer) is 'p_n bytes of runs, and the place behind them.';

create function chunk_scaled(p_bytes bytea, p_at integer, p_n integer, out v double precision[], out at integer)
    language plpgsql immutable strict parallel safe as
$$
declare
    form    integer := get_byte(p_bytes, p_at);
    scale   double precision;
    shift   double precision;
    count   bigint;
    gap     bigint;
    place   integer := 1;
    places  integer[] := '{}';
    numbers double precision[] := '{}';
    steps   bigint[];
    ulps    bigint[];
    number  double precision;
begin
    if form = 2 then
        scale := chunk_number(chunk_u64(p_bytes, p_at + 1));
        shift := chunk_number(chunk_u64(p_bytes, p_at + 9));
        at := p_at + 17;
    else
        scale := power(10::double precision, get_byte(p_bytes, p_at + 1));
        at := p_at + 2;
    end if;
    select x.v, x.at into count, at from chunk_varint(p_bytes, at) x;
    for i in 1 .. count loop
        select x.v, x.at into gap, at from chunk_varint(p_bytes, at) x;
        place := place + gap;
        places[i] := place;
        numbers[i] := chunk_number(chunk_u64(p_bytes, at));
        place := place + 1;
        at := at + 8;
    end loop;
    select x.v, x.at into steps, at from chunk_column(p_bytes, at, p_n) x;
    select x.v, x.at into ulps, at from chunk_column(p_bytes, at, p_n) x;
    v := array_fill(0::double precision, array[p_n]);
    for i in 1 .. p_n loop
        number := case form when 0 then steps[i] / scale
                            when 1 then (steps[i] / scale)::real::double precision
                            else steps[i] * scale + shift end;
        if ulps[i] <> 0 then
            number := chunk_number(chunk_bits(number) + ulps[i]);
        end if;
        v[i] := number;
    end loop;
    for i in 1 .. count loop
        v[places[i]] := numbers[i];
    end loop;
end
$$;
comment on function chunk_scaled(bytea, integer, integer) is 'p_n numbers that are steps of a scale, and the place behind them.';

create function chunk_xor(p_bytes bytea, p_at integer, p_n integer, out v double precision[], out at integer)
    language plpgsql immutable strict parallel safe as
$$
declare
    bits  bigint := chunk_u64(p_bytes, p_at);
    pos   bigint := (p_at + 8)::bigint * 8; -- in bits
    zeros integer;
    wide  integer := 0;
    word  bigint;
    change bigint;
begin
    v := array_fill(chunk_number(bits), array[p_n]);
    for i in 2 .. p_n loop
        if get_byte(p_bytes, (pos >> 3)::integer) >> (pos & 7)::integer & 1 = 0 then
            pos := pos + 1;
            v[i] := v[i - 1];
            continue;
        end if;
        pos := pos + 1;
        if get_byte(p_bytes, (pos >> 3)::integer) >> (pos & 7)::integer & 1 = 1 then
            pos := pos + 1;
            word := chunk_field(p_bytes, pos, 12);
            zeros := word & 63;
            wide := (word >> 6) + 1;
            pos := pos + 12;
        else
            pos := pos + 1;
        end if;
        change := chunk_field(p_bytes, pos, wide);
        pos := pos + wide;
        bits := bits # (change << 64 - zeros - wide);
        v[i] := chunk_number(bits);
    end loop;
    at := (pos + 7) >> 3;
end
$$;
comment on function chunk_xor(bytea, integer, integer) is 'p_n numbers by what changed of their bits, and the place behind them.';

create function chunk_field(p_bytes bytea, p_bit bigint, p_n integer) returns bigint
    language plpgsql immutable strict parallel safe as
$$
declare
    at   integer := (p_bit >> 3)::integer;
    skip integer := (p_bit & 7)::integer;
    got  integer := 8 - skip;
    v    bigint := get_byte(p_bytes, at) >> skip;
begin
    while got < p_n loop
        at := at + 1;
        v := v | (get_byte(p_bytes, at)::bigint << got);
        got := got + 8;
    end loop;
    return case when p_n = 64 then v else v & ~((-1)::bigint << p_n) end;
end
$$;
comment on function chunk_field(bytea, bigint, integer) is 'p_n bits (1 to 64) from a bit on.';

create function chunk_numbers(p_bytes bytea, p_at integer, p_n integer, out v double precision[], out at integer)
    language plpgsql immutable strict parallel safe as
$$
declare
    codec integer := get_byte(p_bytes, p_at);
begin
    case codec
        when 0 then
            v := array_fill(chunk_number(chunk_u64(p_bytes, p_at + 1)), array[p_n]);
            at := p_at + 9;
        when 1 then
            select x.v, x.at into v, at from chunk_scaled(p_bytes, p_at + 1, p_n) x;
        when 2 then
            select x.v, x.at into v, at from chunk_xor(p_bytes, p_at + 1, p_n) x;
        when 3 then
            select array_agg(chunk_number(chunk_u64(p_bytes, p_at + 1 + 8 * i)) order by i) into v
              from generate_series(0, p_n - 1) i;
            at := p_at + 1 + 8 * p_n;
        else
            raise exception 'numbers of kind % are not known', codec using errcode = 'data_corrupted';
    end case;
end
$$;
comment on function chunk_numbers(bytea, integer, integer) is 'p_n numbers of any kind, and the place behind them.';

create function chunk_crc(p_bytes bytea, p_n integer) returns bigint
    language plpgsql immutable strict parallel safe as
$$
declare
    steps constant bigint[] := '{
        0,4067132163,3778769143,324072436,3348797215,904991772,648144872,3570033899,
        2329499855,2024987596,1809983544,2575936315,1296289744,3207089363,2893594407,1578318884,
        274646895,3795141740,4049975192,51262619,3619967088,632279923,922689671,3298075524,
        2592579488,1760304291,2075979607,2312596564,1562183871,2943781820,3156637768,1313733451,
        549293790,3537243613,3246849577,871202090,3878099393,357341890,102525238,4101499445,
        2858735121,1477399826,1264559846,3107202533,1845379342,2677391885,2361733625,2125378298,
        820201905,3263744690,3520608582,598981189,4151959214,85089709,373468761,3827903834,
        3124367742,1213305469,1526817161,2842354314,2107672161,2412447074,2627466902,1861252501,
        1098587580,3004210879,2688576843,1378610760,2262928035,1955203488,1742404180,2511436119,
        3416409459,969524848,714683780,3639785095,205050476,4266873199,3976438427,526918040,
        1361435347,2739821008,2954799652,1114974503,2529119692,1691668175,2005155131,2247081528,
        3690758684,697762079,986182379,3366744552,476452099,3993867776,4250756596,255256311,
        1640403810,2477592673,2164122517,1922457750,2791048317,1412925310,1197962378,3037525897,
        3944729517,427051182,170179418,4165941337,746937522,3740196785,3451792453,1070968646,
        1905808397,2213795598,2426610938,1657317369,3053634322,1147748369,1463399397,2773627110,
        4215344322,153784257,444234805,3893493558,1021025245,3467647198,3722505002,797665321,
        2197175160,1889384571,1674398607,2443626636,1164749927,3070701412,2757221520,1446797203,
        137323447,4198817972,3910406976,461344835,3484808360,1037989803,781091935,3705997148,
        2460548119,1623424788,1939049696,2180517859,1429367560,2807687179,3020495871,1180866812,
        410100952,3927582683,4182430767,186734380,3756733383,763408580,1053836080,3434856499,
        2722870694,1344288421,1131464017,2971354706,1708204729,2545590714,2229949006,1988219213,
        680717673,3673779818,3383336350,1002577565,4010310262,493091189,238226049,4233660802,
        2987750089,1082061258,1395524158,2705686845,1972364758,2279892693,2494862625,1725896226,
        952904198,3399985413,3656866545,731699698,4283874585,222117402,510512622,3959836397,
        3280807620,837199303,582374963,3504198960,68661723,4135334616,3844915500,390545967,
        1230274059,3141532936,2825850620,1510247935,2395924756,2091215383,1878366691,2644384480,
        3553878443,565732008,854102364,3229815391,340358836,3861050807,4117890627,119113024,
        1493875044,2875275879,3090270611,1247431312,2660249211,1828433272,2141937292,2378227087,
        3811616794,291187481,34330861,4032846830,615137029,3603020806,3314634738,939183345,
        1776939221,2609017814,2295496738,2058945313,2926798794,1545135305,1330124605,3173225534,
        4084100981,17165430,307568514,3762199681,888469610,3332340585,3587147933,665062302,
        2042050490,2346497209,2559330125,1793573966,3190661285,1279665062,1595330642,2910671697}';
    crc bigint := 4294967295;
begin
    for i in 0 .. p_n - 1 loop
        crc := (crc >> 8) # steps[((crc # get_byte(p_bytes, i)) & 255) + 1];
    end loop;
    return crc # 4294967295;
end
$$;
comment on function chunk_crc(bytea, integer) is 'CRC-32C of the first p_n bytes.';

create function chunk_read(p_bytes bytea, p_name text default 'a chunk', p_tag_key bigint default 0)
    returns table (tag_key bigint, t_us bigint, value double precision, bytes bytea, quality smallint)
    language plpgsql immutable strict parallel safe rows 600 as
$$
declare
    version   integer := get_byte(p_bytes, 0);
    n         integer;
    at        integer;
    tags      bigint[];
    times     bigint[];
    qualities smallint[];
    kinds     smallint[];
    numbers   double precision[];
    texts     bytea[] := '{}';
    places    bigint[];
    size      bigint;
    count     integer;
    number    integer := 0;
    text      integer := 0;
    body      integer := length(p_bytes) - 4;
    told      bigint;
    crc       bigint;
begin
    if version = 3 then
        return query select * from chunk_bundle_read(p_bytes, p_name, p_tag_key);
        return;
    end if;
    if version not in (1, 2) then
        raise exception '% has version %, which is not known', p_name, version using errcode = 'data_corrupted';
    end if;
    -- Fetched from where large values are kept once, not for each byte.
    p_bytes := p_bytes || '';
    if body < 1 then
        raise exception '% of % bytes is too short to be one', p_name, length(p_bytes) using errcode = 'data_corrupted';
    end if;
    told := get_byte(p_bytes, body)::bigint | (get_byte(p_bytes, body + 1)::bigint << 8)
          | (get_byte(p_bytes, body + 2)::bigint << 16) | (get_byte(p_bytes, body + 3)::bigint << 24);
    crc := chunk_crc(p_bytes, body);
    if told <> crc then
        raise exception '% is damaged: its CRC is %, its bytes have %', p_name, lpad(to_hex(told), 8, '0'), lpad(to_hex(crc), 8, '0')
              using errcode = 'data_corrupted';
    end if;
    select x.v, x.at into n, at from chunk_varint(p_bytes, 1) x;
    if version = 2 then
        select x.v, x.at into tags, at from chunk_column(p_bytes, at, n) x;
        if p_tag_key <> 0 and array_position(tags, p_tag_key) is null then
            return;
        end if;
    end if;
    select x.v, x.at into times, at from chunk_column(p_bytes, at, n) x;
    select x.v, x.at into qualities, at from chunk_runs(p_bytes, at, n) x;
    select x.v, x.at into kinds, at from chunk_runs(p_bytes, at, n) x;
    select cardinality(array_positions(kinds, 1::smallint)) into count;
    if count > 0 then
        select x.v, x.at into numbers, at from chunk_numbers(p_bytes, at, count) x;
    end if;
    select cardinality(array_positions(kinds, 2::smallint)) into count;
    if count > 0 then
        select x.v, x.at into size, at from chunk_varint(p_bytes, at) x;
        for i in 1 .. size loop
            select x.v, x.at into size, at from chunk_varint(p_bytes, at) x;
            texts[i] := substr(p_bytes, at + 1, size::integer);
            at := at + size;
        end loop;
        select x.v into places from chunk_column(p_bytes, at, count) x;
    end if;
    for i in 1 .. n loop
        number := number + (kinds[i] = 1)::integer;
        text := text + (kinds[i] = 2)::integer;
        tag_key := tags[i];
        continue when p_tag_key <> 0 and tag_key is distinct from p_tag_key;
        t_us := times[i];
        quality := qualities[i];
        value := case when kinds[i] = 1 then numbers[number] end;
        bytes := case when kinds[i] = 2 then texts[places[text] + 1] end;
        return next;
    end loop;
end
$$;
comment on function chunk_read(bytea, text, bigint) is
    'The samples of a chunk (server/history/chunk.h) or of a bundle of chunks (server/history/bundle.h), in its order; an error that tells p_name if its checksum is wrong. p_tag_key: only those of this tag, of a mixed chunk; 0: all. tag_key: of a mixed chunk. value and bytes: a number, or a text (or other bytes), or neither.';

create function chunk_bundle_read(p_bytes bytea, p_name text, p_tag_key bigint)
    returns table (tag_key bigint, t_us bigint, value double precision, bytes bytea, quality smallint)
    language plpgsql immutable strict parallel safe rows 600 as
$$
declare
    at   integer := 1;
    size bigint;
begin
    p_bytes := p_bytes || '';
    loop
        if at + 4 > length(p_bytes) then
            raise exception '% is damaged: it ends within a chunk of its bundle', p_name using errcode = 'data_corrupted';
        end if;
        size := get_byte(p_bytes, at)::bigint | (get_byte(p_bytes, at + 1)::bigint << 8)
              | (get_byte(p_bytes, at + 2)::bigint << 16) | (get_byte(p_bytes, at + 3)::bigint << 24);
        at := at + 4;
        if size <= 4 or at + size > length(p_bytes) or get_byte(p_bytes, at) <> 2 then
            raise exception '% is damaged: a chunk of its bundle is no mixed one of % bytes', p_name, size using errcode = 'data_corrupted';
        end if;
        return query select * from chunk_read(substr(p_bytes, at + 1, size::integer), p_name, p_tag_key);
        at := at + size;
        exit when at = length(p_bytes);
    end loop;
end
$$;
comment on function chunk_bundle_read(bytea, text, bigint) is 'The samples of a bundle, chunk after chunk: as chunk_read.';

-- Where samples lie ---------------------------------------------------------------------------------------
-- Of one tag and moment the newest counts: sample_hot before sample_chunk before sample_row; in sample_hot the higher id,
-- in its data the later place.

alter table sample rename to sample_row;
alter table sample_row rename constraint sample_pk to sample_row_pk;
alter table sample_row rename constraint sample_t_us_check to sample_row_t_us_check;
alter table sample_row rename constraint sample_quality_check to sample_row_quality_check;
alter table sample_row add column bytes bytea;
comment on table sample_row is
    'Samples that came one by one: out of the quarantine, and all from before there were chunks. The packer takes them; where '
    'there is another sample of the same tag and moment, that one stands.';
comment on column sample_row.value is 'In the tag''s unit; null if there is none, or a text.';
comment on column sample_row.bytes is 'A text in UTF-8, or other bytes; null if the value is a number or there is none.';

create table sample_hot (
    id          bigint  generated always as identity,
    gateway_key bigint  not null,
    received_us bigint  not null,
    n           integer not null,
    tag_min     bigint  not null,
    tag_max     bigint  not null,
    from_us     bigint  not null,
    to_us       bigint  not null,
    data        bytea   not null,
    constraint sample_hot_pk primary key (id),
    constraint sample_hot_n_check check (n > 0),
    constraint sample_hot_t_us_check check (from_us >= 946684800000000)
);
comment on table sample_hot is
    'Samples as they came, in the order in which they came, until the packer takes them: written in the transaction that stores their record. Records of '
    'a gateway that are stored together may share a row.';
comment on column sample_hot.tag_min is 'Lowest and highest tag_key in data.';
comment on column sample_hot.from_us is 'Earliest and latest source time in data.';
comment on column sample_hot.data is 'A chunk of several tags, or a bundle of such chunks: chunk_read(data).';
-- Lives for minutes and is scanned as a whole.
alter table sample_hot set (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_insert_scale_factor = 0.5);

create table retention_class (
    class     smallint not null,
    name      text     not null,
    keep_days integer,
    constraint retention_class_pk primary key (class),
    constraint retention_class_name_unique unique (name),
    constraint retention_class_keep_check check (keep_days between 1 and 36500)
);
comment on table retention_class is 'How long samples are kept: a tag has one class.';
comment on column retention_class.keep_days is 'Null: for ever.';
insert into retention_class (class, name) values (1, 'standard');

create table tag_class (
    tag_key bigint   not null,
    class   smallint not null,
    constraint tag_class_pk primary key (tag_key),
    constraint tag_class_class_fk foreign key (class) references retention_class (class)
);
comment on table tag_class is 'Retention class of each tag whose class is not 1.';

-- Wide columns first, so that none of a row is lost between them. The key is each period's own: tag_key, from_us.
create table sample_chunk (
    tag_key bigint   not null,
    from_us bigint   not null,
    to_us   bigint   not null,
    first   double precision,
    last    double precision,
    min     double precision,
    max     double precision,
    min_us  bigint,
    max_us  bigint,
    class   smallint not null,
    n       smallint not null,
    usable  smallint not null,
    bad     smallint not null,
    worst   smallint not null,
    data    bytea    not null
) partition by list (class);
alter table sample_chunk alter column data set storage external;
comment on table sample_chunk is
    'History: the samples of one tag over some time. Chunks of a tag do not overlap, and do not cross the border of a period of 28 days '
    '(counted from 1970-01-01): a class''s period is a table of its own, so that it can be dropped.';
comment on column sample_chunk.from_us is 'Source time of the first and of the last sample in it.';
comment on column sample_chunk.usable is 'How many of its n samples have a number and are not bad; how many are bad.';
comment on column sample_chunk.first is 'Of the usable samples, as last, min, max and when those two first were.';
comment on column sample_chunk.worst is 'The worst quality.';
comment on column sample_chunk.data is 'chunk_read(data).';

create function sample_period(p_t_us bigint) returns bigint
    language sql immutable strict parallel safe as
$$
    select (p_t_us - (p_t_us % 2419200000000 + 2419200000000) % 2419200000000)
$$;
comment on function sample_period(bigint) is 'Start of the period of 28 days that a time lies in.';

-- Whoever packs has no right to make tables; here it may make just these. A table is attached when it is there: that, unlike
-- "create table … partition of", lets others read and write meanwhile.
create function sample_chunk_prepare(p_class smallint, p_t_us bigint) returns void
    language plpgsql security definer as
$$
declare
    v_from bigint := sample_period(p_t_us);
    v_list text := format('sample_chunk_%s', p_class);
    v_part text := format('sample_chunk_%s_%s', p_class, to_char(to_timestamp(v_from / 1e6) at time zone 'UTC', 'YYYYMMDD'));
begin
    if to_regclass(v_part) is not null then
        return;
    end if;
    if not exists (select from retention_class c where c.class = p_class) then
        raise exception 'there is no retention class %', p_class using errcode = 'foreign_key_violation';
    end if;
    perform pg_advisory_xact_lock(hashtext('sample_chunk_prepare'));
    if to_regclass(v_list) is null then
        execute format('create table %I (like sample_chunk including all) partition by range (from_us)', v_list);
        execute format('alter table sample_chunk attach partition %I for values in (%s)', v_list, p_class);
    end if;
    if to_regclass(v_part) is null then
        -- What is written anew leaves holes, which vacuum finds.
        execute format('create table %I (like sample_chunk including all, constraint %I primary key (tag_key, from_us))'
                       ' with (autovacuum_vacuum_scale_factor = 0.05)', v_part, v_part || '_pk');
        execute format('alter table %I attach partition %I for values from (%s) to (%s)', v_list, v_part, v_from, v_from + 2419200000000);
    end if;
end
$$;
comment on function sample_chunk_prepare(smallint, bigint) is 'Makes the table of a class''s period, if it is missing.';
do $$
begin
    execute format('alter function sample_chunk_prepare(smallint, bigint) set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function sample_chunk_prepare(smallint, bigint) from public;

-- What the packer leaves -----------------------------------------------------------------------------------

create table sample_damaged (
    id          bigint      generated always as identity,
    at          timestamptz not null default now(),
    source      text        not null,
    reason      text        not null,
    gateway_key bigint,
    received_us bigint,
    class       smallint,
    tag_key     bigint,
    from_us     bigint,
    to_us       bigint,
    n           integer     not null,
    data        bytea       not null,
    constraint sample_damaged_pk primary key (id),
    constraint sample_damaged_source_check check (source in ('hot', 'chunk'))
);
comment on table sample_damaged is
    'Rows of sample_hot and sample_chunk whose data cannot be read (its checksum is wrong), as they were: put aside, so that all others go on.';

create table ingest_pruned (
    gateway_key bigint not null,
    epoch       bigint not null,
    records     bigint not null,
    constraint ingest_pruned_pk primary key (gateway_key, epoch)
);
comment on table ingest_pruned is
    'How many records of ingest_batch were deleted when their samples had been packed for long. Their numbers stay in gateway_epoch: sent again, they '
    'are known as duplicates; but what they contained cannot be compared any more.';

-- By ingest_batch_received_idx and quarantine_pk. The server has no right to delete records; here it may delete just these.
create function ingest_prune(p_before_us bigint, p_most bigint) returns bigint
    language sql security definer as
$$
with old as materialized (
    select b.ctid
      from ingest_batch b
     where b.received_us < least(p_before_us, (select min(received_us) from sample_hot),
                                 (extract(epoch from now() - interval '1 hour') * 1000000)::bigint)
       and not exists (select from quarantine q
                        where (q.gateway_key, q.epoch, q.seq, q.crc) = (b.gateway_key, b.epoch, b.seq, b.crc))
       -- Records that shared a row waited for the database together: no longer than an hour, or until it was put aside.
       and not exists (select from sample_damaged d
                        where d.source = 'hot'
                          and d.gateway_key = b.gateway_key
                          and d.received_us <= b.received_us
                          and b.received_us <= greatest(d.received_us + 3600000000, (extract(epoch from d.at) * 1000000)::bigint))
     limit p_most
), gone as (
    delete from ingest_batch where ctid = any(array(select ctid from old)) returning gateway_key, epoch
), kept as (
    insert into ingest_pruned as p (gateway_key, epoch, records)
    select gateway_key, epoch, count(*) from gone group by 1, 2 order by 1, 2
    on conflict (gateway_key, epoch) do update set records = p.records + excluded.records
)
select count(*) from gone
$$;
comment on function ingest_prune(bigint, bigint) is
    'Deletes some records that were received before p_before_us and more than an hour ago, if all their samples are packed (not put aside in '
    'sample_damaged, which nobody can read) and they are not in quarantine; how many.';
do $$
begin
    execute format('alter function ingest_prune(bigint, bigint) set search_path = %I, pg_temp', current_schema());
end
$$;
revoke execute on function ingest_prune(bigint, bigint) from public;

-- As in 0007, with those that were deleted.
create or replace function ledger_check(p_deep boolean default false)
    returns table (gateway_key bigint, epoch bigint, what text, counted bigint, found bigint)
    language sql stable as
$$
select l.gateway_key, l.epoch, 'counted records against committed ranges', l.stored + l.quarantined, ledger_count(e.ranges)
  from ledger_epoch l left join gateway_epoch e using (gateway_key, epoch)
 where l.stored + l.quarantined <> ledger_count(e.ranges)
union all
select l.gateway_key, l.epoch, 'produced against the sum of what became of it', l.produced,
       l.stored + l.quarantined + ledger_count(l.dropped) + ledger_count(l.waiting) + ledger_count(l.lost)
  from ledger_epoch l
 where l.produced <> l.stored + l.quarantined + ledger_count(l.dropped) + ledger_count(l.waiting) + ledger_count(l.lost)
union all
select e.gateway_key, e.epoch, 'committed ranges of an epoch that was never counted', 0, ledger_count(e.ranges)
  from gateway_epoch e
 where not exists (select from gateway_day y where (y.gateway_key, y.epoch) = (e.gateway_key, e.epoch))
union all
select l.gateway_key, l.epoch, 'counted in quarantine against the rows there', l.quarantined, count(b.seq)
  from ledger_epoch l
  left join quarantine q using (gateway_key, epoch)
  left join ingest_batch b on (b.gateway_key, b.epoch, b.seq, b.crc) = (q.gateway_key, q.epoch, q.seq, q.crc)
 where p_deep
 group by l.gateway_key, l.epoch, l.quarantined
having l.quarantined <> count(b.seq)
union all
select l.gateway_key, l.epoch, 'counted records against the rows of ingest_batch', l.stored + l.quarantined,
       count(b.seq) + coalesce(min(g.records), 0)
  from ledger_epoch l left join ingest_batch b using (gateway_key, epoch) left join ingest_pruned g using (gateway_key, epoch)
 where p_deep
 group by l.gateway_key, l.epoch, l.stored, l.quarantined
having l.stored + l.quarantined <> count(b.seq) + coalesce(min(g.records), 0)
$$;

-- For everybody who speaks SQL ----------------------------------------------------------------------------

create view sample as
select distinct on (s.tag_key, s.t_us) s.tag_key, s.t_us, s.value, s.quality, s.bytes
  from (select r.tag_key, r.t_us, r.value, r.quality, r.bytes, 2 as tier, h.id, r.place
          from sample_hot h
         cross join lateral chunk_read(h.data, 'sample_hot ' || h.id) with ordinality as r(tag_key, t_us, value, bytes, quality, place)
         union all
        select c.tag_key, r.t_us, r.value, r.quality, r.bytes, 1, 0, 0
          from sample_chunk c
         cross join lateral chunk_read(c.data, 'the chunk of tag key ' || c.tag_key || ' from ' || c.from_us) as r(chunk_tag_key, t_us, value, bytes, quality)
         union all
        select w.tag_key, w.t_us, w.value, w.quality, w.bytes, 0, 0, 0
          from sample_row w) s
 order by s.tag_key, s.t_us, s.tier desc, s.id desc, s.place desc;
comment on view sample is
    'All of history, one row for each tag and source time. It reads all of a tag: where a span of time is enough, ask the function sample(tag, from, to).';
comment on column sample.value is 'In the tag''s unit; null if there is none, or a text.';
comment on column sample.quality is 'One byte, 0 = good; 128 and more = bad (server/core/quality.h).';
comment on column sample.bytes is 'A text in UTF-8, or other bytes; null if the value is a number or there is none.';

create function sample_text(p_bytes bytea) returns text
    language plpgsql immutable strict parallel safe as
$$
begin
    return convert_from(p_bytes, 'UTF8');
exception
    when character_not_in_repertoire or untranslatable_character then
        return null;
end
$$;
comment on function sample_text(bytea) is 'Bytes as text; null if they are none.';

create function sample(p_tag_key bigint, p_from_us bigint, p_to_us bigint)
    returns table (t_us bigint, value double precision, quality smallint, bytes bytea)
    language sql stable parallel safe rows 10000 as
$$
    select distinct on (s.t_us) s.t_us, s.value, s.quality, s.bytes
      from (select r.t_us, r.value, r.quality, r.bytes, 2 as tier, h.id, r.place
              from sample_hot h
             cross join lateral chunk_read(h.data, 'sample_hot ' || h.id, p_tag_key) with ordinality as r(tag_key, t_us, value, bytes, quality, place)
             where h.tag_min <= p_tag_key
               and h.tag_max >= p_tag_key
               and h.from_us < p_to_us
               and h.to_us >= p_from_us
             union all
            select r.t_us, r.value, r.quality, r.bytes, 1, 0, 0
              from sample_chunk c
             cross join lateral chunk_read(c.data, 'the chunk of tag key ' || c.tag_key || ' from ' || c.from_us) as r(chunk_tag_key, t_us, value, bytes, quality)
             where c.tag_key = p_tag_key
               and c.from_us >= sample_period(p_from_us)
               and c.from_us < p_to_us
               and c.to_us >= p_from_us
             union all
            select w.t_us, w.value, w.quality, w.bytes, 0, 0, 0
              from sample_row w
             where w.tag_key = p_tag_key
               and w.t_us >= p_from_us
               and w.t_us < p_to_us) s
     where s.t_us >= p_from_us
       and s.t_us < p_to_us
     order by s.t_us, s.tier desc, s.id desc, s.place desc
$$;
comment on function sample(bigint, bigint, bigint) is 'History of a tag by its key, from p_from_us up to but not including p_to_us.';

-- The periods that are looked at grow, so that neither a tag that is asked for each second nor one that was silent for
-- years costs much.
create function sample_chunk_before(p_tag_key bigint, p_t_us bigint) returns bytea
    language plpgsql stable parallel safe as
$$
declare
    v_span  bigint := 2419200000000;
    v_to    bigint := least(p_t_us, 8589934592000000);
    v_from  bigint := sample_period(v_to);
    v_data  bytea;
begin
    while v_to > 0 loop
        select c.data into v_data
          from sample_chunk c
         where c.tag_key = p_tag_key and c.from_us >= v_from and c.from_us < v_to
         order by c.from_us desc
         limit 1;
        exit when found;
        v_to := v_from;
        v_from := greatest(v_from - v_span, 0);
        v_span := v_span * 4;
    end loop;
    return v_data;
end
$$;
comment on function sample_chunk_before(bigint, bigint) is 'The chunk of a tag that begins last before a time; it has the newest packed sample before it.';

create function sample_chunk_after(p_tag_key bigint, p_t_us bigint) returns bytea
    language plpgsql stable parallel safe as
$$
declare
    v_span  bigint := 2419200000000;
    v_from  bigint := greatest(p_t_us, 0);
    v_to    bigint;
    v_data  bytea;
begin
    while v_from < 8589934592000000 loop
        v_to := sample_period(v_from) + v_span;
        select c.data into v_data
          from sample_chunk c
         where c.tag_key = p_tag_key and c.from_us >= v_from and c.from_us < v_to
         order by c.from_us
         limit 1;
        exit when found;
        v_from := v_to;
        v_span := v_span * 4;
    end loop;
    return v_data;
end
$$;
comment on function sample_chunk_after(bigint, bigint) is 'The chunk of a tag that begins first at or after a time.';

-- From the latest record on, until those that are left are all from before what was found.
create function sample_hot_before(p_tag_key bigint, p_t_us bigint)
    returns table (t_us bigint, value double precision, quality smallint, bytes bytea)
    language plpgsql stable parallel safe rows 1 as
$$
declare
    v_row record;
    v_got record;
    v_id  bigint;
begin
    for v_row in
        select h.id, h.to_us, h.data
          from sample_hot h
         where h.tag_min <= p_tag_key and h.tag_max >= p_tag_key and h.from_us < p_t_us
         order by h.to_us desc, h.id desc
    loop
        exit when v_row.to_us < t_us;
        select r.t_us, r.value, r.quality, r.bytes into v_got
          from chunk_read(v_row.data, 'sample_hot ' || v_row.id, p_tag_key) with ordinality as r(tag_key, t_us, value, bytes, quality, place)
         where r.t_us < p_t_us
         order by r.t_us desc, r.place desc
         limit 1;
        if found and (t_us is null or v_got.t_us > t_us or (v_got.t_us = t_us and v_row.id > v_id)) then
            v_id := v_row.id;
            t_us := v_got.t_us;
            value := v_got.value;
            quality := v_got.quality;
            bytes := v_got.bytes;
        end if;
    end loop;
    if t_us is not null then
        return next;
    end if;
end
$$;
comment on function sample_hot_before(bigint, bigint) is 'The newest sample of a tag before a time of those that wait to be packed; no row if there is none.';

create function sample_before(p_tag_key bigint, p_t_us bigint)
    returns table (t_us bigint, value double precision, quality smallint, bytes bytea)
    language sql stable parallel safe rows 1 as
$$
    select s.t_us, s.value, s.quality, s.bytes
      from (select h.t_us, h.value, h.quality, h.bytes, 2 as tier
              from sample_hot_before(p_tag_key, p_t_us) h
             union all
            select r.t_us, r.value, r.quality, r.bytes, 1
              from chunk_read(sample_chunk_before(p_tag_key, p_t_us), 'the last chunk of tag key ' || p_tag_key || ' before ' || p_t_us)
                   as r(chunk_tag_key, t_us, value, bytes, quality)
             union all
            (select w.t_us, w.value, w.quality, w.bytes, 0
               from sample_row w
              where w.tag_key = p_tag_key
                and w.t_us < p_t_us
              order by w.t_us desc
              limit 1)) s
     where s.t_us < p_t_us
     order by s.t_us desc, s.tier desc
     limit 1
$$;
comment on function sample_before(bigint, bigint) is 'The newest sample of a tag (by its key) before a time; no row if there is none. It reads one chunk, and of what is not packed yet no more than it must.';

create function sample_tag(p_tag text) returns bigint
    language plpgsql stable strict parallel safe as
$$
declare
    v_key  bigint;
    v_like text;
begin
    select k.key into v_key from config_key k where k.kind = 'tag' and k.name = p_tag;
    if not found then
        select string_agg(x.name, ', ' order by x.name) into v_like
          from (select k.name from config_key k
                 where k.kind = 'tag' and position(lower(p_tag) in lower(k.name)) > 0
                 order by k.name
                 limit 3) x;
        raise exception 'there is no tag "%"', p_tag
            using errcode = 'no_data_found',
                  hint = coalesce('There is ' || v_like || '. ', '') || 'All names: select name from config_key where kind = ''tag''.';
    end if;
    return v_key;
end
$$;
comment on function sample_tag(text) is 'The key of a tag.';

create function sample_us(p_t timestamptz) returns bigint
    language sql stable strict parallel safe as
$$
    select (extract(epoch from least(greatest(p_t, timestamptz '1970-01-01 00:00+00'), timestamptz '2242-03-16 12:56:32+00')) * 1000000)::bigint
$$;
comment on function sample_us(timestamptz) is 'Microseconds since 1970; what is before, or infinite, is the first or the last moment at which there may be samples.';

-- In plpgsql, so that key and times are found once: a function in SQL becomes part of the question, which then asks for
-- them at each sample.
create function sample_before(p_tag text, p_t timestamptz)
    returns table (t timestamptz, value double precision, text text, quality smallint)
    language plpgsql stable parallel safe rows 1 as
$$
declare
    v_key bigint := sample_tag(p_tag);
    v_us  bigint := sample_us(p_t);
begin
    return query
    select to_timestamp(0) + s.t_us * interval '1 microsecond', s.value, sample_text(s.bytes), s.quality
      from sample_before(v_key, v_us) s;
end
$$;
comment on function sample_before(text, timestamptz) is
    'The newest sample of a tag before a moment: select * from sample_before(''S1/L_T1'', now()).';

create function sample(p_tag text, p_from timestamptz, p_to timestamptz)
    returns table (t timestamptz, value double precision, text text, quality smallint)
    language plpgsql stable parallel safe rows 10000 as
$$
declare
    v_key  bigint := sample_tag(p_tag);
    v_from bigint := sample_us(p_from);
    v_to   bigint := sample_us(p_to);
begin
    if p_to < p_from then
        raise exception 'the span ends (%) before it begins (%)', p_to, p_from
            using errcode = 'invalid_parameter_value', hint = 'The earlier moment comes first: sample(tag, from, to), from included, to not.';
    end if;
    return query
    select to_timestamp(0) + s.t_us * interval '1 microsecond', s.value, sample_text(s.bytes), s.quality
      from sample(v_key, v_from, v_to) s
     order by s.t_us;
end
$$;
comment on function sample(text, timestamptz, timestamptz) is
    'History of a tag by its name: select * from sample(''S1/L_T1'', now() - interval ''1 day'', now()). quality: 0 = good; 128 and more = bad.';

-- For times that come as texts, or without a type, as many clients send them: else neither of the two above would fit.
create function sample(p_tag text, p_from text, p_to text)
    returns table (t timestamptz, value double precision, text text, quality smallint)
    language sql stable parallel safe rows 10000 as
$$ select * from sample(p_tag, p_from::timestamptz, p_to::timestamptz) $$;
comment on function sample(text, text, text) is 'The same with times as texts.';

create function sample_before(p_tag text, p_t text)
    returns table (t timestamptz, value double precision, text text, quality smallint)
    language sql stable parallel safe rows 1 as
$$ select * from sample_before(p_tag, p_t::timestamptz) $$;
comment on function sample_before(text, text) is 'The same with the moment as a text.';

-- As in 0005, by the functions: the view reads all of a tag.
create or replace function alarm_kpi_blind(p_from_us bigint, p_to_us bigint, p_position text default null)
    returns table (alarm_key bigint, name text, blind_us bigint, pct double precision)
    language sql stable as
$$
    with input as (
        select distinct c.alarm_key, c.name, k.key as tag_key,
               case when c.body ->> 'uncertain' = 'bad' then 64 else 128 end as bad_from
          from alarm_configured c
         cross join unnest(array['tag', 'limit_tag', 'setpoint', 'command', 'feedback']) as f(field)
          join config_key k on k.kind = 'tag' and k.name = c.body ->> f.field
         where p_position is null
            or c.position = p_position
    ), tag as (
        select distinct i.tag_key from input i
    ), within as materialized (
        select t.tag_key, s.t_us, s.quality
          from tag t
         cross join lateral sample(t.tag_key, p_from_us, p_to_us) s
    ), held as (
        select w.tag_key, w.t_us, w.quality
          from within w
         union all
        -- What is in force when the period begins; unknown if there is nothing yet.
        select t.tag_key, p_from_us, coalesce(s.quality, 255)
          from tag t
          left join lateral sample_before(t.tag_key, p_from_us) s on true
         where not exists (select from within w where w.tag_key = t.tag_key and w.t_us = p_from_us)
    ), span as (
        select h.tag_key, h.quality, h.t_us as from_us,
               lead(h.t_us, 1, p_to_us) over (partition by h.tag_key order by h.t_us) as to_us
          from held h
    ), blind as (
        select i.alarm_key, i.name,
               range_agg(int8range(s.from_us, s.to_us)) filter (where s.quality >= i.bad_from) as spans
          from input i
          join span s using (tag_key)
         group by i.alarm_key, i.name
    )
    select b.alarm_key, b.name, t.us, coalesce(100.0 * t.us / nullif(p_to_us - p_from_us, 0), 0)
      from blind b
     cross join lateral (select coalesce(sum(upper(r.r) - lower(r.r)), 0)::bigint as us
                           from unnest(b.spans) as r(r)) t
     order by t.us desc, b.name collate "C"
$$;

-- Rights: as before; the packer moves samples from one table into the other.

alter function penstock_grant() rename to penstock_grant_before_history;
create function penstock_grant() returns void
    language plpgsql as
$$
begin
    perform penstock_grant_before_history();
    if exists (select from pg_roles where rolname = 'penstock_app') then
        grant update on sample_row to penstock_app;
        grant delete on sample_hot, sample_row, sample_chunk to penstock_app;
        revoke insert on ingest_pruned from penstock_app;
    end if;
end
$$;
select penstock_grant();
