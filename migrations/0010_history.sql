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
    v := array_fill(base, array[p_n]);
    for i in 2 .. p_n loop
        left_ := 0;
        if k <> 63 then
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

create function chunk_read(p_bytes bytea)
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
begin
    if version not in (1, 2) then
        raise exception 'a chunk of version % is not known', version using errcode = 'data_corrupted';
    end if;
    select x.v, x.at into n, at from chunk_varint(p_bytes, 1) x;
    if version = 2 then
        select x.v, x.at into tags, at from chunk_column(p_bytes, at, n) x;
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
        tag_key := tags[i];
        t_us := times[i];
        quality := qualities[i];
        value := null;
        bytes := null;
        if kinds[i] = 1 then
            number := number + 1;
            value := numbers[number];
        elsif kinds[i] = 2 then
            text := text + 1;
            bytes := texts[places[text] + 1];
        end if;
        return next;
    end loop;
end
$$;
comment on function chunk_read(bytea) is
    'The samples of a chunk (server/history/chunk.h), in its order. tag_key: of a mixed chunk. value and bytes: a number, or a text (or other bytes), or neither.';
