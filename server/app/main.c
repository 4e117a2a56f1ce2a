/* penstockd: the server. See `penstockd --help`. */
#include "server/app/app.h"
#include "server/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: penstockd --config FILE   run the server\n"
    "       penstockd --check FILE    check the file and stop\n"
    "       penstockd --version\n"
    "\n"
    "FILE is JSON:\n"
    "  {\"db\": \"host=/run/postgresql dbname=penstock\", \"migrations\": "
    "\"/usr/share/penstock/migrations\",\n"
    "   \"audit_key\": \"audit.key\", \"audit_file\": \"…\",\n"
    "   \"syslog\": {\"host\": \"…\", \"port\": 6514, \"ca\": \"…\", \"cert\": \"…\", \"key\": \"…\"},\n"
    "   \"log\": \"info\", \"ports_file\": \"…\", \"spool\": \"…\", \"store_path\": \"…\",\n"
    "   \"store_limit_gib\": 0,\n"
    "   \"link\": {\"address\": \"0.0.0.0\", \"port\": 7411, \"ca\": \"ca.pem\", \"cert\": \"link.pem\",\n"
    "            \"key\": \"link.key\", \"crl\": \"…\", \"ca_key\": \"…\", \"sessions_max\": 2000,\n"
    "            \"backlog_rate\": 65536, \"limits\": {\"samples_per_s\": 5000, …}},\n"
    "   \"web\": {\"address\": \"0.0.0.0\", \"port\": 8443, \"cert\": \"web.pem\", \"key\": \"web.key\",\n"
    "           \"dir\": \"/usr/share/penstock/web\", \"origins\": \"https://penstock.example\"}}\n"
    "db, migrations, link and web with address, port, certificate and key must be there; port 0 takes\n"
    "any free one. The limits of the link and their defaults are in deploy/README.md. See also:\n"
    "penstock --help (schema, accounts, configuration).\n";

static int fail(const char *event, const struct error *err) {
    log_event(LOG_ERROR, event, "where=%s text=%s", LOG_Q(slice_str(err->where)),
              LOG_Q(slice_str(err->text)));
    return 1;
}

static int run(const struct opts *opts) {
    static struct app app; /* large; lives as long as the program */
    struct error err = {0};
    log_set_level(opts->log_level);
    if (app_init(&app, opts, &err) != OK) {
        return fail("server.not_started", &err);
    }
    int code = app_run(&app);
    app_done(&app);
    return code;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("penstockd %s\n", PENSTOCK_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (argc != 3 || (strcmp(argv[1], "--config") != 0 && strcmp(argv[1], "--check") != 0)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    static struct opts opts;
    struct error err = {0};
    if (opts_read(argv[2], &opts, &err) != OK) {
        return fail("config.refused", &err);
    }
    return strcmp(argv[1], "--check") == 0 ? 0 : run(&opts);
}
