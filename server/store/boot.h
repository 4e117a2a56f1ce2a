/* What must be true before this server may use the database, checked on the events connection each time it
 * comes up: the schema is exactly the one that the program's migrations make; it was not restored from a
 * backup since this server started; no other server has the database (lock.h). The first time, all that a
 * start needs is loaded, as soon as no other server can write the alarm journal any more (boot_fenced).
 * Later, and whenever another program commits a revision (NOTIFY penstock_config), the configuration is
 * loaded anew if it changed. */
#ifndef PENSTOCK_STORE_BOOT_H
#define PENSTOCK_STORE_BOOT_H

#include "server/store/keys.h"
#include "server/store/migrate.h"
#include "server/store/pg.h"
#include "server/store/store.h"

struct boot;

struct boot_config {
    uv_loop_t *loop;
    struct pg *pg; /* borrowed */
    struct keys *keys;
    const struct migration *migrations;
    uint32_t n_migrations;
    uint64_t tail_from; /* as in struct store_config */
    uint64_t tail_to;
    void *ctx;
    void (*locked)(void *ctx);                          /* each time: this server has the database */
    void (*loaded)(void *ctx, struct store_boot *boot); /* once */
    void (*open)(void *ctx);                            /* each time: the connection may be used now */
    void (*changed)(void *ctx, int64_t revision, struct config_set *set);
    void (*fatal)(void *ctx, const struct error *error);
};

MUSTCHECK enum status boot_new(const struct boot_config *cfg, struct boot **ret, struct error *err);
/* The connection came up: the checks begin. */
void boot_begin(struct boot *b);
/* This server alone can write the alarm journal from now on. */
void boot_fenced(struct boot *b);
/* The connection went: whatever was under way is forgotten. */
void boot_down(struct boot *b);
/* This server wrote a revision itself. */
void boot_wrote(struct boot *b, int64_t revision);
/* Another program did. */
void boot_notified(struct boot *b);
void boot_close(struct boot *b, void (*on_closed)(void *ctx), void *ctx);
void boot_free(struct boot **boot);

#endif
