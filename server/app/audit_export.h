/* What an export's thread does, turn by turn: reads the chain behind its mark in the database, with the rows
 * and the checkpoints, hands them to a sink, and moves the mark when they have arrived. After a failure, of
 * the sink or of the database, it begins again behind the mark: nothing is left out, and what comes twice has
 * the same position. Memory does not grow with what waits. Blocking; one thread. */
#ifndef PENSTOCK_APP_AUDIT_EXPORT_H
#define PENSTOCK_APP_AUDIT_EXPORT_H

#include "server/app/audit_seal.h"
#include "server/base/buf.h"

#define AUDIT_CONFIRM_US (INT64_C(5) * 1000000)
enum {
    AUDIT_BATCH_ROWS = 200,
    AUDIT_BATCH_POINTS = 50,
    AUDIT_BATCH_BYTES = 4 * 1024 * 1024, /* then it takes no further row */
    AUDIT_ROW_BYTES_MAX = 64 * 1024 * 1024,
    AUDIT_CONFIRM_ROWS = 2000, /* so many, or AUDIT_CONFIRM_US, are under way until the sink is asked */
};

enum audit_format { AUDIT_LINES, AUDIT_SYSLOG };

struct audit_sink {
    const char *name; /* of its mark */
    enum audit_format format;
    void *ctx;
    enum status (*send)(void *ctx, struct slice text, struct error *err);
    /* All that was sent arrived. NULL: what was sent has arrived. */
    enum status (*confirm)(void *ctx, struct error *err);
    /* What is under way is given up. May be NULL. */
    void (*drop)(void *ctx);
};

struct audit_export {
    const char *conninfo;
    struct audit_sink sink;
    const char *host; /* of syslog's messages */
    int pid;
    const atomic_bool *stop;
    struct chain_db *db;
    struct chain_mark mark; /* in the database */
    struct chain_mark sent;
    int64_t under_way; /* rows and checkpoints between the two */
    int64_t under_way_since_mono_us;
    int64_t waiting_since_us;
    struct buf text;
    struct buf line;
    uint32_t retry_ms;
};

void audit_export_init(struct audit_export *e);
/* Updates the report; returns after how many milliseconds the next turn is due. now_us: wall clock. */
uint32_t audit_export_turn(struct audit_export *e, int64_t now_us, int64_t now_mono_us,
                           struct audit_report *report);
void audit_export_done(struct audit_export *e);

#endif
