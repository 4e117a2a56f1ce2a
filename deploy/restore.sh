# Restoring to a moment; sourced by deploy/backup, not run. A copy of a backup recovers, privately, from the WAL that followed it, up to
# the moment; what must not be as it was then is set right; it is checked; and only then it gets the name that was asked for.

restore() {
    need_backups
    local to_us='' now
    check_target
    if [ -n "$to" ]; then
        to_us=$(time_us "$to") || fail "--to: '$to' is no time" "write it like 2026-01-02T03:04:05Z, or with an offset: 2026-01-02T04:04:05+01:00"
        now=$(date -u +%s%6N)
        [ "$to_us" -le "$now" ] || fail "--to: $to has not come yet"
    fi
    choose_backup
    verify "$from/data"
    check_room
    copy
    recover
    set_right
    look_over
    end_recovery
    say "$data: as of $reached (PostgreSQL $(field "$from" server_version), schema $schema)"
    cat <<TEXT
Next:
  1. move the old data directory away, and keep it until nobody misses anything of it
  2. put the audit's exported file away, if there is one: from $reached on its positions are given to other rows
  3. start PostgreSQL on $data, then penstockd; its spool is put aside if it does not follow (spool.aside)
  4. 'penstock backup' into a new directory: $dir has the WAL of what happened after $reached instead
  5. look at what people had done after $reached and must do again: accounts, passwords, revoked certificates, configuration
TEXT
}

check_target() {
    [ ! -e "$data/postmaster.pid" ] || fail "$data is the data directory of a running PostgreSQL" "restore beside it, then stop it and swap the two"
    [ ! -e "$data/PG_VERSION" ] || fail "$data has a cluster, which is never overwritten" "give a directory that is not there, or is empty"
    if [ -e "$data" ]; then
        [ -d "$data" ] || fail "$data is no directory"
        [ -z "$(ls -A -- "$data")" ] || fail "$data is not empty" "give a directory that is not there, or is empty"
    fi
    [ -d "$(dirname -- "$data")" ] || fail "$(dirname -- "$data") is not there" "make it first, on a disk with room enough"
    new=$data.restoring
    [ ! -e "$new" ] || fail "$new is there: another restore is under way, or was killed" "remove it if none is"
}

# The newest backup that had ended at the moment.
choose_backup() {
    local name first
    first=$(backups | head -n 1)
    [ -n "$first" ] || fail "$dir has no backup" "penstock backup $dir makes one"
    if [ -n "$backup" ]; then
        [[ $backup != */* ]] && [ -f "$dir/base/$backup/manifest.json" ] || fail "$dir has no backup '$backup'" "penstock backup list $dir"
        [ -z "$to" ] || [ "$(time_us "$(field "$dir/base/$backup" ended)")" -le "$to_us" ] ||
            fail "$backup ended after $to: it can be restored from $(field "$dir/base/$backup" ended) on" "leave --backup out, and the right one is taken"
    else
        for name in $(backups); do
            [ -n "$to" ] && [ "$(time_us "$(field "$dir/base/$name" ended)")" -gt "$to_us" ] || backup=$name
        done
        [ -n "$backup" ] || fail "no backup of $dir had ended at $to" "the earliest moment that can be restored is $(field "$dir/base/$first" ended)"
    fi
    from=$dir/base/$backup
    [ -f "$from/data/PG_VERSION" ] || fail "$from is damaged: it has no data/PG_VERSION"
    use_version "$(cat "$from/data/PG_VERSION")"
    [ -n "$(field "$from" superuser)" ] && [ -n "$(field "$from" database)" ] || fail "$from/manifest.json is damaged: it names no superuser and database"
}

check_room() {
    local need free
    need=$(du -sB1 -- "$from/data" | cut -f1)
    free=$(free_bytes "$(dirname -- "$data")")
    [ "$free" -ge $((need + need / 10)) ] || fail "$((free / MIB)) MiB are free in $(dirname -- "$data"), $((need / MIB)) and some WAL are needed"
}

altered=postgresql.auto.conf

copy() {
    private=$(mktemp -d)
    own "$private"
    trap undo EXIT
    cp -a --reflink=auto -- "$from/data" "$new" || fail "$from could not be copied to $new"
    rm -f -- "$new/standby.signal" "$new/postmaster.pid"
    # What ALTER SYSTEM set counts more than our settings, and might wait for a standby, archive or listen: it comes back at the end.
    [ ! -e "$new/$altered" ] || mv -- "$new/$altered" "$private/$altered"
    touch -- "$new/recovery.signal"
    own "$new"
    chmod 0700 -- "$new"
}

undo() {
    run "$bin/pg_ctl" -D "$new" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf -- "$new" "$private"
}

# With settings of our own: those of the cluster may name files, preload libraries or archive its WAL, and are not in the backup where
# they are kept elsewhere. Nobody else can connect meanwhile.
recover() {
    run tee "$private/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$private'
hba_file = '$private/hba'
ident_file = '$private/ident'
hot_standby = off
archive_mode = off
lc_messages = 'C'
log_timezone = 'UTC'
logging_collector = off
log_destination = 'stderr'
restore_command = 'cp "$dir/wal/%f" "%p" || cp "$dir/wal/%f.partial" "%p"'
recovery_target_action = 'promote'
$([ -z "$to" ] || date -u -d "$to" "+recovery_target_time = '%F %T.%6N+00'")
CONF
    run tee "$private/hba" >/dev/null <<<'local all all trust'
    run tee "$private/ident" >/dev/null </dev/null
    run "$bin/pg_ctl" -D "$new" -w -t "$RECOVERY_S" -l "$private/log" -o "-c config_file=$private/postgresql.conf" start >/dev/null 2>&1 || explain_recovery
    db="host=$private dbname='$(field "$from" database)' user='$(field "$from" superuser)'"
    # It has started as soon as it recovers; it can be connected to when it has done so, and it ends where it cannot.
    until PENSTOCK_DB=$db ask <<<"select 1" >/dev/null 2>&1; do
        run "$bin/pg_ctl" -D "$new" status >/dev/null || explain_recovery
        sleep 0.2
    done
    reached=$(sed -nE 's/^.*last completed transaction was at log time ([0-9-]+) ([0-9:.]+)\+00$/\1T\2Z/p' "$private/log" | tail -n 1)
    # No transaction after the backup: its own moment.
    reached=${reached:-$(field "$from" ended)}
}

explain_recovery() {
    local last
    if grep -q 'recovery ended before configured recovery target was reached' "$private/log"; then
        last=$(sed -nE 's/^.*last completed transaction was at log time ([0-9-]+) ([0-9:.]+)\+00$/\1T\2Z/p' "$private/log" | tail -n 1)
        fail "the WAL in $dir/wal ends before $to: the last transaction in it is of ${last:-$(field "$from" ended)}" \
            "leave --to out to restore up to there, or bring the WAL that is missing"
    fi
    fail "PostgreSQL could not recover from $from and $dir/wal" "$(grep -E 'FATAL|PANIC|ERROR' "$private/log" | tail -n 5)"
}

# What must not be as it was at the moment (migrations/0014_restore.sql).
set_right() {
    local knows
    knows=$(PENSTOCK_DB=$db ask <<<"select to_regprocedure('store_restored(timestamptz,text,text)') is not null") ||
        fail "the restored database cannot be asked" "$(tail -n 3 "$private/log")"
    schema=$(PENSTOCK_DB=$db ask <<<"select case when to_regclass('schema_migration') is null then 0 else (select max(version) from schema_migration) end")
    if [ "$knows" = t ]; then
        PENSTOCK_DB=$db ask -v at="$reached" -v actor="${PENSTOCK_ACTOR:-$(id -un)}" -v backup="$backup" \
            <<<"select store_restored(:'at'::timestamptz, :'actor', :'backup')" >/dev/null || fail "the restore could not be noted in the database: see above"
    else
        say "note  schema $schema of that moment keeps no note of restores: what is missing since then shows nowhere in it, and logins, one-time codes and tokens of that moment are good again"
    fi
}

look_over() {
    if [ -n "$no_amcheck" ]; then
        say "note  the tables were not looked through (--no-amcheck)"
    elif [ ! -x "$bin/pg_amcheck" ]; then
        say "note  the tables were not looked through: $bin has no pg_amcheck"
    else
        look_through
    fi
    # Before there was a chain, there is nothing to prove: a backup that was made before an upgrade is restored all the same.
    local sealed
    sealed=$(PENSTOCK_DB=$db ask <<<"select to_regclass('chain') is not null")
    if [ "$sealed" != t ]; then
        say "note  schema $schema of that moment does not seal the audit: nothing to prove"
    elif [ -z "${PENSTOCK_BIN:-}" ]; then
        say "note  the audit's chain was not proven: start this by 'penstock restore', or do it with 'penstock audit verify'"
    else
        "$PENSTOCK_BIN" --db "$db" audit verify --as-of "$reached" || fail "the audit's chain does not hold in what was restored; nothing was kept" "another backup may be whole (--backup NAME)"
    fi
}

look_through() {
    local had
    had=$(PENSTOCK_DB=$db ask <<<"select count(*) from pg_extension where extname = 'amcheck'")
    if ! PENSTOCK_DB=$db ask <<<"create extension if not exists amcheck" >"$private/amcheck" 2>&1; then
        say "note  the tables were not looked through: $(head -n 1 "$private/amcheck")"
        return
    fi
    run "$bin/pg_amcheck" -h "$private" -U "$(field "$from" superuser)" -d "$(field "$from" database)" >"$private/amcheck" 2>&1 ||
        fail "pg_amcheck found damage in what was restored; nothing was kept" "$(head -n 5 "$private/amcheck")" \
            "another backup may be whole (--backup NAME); --no-amcheck restores this one all the same"
    [ "$had" -gt 0 ] || PENSTOCK_DB=$db ask -c "set client_min_messages = warning" -c "drop extension amcheck"
}

# A clean stop; then it has its name, and a crash of the machine does not take it back.
end_recovery() {
    run "$bin/pg_ctl" -D "$new" -m fast -w -t "$RECOVERY_S" stop >/dev/null || fail "PostgreSQL did not stop" "$(tail -n 3 "$private/log")"
    [ ! -e "$private/$altered" ] || mv -- "$private/$altered" "$new/$altered"
    sync -f "$new"
    mv -T -- "$new" "$data"
    sync -- "$(dirname -- "$data")"
    trap - EXIT
    rm -rf -- "$private"
}
