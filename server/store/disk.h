/* How full the disk of the database is, and when it will be full.
 *
 * Where the database is on this machine (a Unix socket, or a loopback address), the disk of its files is
 * asked every two seconds, also while the database is away: the folder is what PostgreSQL says it is, unless
 * the owner of the database may not know; then whoever installs the server can name it (store_path). Of the
 * folder's disk and that of its pg_wal, the fuller one counts, as far as this process may look into it.
 * Otherwise nobody here can see the disk: with a limit for the size of the database (store_limit_gib), what
 * is left of that stands for it.
 *
 * Four times an hour the figures are written into store_figure; growth is told from what is there
 * (server/history/growth.h), so that a restart does not forget it.
 *
 * On a connection of its own: the size of a database is that of all its files, which takes seconds where they
 * are many, and nobody is to wait for that. */
#ifndef PENSTOCK_STORE_DISK_H
#define PENSTOCK_STORE_DISK_H

#include "server/store/pg.h"
#include "server/store/store.h"

enum {
    DISK_LOOK_MS = 2000,
    DISK_ASK_MS = 60000,    /* the size of the database */
    DISK_WRITE_MS = 900000, /* a row for the forecast */
    DISK_RETRY_MS = 60000,  /* after a refusal: the disk may be full */
    DISK_POINTS_MAX = 1000, /* of the last week */
};

struct disk_config {
    uv_loop_t *loop;
    const char *conninfo;
    const char *path;    /* "": what PostgreSQL says */
    int64_t limit_bytes; /* of the database's size; 0: none */
    void *ctx;
    /* Whenever it was looked at; not before there is anything to tell. */
    void (*on_disk)(void *ctx, const struct store_disk *disk);
};

struct disk {
    struct disk_config cfg;
    struct pg *pg;
    bool asking;
    bool is_here;               /* the database is on this machine */
    char path[STORE_PATH_SIZE]; /* "": unknown */
    int64_t database_bytes;     /* 0: not asked yet */
    uint64_t look_ms;           /* loop times at which it is due */
    uint64_t ask_ms;
    uint64_t write_ms;
    struct store_disk now;
};

/* cfg: path is borrowed for as long as d is used. */
MUSTCHECK enum status disk_init(struct disk *d, const struct disk_config *cfg, struct error *err);
/* Begins to connect: the schema is there. */
void disk_start(struct disk *d);
/* Does what is due. */
void disk_turn_end(struct disk *d);
void disk_close(struct disk *d, void (*on_closed)(void *ctx), void *ctx);
void disk_done(struct disk *d);

#endif
