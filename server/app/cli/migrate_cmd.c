/* `penstock migrate` */
#include "server/app/cli/cli.h"
#include "server/store/migrate.h"

#include <stdio.h>
#include <unistd.h>

#ifndef PENSTOCK_MIGRATIONS_DIR
#define PENSTOCK_MIGRATIONS_DIR "/usr/share/penstock/migrations"
#endif

static void on_applied(void *ctx, const struct migration *m) {
    uint32_t *n = ctx;
    (*n)++;
    (void)printf("applied %s\n", m->name);
}

enum cli_exit cli_migrate(struct cli *cli) {
    const char *dir = cli->values[MIGRATE_DIR];
    if (dir == NULL) {
        dir = access(PENSTOCK_MIGRATIONS_DIR, R_OK) == 0 ? PENSTOCK_MIGRATIONS_DIR : "migrations";
    }
    uint32_t n = 0;
    struct error err;
    if (migrate_run(cli->conninfo, dir, on_applied, &n, &err) != OK) {
        return cli_fail(&err);
    }
    if (n == 0) {
        (void)puts("the schema is up to date");
    }
    return CLI_DONE;
}
