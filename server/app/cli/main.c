/* penstock: the command line. See `penstock --help`. */
#include "server/app/cli/cli.h"
#include "server/app/cli/db.h"
#include "server/store/conninfo.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNINFO_MAX = 16384 };

enum db_need { NO_DB, WANTS_CONNINFO, WANTS_DB };

struct command {
    const char *name; /* one or two words */
    const char *words[CLI_WORDS_MAX];
    struct cli_option options[CLI_OPTIONS_MAX];
    enum db_need db;
    enum cli_exit (*run)(struct cli *cli);
    const char *help;
};

static const struct command commands[] = {
    {"migrate",
     {NULL},
     {{"--dir", "DIR", false}},
     WANTS_CONNINFO,
     cli_migrate,
     "bring the database's schema up to date"},
    {"backup check",
     {"DIR"},
     {{NULL, NULL, false}},
     WANTS_CONNINFO,
     cli_backup_check,
     "what backups into DIR need at the database and there, and how to mend what is missing"},
    {"backup follow",
     {"DIR"},
     {{NULL, NULL, false}},
     WANTS_CONNINFO,
     cli_backup_follow,
     "bring the WAL into DIR as it is written, so that any moment can be restored; runs until it is stopped"},
    {"backup list",
     {"DIR"},
     {{NULL, NULL, false}},
     NO_DB,
     cli_backup_list,
     "the backups in DIR, and which moments can be restored"},
    {"backup",
     {"DIR"},
     {{"--keep", "N", false}, {"--without-wal", NULL, false}},
     WANTS_CONNINFO,
     cli_backup,
     "a backup of the database into DIR, verified; --keep: then only the newest N stay; --without-wal: "
     "although "
     "nobody follows the WAL, so that only its own moment can be restored"},
    {"restore",
     {"DIR", "DATA"},
     {{"--to", "TIME", false}, {"--backup", "NAME", false}, {"--no-amcheck", NULL, false}},
     NO_DB,
     cli_restore,
     "make the data directory DATA, which must not be there or be empty, as of TIME (2026-01-02T03:04:05Z), "
     "or of "
     "the last moment that DIR has; --backup: from this one; --no-amcheck: do not look for damage in all of "
     "it"},
    {"config apply",
     {"FILE"},
     {{"--reason", "TEXT", true},
      {"--user", "NAME", false},
      {"--prune", NULL, false},
      {"--only-if-empty", NULL, false},
      {"--dry-run", NULL, false},
      {"--second", "NAME", false}},
     WANTS_DB,
     cli_config_apply,
     "put the items of FILE, all or nothing, as one revision; --prune removes what FILE does not have; what "
     "touches highly managed alarms needs a second person, an engineer or admin, whose password is read from "
     "the terminal or from stdin"},
    {"config export",
     {NULL},
     {{NULL, NULL, false}},
     WANTS_DB,
     cli_config_export,
     "print the configuration in force, as apply takes it"},
    {"config check",
     {"FILE"},
     {{NULL, NULL, false}},
     NO_DB,
     cli_config_check,
     "check FILE as a whole configuration, without a database"},
    {"user add",
     {"NAME"},
     {{"--role", "viewer|operator|engineer|admin", true}, {"--title", "TEXT", false}},
     WANTS_DB,
     cli_user_add,
     "make an account; it has no password yet: see login-code"},
    {"user list", {NULL}, {{NULL, NULL, false}}, WANTS_DB, cli_user_list, "name, role, state, title"},
    {"user role", {"NAME", "ROLE"}, {{NULL, NULL, false}}, WANTS_DB, cli_user_role, "give another role"},
    {"user disable",
     {"NAME"},
     {{NULL, NULL, false}},
     WANTS_DB,
     cli_user_disable,
     "no more logins; ends the open ones"},
    {"user enable", {"NAME"}, {{NULL, NULL, false}}, WANTS_DB, cli_user_enable, "logins again"},
    {"user password",
     {"NAME"},
     {{NULL, NULL, false}},
     WANTS_DB,
     cli_user_password,
     "set a password, read from the terminal or from stdin (12 to 128 bytes); ends open logins"},
    {"login-code",
     {"NAME"},
     {{"--minutes", "N", false}},
     WANTS_DB,
     cli_login_code,
     "print a code for one login (60 minutes); earlier ones end"},
    {"gateway enrol",
     {"NAME"},
     {{NULL, NULL, false}},
     WANTS_DB,
     cli_gateway_enrol,
     "print a one-time token (1 hour) with which a gateway gets its certificate; earlier ones end"},
    {"gateway revoke",
     {"NAME"},
     {{"--reason", "TEXT", true}},
     WANTS_DB,
     cli_gateway_revoke,
     "refuse the certificates that were issued for a gateway, for ever; ends its session"},
    {"gateway window",
     {"NAME"},
     {{"--reason", "TEXT", true}},
     WANTS_DB,
     cli_gateway_window,
     "for an hour, let a gateway renew a certificate that expired within the last 30 days"},
    {"gateway certificates",
     {NULL},
     {{NULL, NULL, false}},
     WANTS_DB,
     cli_gateway_certificates,
     "those that were issued here, and how they are"},
    {"alarms",
     {NULL},
     {{"--all", NULL, false}, {"--at", "TIME", false}},
     WANTS_DB,
     cli_alarms,
     "alarms that are not normal, from the journal, now or as of TIME; --all: every one that ever rang"},
    {"audit key",
     {"FILE"},
     {{NULL, NULL, false}},
     NO_DB,
     cli_audit_key,
     "make a key with which penstockd signs checkpoints of the audit's chain (\"audit_key\"); FILE.pub is "
     "for verify"},
    {"audit verify",
     {NULL},
     {{"--key", "PUB", false},
      {"--checkpoints", "FILE", false},
      {"--from", "POSITION", false},
      {"--as-of", "TIME", false}},
     WANTS_CONNINFO,
     cli_audit_verify,
     "walk the chain over audit, alarm journal and configuration and name the first row that was changed, "
     "removed or put "
     "in; --key: check the signatures; --checkpoints: compare with an exported file, which shows a cut tail "
     "too; --as-of: of a database that was restored to TIME, in which nobody could seal what was new then"},
    {"audit export",
     {NULL},
     {{"--from", "POSITION", false}, {"--checkpoints-only", NULL, false}},
     WANTS_CONNINFO,
     cli_audit_export,
     "print the chain with its rows, then its checkpoints, as JSON lines"},
    {"backtest",
     {NULL},
     {{"--from", "TIME", true},
      {"--to", "TIME", true},
      {"--change", "FILE", false},
      {"--suggest", "ALARM", false},
      {"--all", NULL, false},
      {"--json", NULL, false}},
     WANTS_DB,
     cli_backtest,
     "what the items of FILE would have rung on the stored samples, and deadbands and delays for ALARM; "
     "changes nothing; --all: every alarm, not only those that the change can touch"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_usage_of(FILE *to, const struct command *c) {
    (void)fprintf(to, "penstock %s", c->name);
    for (int i = 0; i < CLI_WORDS_MAX && c->words[i] != NULL; i++) {
        (void)fprintf(to, " %s", c->words[i]);
    }
    for (int i = 0; i < CLI_OPTIONS_MAX && c->options[i].name != NULL; i++) {
        const struct cli_option *o = &c->options[i];
        (void)fprintf(to, " %s%s%s%s%s", o->required ? "" : "[", o->name, o->value == NULL ? "" : " ",
                      o->value == NULL ? "" : o->value, o->required ? "" : "]");
    }
    (void)fputc('\n', to);
}

static void print_help(FILE *to) {
    (void)fputs("usage: penstock [--db CONNINFO] COMMAND …\n"
                "       penstock --help | --version\n"
                "\n"
                "CONNINFO is a libpq connection string (\"host=/run/postgresql dbname=penstock\"); the "
                "environment's\n"
                "PENSTOCK_DB is used if it is not given. FILE may be - for stdin.\n"
                "Exit status: 0 done, 1 failed (nothing was changed), 2 wrong usage.\n\n",
                to);
    for (int i = 0; i < COMMANDS; i++) {
        print_usage_of(to, &commands[i]);
        (void)fprintf(to, "    %s\n", commands[i].help);
    }
}

enum cli_exit cli_fail(const struct error *err) {
    bool has_where = err->where[0] != '\0';
    (void)fprintf(stderr, "penstock: %s%s%s\n", err->where, has_where ? ": " : "", err->text);
    return CLI_FAILED;
}

static enum cli_exit wrong_usage(const struct command *c, const char *what, const char *which) {
    (void)fprintf(stderr, "penstock: %s%s%s\n", what, which[0] == '\0' ? "" : ": ", which);
    if (c == NULL) {
        (void)fputs("penstock --help lists the commands\n", stderr);
    } else {
        (void)fputs("usage: ", stderr);
        print_usage_of(stderr, c);
    }
    return CLI_USAGE;
}

/* The command, and how many arguments its name takes; NULL if there is none. */
static const struct command *find_command(int n, char *const *args, int *ret_used) {
    for (int i = 0; i < COMMANDS; i++) {
        struct slice name = slice_str(commands[i].name);
        const char *space = memchr(name.p, ' ', name.n);
        if (space == NULL && n >= 1 && strcmp(args[0], name.p) == 0) {
            *ret_used = 1;
            return &commands[i];
        }
        if (space != NULL && n >= 2 && slice_is(slice_of(name.p, (size_t)(space - name.p)), args[0]) &&
            strcmp(space + 1, args[1]) == 0) {
            *ret_used = 2;
            return &commands[i];
        }
    }
    return NULL;
}

/* The commands that begin with this word. False if none does. */
static bool print_group(const char *word) {
    size_t n = strlen(word);
    bool any = false;
    for (int i = 0; i < COMMANDS; i++) {
        if (strncmp(commands[i].name, word, n) == 0 && commands[i].name[n] == ' ') {
            (void)fputs(any ? "       " : "usage: ", stderr);
            print_usage_of(stderr, &commands[i]);
            any = true;
        }
    }
    return any;
}

static int find_option(const struct command *c, const char *name) {
    for (int i = 0; i < CLI_OPTIONS_MAX && c->options[i].name != NULL; i++) {
        if (strcmp(c->options[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Takes one option with its value; returns how many arguments that were, 0 if it is wrong. */
static int take_option(struct cli *cli, const struct command *c, int n, char *const *args) {
    int option = find_option(c, args[0]);
    if (option < 0) {
        (void)wrong_usage(c, "unknown option", args[0]);
        return 0;
    }
    if (c->options[option].value == NULL) {
        cli->values[option] = "";
        return 1;
    }
    if (n < 2) {
        (void)wrong_usage(c, "this option wants a value", args[0]);
        return 0;
    }
    cli->values[option] = args[1];
    return 2;
}

static enum cli_exit check_complete(const struct cli *cli, const struct command *c, int n_words) {
    if (n_words < CLI_WORDS_MAX && c->words[n_words] != NULL) {
        return wrong_usage(c, "something is missing", c->words[n_words]);
    }
    for (int i = 0; i < CLI_OPTIONS_MAX && c->options[i].name != NULL; i++) {
        if (c->options[i].required && cli->values[i] == NULL) {
            return wrong_usage(c, "an option is missing", c->options[i].name);
        }
    }
    return CLI_DONE;
}

static enum cli_exit take_args(struct cli *cli, const struct command *c, int n, char *const *args) {
    int n_words = 0;
    for (int i = 0; i < n;) {
        if (strncmp(args[i], "--", 2) == 0) {
            int taken = take_option(cli, c, n - i, args + i);
            if (taken == 0) {
                return CLI_USAGE;
            }
            i += taken;
        } else if (n_words < CLI_WORDS_MAX && c->words[n_words] != NULL) {
            cli->words[n_words++] = args[i++];
        } else {
            return wrong_usage(c, "too much", args[i]);
        }
    }
    return check_complete(cli, c, n_words);
}

static enum cli_exit run_command(struct cli *cli, const struct command *c) {
    if (c->db != NO_DB && cli->conninfo[0] == '\0') {
        return wrong_usage(NULL, "no database is named", "give --db CONNINFO, or set PENSTOCK_DB");
    }
    struct error err;
    if (c->db != NO_DB && conninfo_check(cli->conninfo, &err) != OK) {
        return cli_fail(&err);
    }
    if (c->db == WANTS_DB && db_open(cli->conninfo, &cli->db, &err) != OK) {
        return cli_fail(&err);
    }
    enum cli_exit code = c->run(cli);
    PQfinish(cli->db);
    if (fflush(stdout) != 0 && code == CLI_DONE) {
        (void)fputs("penstock: the output could not be written\n", stderr);
        return CLI_FAILED;
    }
    return code;
}

static const char *login_name(char *buf, size_t size) {
    const struct passwd *me = getpwuid(getuid());
    if (me != NULL) {
        (void)snprintf(buf, size, "%s", me->pw_name);
    } else {
        (void)snprintf(buf, size, "uid %u", (unsigned)getuid());
    }
    return buf;
}

/* Arguments are shown to everybody on the machine, and it may have a password in it. False: it is too long.
 */
static bool take_conninfo(char *arg, char *ret, size_t size) {
    size_t n = strlen(arg);
    bool fits = n < size;
    (void)snprintf(ret, size, "%s", arg);
    memset(arg, '*', n);
    return fits;
}

static enum cli_exit penstock(int argc, char *const *argv) {
    const char *db = getenv("PENSTOCK_DB");
    char conninfo[CONNINFO_MAX];
    struct cli cli = {.conninfo = db == NULL ? "" : db};
    char actor[64];
    cli.actor = login_name(actor, sizeof actor);
    int at = 1;
    while (at < argc && strncmp(argv[at], "--", 2) == 0) {
        if (strcmp(argv[at], "--help") == 0) {
            print_help(stdout);
            return CLI_DONE;
        }
        if (strcmp(argv[at], "--version") == 0) {
            (void)printf("penstock %s\n", PENSTOCK_VERSION);
            return CLI_DONE;
        }
        if (strncmp(argv[at], "--db=", 5) == 0) { /* it is not shown: it may have a password in it */
            return wrong_usage(NULL, "this option's value is a word of its own", "--db CONNINFO");
        }
        if (strcmp(argv[at], "--db") != 0 || at + 1 >= argc) {
            return wrong_usage(NULL, "unknown option, or one without its value", argv[at]);
        }
        if (!take_conninfo(argv[at + 1], conninfo, sizeof conninfo)) {
            return wrong_usage(NULL, "this option's value is too long", argv[at]);
        }
        cli.conninfo = conninfo;
        at += 2;
    }
    int used = 0;
    const struct command *c = find_command(argc - at, argv + at, &used);
    if (c == NULL && at < argc && print_group(argv[at])) {
        return CLI_USAGE;
    }
    if (c == NULL) {
        return wrong_usage(NULL, at < argc ? "no such command" : "no command is given",
                           at < argc ? argv[at] : "");
    }
    if (at + used < argc && strcmp(argv[at + used], "--help") == 0) {
        print_usage_of(stdout, c);
        (void)printf("    %s\n", c->help);
        return CLI_DONE;
    }
    enum cli_exit code = take_args(&cli, c, argc - at - used, argv + at + used);
    return code == CLI_DONE ? run_command(&cli, c) : code;
}

int main(int argc, char **argv) {
    return (int)penstock(argc, argv); /* 0 to 2 */
}
