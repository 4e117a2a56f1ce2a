/* `penstock backup …` and `penstock restore`: deploy/backup does it, in this process, with PostgreSQL's own
 * programs. */
#include "server/app/cli/cli.h"
#include "server/base/buf.h"
#include "server/store/conninfo.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef PENSTOCK_DEPLOY_DIR
#define PENSTOCK_DEPLOY_DIR "/usr/share/penstock/deploy"
#endif

enum { ARGS_MAX = 12, CONNINFO_MAX = 16384 };

enum script_db { SCRIPT_NO_DB, SCRIPT_DB };

struct script_args {
    const char *v[ARGS_MAX]; /* NULL at the end */
    int n;
    enum script_db db;
};

static void add(struct script_args *args, const char *word) {
    args->v[args->n++] = word;
}

static void add_option(struct script_args *args, const char *name, const char *value) {
    if (value != NULL) {
        add(args, name);
    }
    if (value != NULL && value[0] != '\0') {
        add(args, value);
    }
}

/* Installed, or in the checkout that this program was built in: build/PRESET/penstock. */
static bool find_script(const char *self, char *ret, size_t size) {
    (void)snprintf(ret, size, "%s/backup", PENSTOCK_DEPLOY_DIR);
    if (access(ret, X_OK) == 0) {
        return true;
    }
    (void)snprintf(ret, size, "%s", self);
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(ret, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
    }
    size_t n = strlen(ret);
    return snprintf(ret + n, size - n, "/deploy/backup") < (int)(size - n) && access(ret, X_OK) == 0;
}

/* The script's programs get the connection as an argument, and arguments are shown to everybody on the
 * machine: the password goes apart. */
static enum status set_database(const char *conninfo, struct error *err) {
    struct buf shown;
    char *password = NULL;
    buf_init(&shown, CONNINFO_MAX);
    enum status status = conninfo_share(conninfo, &shown, &password, err);
    if (status == OK) {
        (void)setenv("PENSTOCK_DB", (const char *)shown.p, 1);
    }
    if (status == OK && password != NULL) {
        (void)setenv("PGPASSWORD", password, 1);
    }
    free(password);
    buf_done(&shown);
    return status;
}

/* Returns only if the script cannot be run. */
static enum cli_exit run_script(const struct cli *cli, struct script_args *args) {
    char self[PATH_MAX];
    char script[PATH_MAX];
    struct error err;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    if (!find_script(self, script, sizeof script)) {
        (void)error_set(&err, ERR_NOT_FOUND, PENSTOCK_DEPLOY_DIR "/backup", "is not there; install it again");
        return cli_fail(&err);
    }
    if (args->db == SCRIPT_NO_DB) {
        (void)unsetenv("PENSTOCK_DB");
    } else if (set_database(cli->conninfo, &err) != OK) {
        return cli_fail(&err);
    }
    (void)setenv("PENSTOCK_BIN", self, 1);
    (void)setenv("PENSTOCK_ACTOR", cli->actor, 1);
    (void)setenv("PENSTOCK_VERSION", PENSTOCK_VERSION, 1);
    char *argv[ARGS_MAX + 2] = {script};
    for (int i = 0; i < args->n; i++) {
        argv[i + 1] = (char *)args->v[i]; /* execv does not write there; its type is older than const */
    }
    (void)execv(script, argv);
    (void)error_set(&err, ERR_IO, script, "cannot be run (error %d); it needs bash", errno);
    return cli_fail(&err);
}

/* A command of one directory and no options. */
static enum cli_exit run_plain(const struct cli *cli, const char *command, enum script_db db) {
    struct script_args args = {.db = db};
    add(&args, command);
    add(&args, cli->words[0]);
    return run_script(cli, &args);
}

enum cli_exit cli_backup_check(struct cli *cli) {
    return run_plain(cli, "check", SCRIPT_DB);
}

enum cli_exit cli_backup_follow(struct cli *cli) {
    return run_plain(cli, "follow", SCRIPT_DB);
}

enum cli_exit cli_backup_list(struct cli *cli) {
    return run_plain(cli, "list", SCRIPT_NO_DB);
}

enum cli_exit cli_backup(struct cli *cli) {
    struct script_args args = {.db = SCRIPT_DB};
    add(&args, "take");
    add(&args, cli->words[0]);
    add_option(&args, "--keep", cli->values[BACKUP_KEEP]);
    add_option(&args, "--without-wal", cli->values[BACKUP_WITHOUT_WAL]);
    return run_script(cli, &args);
}

enum cli_exit cli_restore(struct cli *cli) {
    struct script_args args = {.db = SCRIPT_NO_DB};
    add(&args, "restore");
    add(&args, cli->words[0]);
    add(&args, cli->words[1]);
    add_option(&args, "--to", cli->values[RESTORE_TO]);
    add_option(&args, "--backup", cli->values[RESTORE_BACKUP]);
    add_option(&args, "--no-amcheck", cli->values[RESTORE_NO_AMCHECK]);
    return run_script(cli, &args);
}
