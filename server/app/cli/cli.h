/* The command line `penstock`: schema, configuration, accounts. One process a command, blocking, straight on
 * the database; a running server learns of a new configuration from PostgreSQL. Each command is a function
 * that gets its arguments already split, prints to stdout what it did and to stderr what is wrong, and
 * returns the exit status. Everything that changes something writes its audit row in the same transaction. */
#ifndef PENSTOCK_APP_CLI_CLI_H
#define PENSTOCK_APP_CLI_CLI_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <libpq-fe.h>
#include <stdbool.h>

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };
enum { CLI_WORDS_MAX = 2, CLI_OPTIONS_MAX = 6 };

/* An option of a command: a switch, or with the name of its value. */
struct cli_option {
    const char *name;  /* "--reason" */
    const char *value; /* "TEXT"; NULL: a switch */
    bool required;
};

struct cli {
    const char *conninfo;             /* "" if none was given */
    const char *actor;                /* who does it, for the audit: the login name on this machine */
    PGconn *db;                       /* of a command that wants it: open */
    const char *words[CLI_WORDS_MAX]; /* FILE, NAME, …: as many as the command has */
    const char
        *values[CLI_OPTIONS_MAX]; /* of its options, in the table's order; "" for a switch; NULL: not given */
};

enum cli_exit cli_migrate(struct cli *cli);
enum cli_exit cli_backup_check(struct cli *cli);
enum cli_exit cli_backup_follow(struct cli *cli);
enum cli_exit cli_backup_list(struct cli *cli);
enum cli_exit cli_backup(struct cli *cli);
enum cli_exit cli_restore(struct cli *cli);
enum cli_exit cli_config_apply(struct cli *cli);
enum cli_exit cli_config_export(struct cli *cli);
enum cli_exit cli_config_check(struct cli *cli);
enum cli_exit cli_user_add(struct cli *cli);
enum cli_exit cli_user_list(struct cli *cli);
enum cli_exit cli_user_role(struct cli *cli);
enum cli_exit cli_user_enable(struct cli *cli);
enum cli_exit cli_user_disable(struct cli *cli);
enum cli_exit cli_user_password(struct cli *cli);
enum cli_exit cli_login_code(struct cli *cli);
enum cli_exit cli_gateway_enrol(struct cli *cli);
enum cli_exit cli_gateway_revoke(struct cli *cli);
enum cli_exit cli_gateway_window(struct cli *cli);
enum cli_exit cli_gateway_certificates(struct cli *cli);
enum cli_exit cli_alarms(struct cli *cli);
enum cli_exit cli_backtest(struct cli *cli);
enum cli_exit cli_audit_key(struct cli *cli);
enum cli_exit cli_audit_verify(struct cli *cli);
enum cli_exit cli_audit_export(struct cli *cli);

/* Order of the values of options. */
enum { MIGRATE_DIR };
enum { BACKUP_KEEP, BACKUP_WITHOUT_WAL };
enum { RESTORE_TO, RESTORE_BACKUP, RESTORE_NO_AMCHECK };
enum { APPLY_REASON, APPLY_USER, APPLY_PRUNE, APPLY_ONLY_IF_EMPTY, APPLY_DRY_RUN, APPLY_SECOND };
enum { USER_ADD_ROLE, USER_ADD_TITLE };
enum { CODE_MINUTES };
enum { GATEWAY_REASON };
enum { ALARMS_ALL, ALARMS_AT };
enum { VERIFY_KEY, VERIFY_CHECKPOINTS, VERIFY_FROM, VERIFY_AS_OF };
enum { EXPORT_FROM, EXPORT_CHECKPOINTS };
enum { BACKTEST_FROM, BACKTEST_TO, BACKTEST_CHANGE, BACKTEST_SUGGEST, BACKTEST_ALL, BACKTEST_JSON };

/* "penstock: where: text" on stderr. Returns CLI_FAILED. */
enum cli_exit cli_fail(const struct error *err);

#endif
