/* What penstockd is told at its start: a JSON file, checked field by field. Owns its texts. */
#ifndef PENSTOCK_APP_OPTS_H
#define PENSTOCK_APP_OPTS_H

#include "server/base/log.h"
#include "server/base/status.h"
#include "server/link/link_limits.h"

#include <stdbool.h>
#include <stdint.h>

enum { OPTS_TEXT_SIZE = 1024 };

struct opts {
    char db[OPTS_TEXT_SIZE];         /* libpq connection string */
    char migrations[OPTS_TEXT_SIZE]; /* directory with the migrations that this program was built with */
    struct {
        char address[OPTS_TEXT_SIZE];
        uint16_t port;
        char ca[OPTS_TEXT_SIZE];
        char cert[OPTS_TEXT_SIZE];
        char key[OPTS_TEXT_SIZE];
        char crl[OPTS_TEXT_SIZE];    /* "" for none */
        char ca_key[OPTS_TEXT_SIZE]; /* "": gateways get their certificates elsewhere */
        uint32_t sessions_max;
        uint32_t backlog_rate; /* bytes a second that each gateway may use for its backlog, at most */
        struct link_limits limits;
    } link;
    struct {
        char address[OPTS_TEXT_SIZE];
        uint16_t port;
        char cert[OPTS_TEXT_SIZE];
        char key[OPTS_TEXT_SIZE];
        char dir[OPTS_TEXT_SIZE];
        char origins[OPTS_TEXT_SIZE];
        uint32_t password_mib;
    } web;
    char ports_file[OPTS_TEXT_SIZE]; /* where the ports that were really taken are written, as JSON; "" for
                                        nowhere */
    char spool[OPTS_TEXT_SIZE]; /* file that keeps operators' actions while the database is away (spool.h);
                                   "" for none: then they are refused meanwhile */
    uint32_t pack_after_s;      /* so old become samples before they are packed */
    uint32_t keep_raw_h;        /* … and records as received before they are deleted */
    char store_path[OPTS_TEXT_SIZE]; /* folder of the database's files, where PostgreSQL may not say it; ""
                                        for none */
    uint32_t store_limit_gib; /* most that the database may have, where its disk cannot be seen; 0: unknown */
    char audit_key[OPTS_TEXT_SIZE];  /* file of the key that signs the audit's checkpoints; "" for none */
    char audit_file[OPTS_TEXT_SIZE]; /* to which the audit's chain is exported; "" for none */
    struct {
        char host[OPTS_TEXT_SIZE]; /* of a collector to which it is exported; "" for none */
        uint16_t port;
        char ca[OPTS_TEXT_SIZE];
        char cert[OPTS_TEXT_SIZE]; /* "": the collector does not ask for one */
        char key[OPTS_TEXT_SIZE];
    } syslog;
    enum log_level log_level;
    bool mutant_ack_before_commit; /* only in builds with PENSTOCK_MUTANTS: proves that the fault tests notice
                                    */
};

/* Reads the file. ERR_IO if it cannot be read; ERR_INVALID with a JSON Pointer in err->where: unknown fields,
 * wrong types, missing ones. */
MUSTCHECK enum status opts_read(const char *file, struct opts *ret, struct error *err);

#endif
