#include "server/store/disk.h"

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/history/growth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static const char ask_sql[] =
    "select store_directory(), pg_database_size(current_database()),"
    "       inet_server_addr() is null or inet_server_addr() << '127.0.0.0/8' or inet_server_addr() = '::1'";

/* By store_figure_pk. */
static const char write_sql[] = "insert into store_figure (at_us, database_bytes, disk_bytes, disk_free)"
                                " values ($1, $2, nullif($3::bigint, 0), case when $3 <> 0 then $4 end)"
                                " on conflict (at_us) do nothing";
static const char forget_sql[] = "delete from store_figure where at_us < $1 - 40 * 86400000000";
static const char points_sql[] =
    "select at_us, case when $2 = 0 then database_bytes else disk_bytes - disk_free end from store_figure"
    " where at_us > $1 - 7 * 86400000000 and ($2 = 0 or disk_bytes is not null) order by at_us limit $3";

/* --- looking ------------------------------------------------------------------------------------------- */

static bool look_at(const char *path, struct store_disk *ret) {
    struct statvfs s;
    if (path[0] == '\0' || statvfs(path, &s) != 0 || s.f_blocks == 0) {
        return false;
    }
    (void)snprintf(ret->path, sizeof ret->path, "%s", path);
    ret->bytes = (int64_t)(s.f_blocks * s.f_frsize); /* of a real disk: far below 2^63 */
    ret->free = (int64_t)(s.f_bavail * s.f_frsize);
    return true;
}

static double share_free(const struct store_disk *d) {
    return (double)d->free / (double)d->bytes;
}

static bool look(const struct disk *d, struct store_disk *ret) {
    const char *path = d->cfg.path[0] != '\0' ? d->cfg.path : d->path;
    bool given = d->cfg.path[0] != '\0';
    if ((given || d->is_here) && look_at(path, ret)) {
        char wal_path[STORE_PATH_SIZE + sizeof "/pg_wal"];
        struct store_disk wal = *ret;
        (void)snprintf(wal_path, sizeof wal_path, "%s/pg_wal", path);
        if (strlen(wal_path) < STORE_PATH_SIZE && look_at(wal_path, &wal) &&
            share_free(&wal) < share_free(ret)) {
            *ret = wal;
        }
        ret->seen = true;
        return true;
    }
    if (d->cfg.limit_bytes == 0 || d->database_bytes == 0) {
        return false;
    }
    int64_t left = d->cfg.limit_bytes - d->database_bytes;
    ret->path[0] = '\0';
    ret->seen = false;
    ret->bytes = d->cfg.limit_bytes;
    ret->free = left < 0 ? 0 : left;
    return true;
}

static void tell(struct disk *d) {
    struct store_disk *now = &d->now;
    if (!look(d, now)) {
        return;
    }
    now->known = true;
    now->full_at_us = growth_full_us(clock_wall_us(), now->free, now->grow_bytes_day);
    d->cfg.on_disk(d->cfg.ctx, now);
}

/* --- asking -------------------------------------------------------------------------------------------- */

static void refused(const struct pg_answer *answer, const char *what) {
    if (answer->outcome == PG_REFUSED && answer->error.code != ERR_NO_SPACE) {
        log_event(LOG_WARN, what, "text=%s", LOG_Q(slice_str(answer->error.text)));
    }
}

static void on_asked(void *ctx, struct pg_answer *answer) {
    struct disk *d = ctx;
    d->asking = false;
    if (answer->outcome != PG_DONE) {
        refused(answer, "disk.not_asked");
        return;
    }
    pg_get_text(answer->results[0], 0, 0, d->path, sizeof d->path);
    d->database_bytes = pg_get_i64(answer->results[0], 0, 1);
    d->is_here = pg_get_bool(answer->results[0], 0, 2);
    tell(d);
    disk_turn_end(d);
}

static void ask(struct disk *d) {
    d->ask_ms = uv_now(d->cfg.loop) + DISK_ASK_MS;
    d->asking = true;
    pg_begin(d->pg, PG_READ, on_asked, d);
    pg_send(d->pg, ask_sql, NULL);
    pg_end(d->pg);
    pg_flush(d->pg);
}

/* --- writing, and what growth that makes --------------------------------------------------------------- */

enum { INSERTED, FORGOTTEN, POINTS };

static void on_written(void *ctx, struct pg_answer *answer) {
    struct disk *d = ctx;
    struct growth_point v[DISK_POINTS_MAX];
    d->asking = false;
    if (answer->outcome != PG_DONE) {
        d->write_ms = uv_now(d->cfg.loop) + DISK_RETRY_MS;
        refused(answer, "disk.not_written");
        return;
    }
    const PGresult *rows = answer->results[POINTS];
    size_t n = (size_t)PQntuples(rows);
    for (size_t i = 0; i < n; i++) {
        v[i] =
            (struct growth_point){.t_us = pg_get_i64(rows, (int)i, 0), .bytes = pg_get_i64(rows, (int)i, 1)};
    }
    d->now.grow_bytes_day = growth_fastest(v, n);
    tell(d);
}

static void write_figures(struct disk *d) {
    struct pg_args args;
    int64_t now_us = clock_wall_us();
    d->write_ms = uv_now(d->cfg.loop) + DISK_WRITE_MS;
    d->asking = true;
    pg_args_init(&args, 256);
    pg_begin(d->pg, PG_WRITE, on_written, d);
    pg_arg_i64(&args, now_us);
    pg_arg_i64(&args, d->database_bytes);
    pg_arg_i64(&args, d->now.seen ? d->now.bytes : 0);
    pg_arg_i64(&args, d->now.seen ? d->now.free : 0);
    pg_send(d->pg, write_sql, &args);
    pg_args_clear(&args);
    pg_arg_i64(&args, now_us);
    pg_send(d->pg, forget_sql, &args);
    pg_arg_i64(&args, d->now.seen ? 1 : 0);
    pg_arg_i64(&args, DISK_POINTS_MAX);
    pg_send(d->pg, points_sql, &args);
    pg_end(d->pg);
    pg_args_done(&args);
    pg_flush(d->pg);
}

/* --- for the owner ------------------------------------------------------------------------------------- */

static void on_up(void *ctx) {
    struct disk *d = ctx;
    d->ask_ms = 0;
    disk_turn_end(d);
}

static void on_down(void *ctx) {
    (void)ctx; /* what was asked is answered, and is asked again when it is up */
}

enum status disk_init(struct disk *d, const struct disk_config *cfg, struct error *err) {
    *d = (struct disk){.cfg = *cfg, .now = {.grow_bytes_day = (double)NAN}};
    const struct pg_config pg = {.loop = cfg->loop,
                                 .conninfo = cfg->conninfo,
                                 .name = "penstock figures",
                                 .ctx = d,
                                 .on_up = on_up,
                                 .on_down = on_down};
    return pg_new(&pg, &d->pg, err);
}

void disk_start(struct disk *d) {
    pg_start(d->pg);
}

void disk_turn_end(struct disk *d) {
    uint64_t now = uv_now(d->cfg.loop);
    if (now >= d->look_ms) {
        d->look_ms = now + DISK_LOOK_MS;
        tell(d);
    }
    if (d->asking || !pg_has_room(d->pg)) {
        return;
    }
    if (now >= d->ask_ms) {
        ask(d);
    } else if (now >= d->write_ms) {
        write_figures(d);
    }
}

void disk_close(struct disk *d, void (*on_closed)(void *ctx), void *ctx) {
    pg_close(d->pg, on_closed, ctx);
}

void disk_done(struct disk *d) {
    pg_free(&d->pg);
}
