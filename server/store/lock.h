/* An advisory lock of the database, held as long as one connection lives: of one kind there is at most one in
 * the world. It is tried each time the connection comes up. A former connection of this server that still
 * holds it (it hangs, or does not know yet that its line is dead) is ended after a while. */
#ifndef PENSTOCK_STORE_LOCK_H
#define PENSTOCK_STORE_LOCK_H

#include "server/store/pg.h"

enum {
    LOCK_CLASS = 0x50454e53, /* "PENS" */
    LOCK_SERVER = 1,         /* one server on one database */
    LOCK_MIGRATE = 2,        /* one migration at a time (migrate.c) */
    LOCK_JOURNAL = 3,        /* one writer of the alarm journal */
    LOCK_PACKER = 4,         /* one packer of samples (packing.c) */
    LOCK_MARKS = 5,          /* who rolls samples up, apart from who writes chunks (roller.c) */
    LOCK_WAIT_MS = 5000,     /* the former holder may still be dying */
    LOCK_RETRY_MS = 250,
};

struct lock;

struct lock_config {
    uv_loop_t *loop;
    struct pg *pg;  /* borrowed */
    int32_t object; /* LOCK_SERVER or LOCK_JOURNAL */
    void *ctx;
    void (*held)(void *ctx);
    /* Somebody else has had it for LOCK_WAIT_MS; the error says who. It is tried again, unless lock_down. */
    void (*taken)(void *ctx, const struct error *error);
    void (*fatal)(void *ctx, const struct error *error);
};

MUSTCHECK enum status lock_new(const struct lock_config *cfg, struct lock **ret, struct error *err);
/* The connection is up: tries until it is held. */
void lock_begin(struct lock *l);
/* The connection went, or the lock is not wanted any more on it. */
void lock_down(struct lock *l);
void lock_close(struct lock *l, void (*on_closed)(void *ctx), void *ctx);
void lock_free(struct lock **lock);

#endif
