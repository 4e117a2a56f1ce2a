/* The audit beside the loop: one thread seals the operations journal into its chain and signs checkpoints
 * (audit_seal.h), one for each place outside exports it (audit_export.h). Each has a connection of its own to
 * the database, so that nothing here delays an alarm, an answer or the loop. The threads share nothing with
 * the loop but what they report; the loop logs it when it changes. */
#ifndef PENSTOCK_APP_AUDITOR_H
#define PENSTOCK_APP_AUDITOR_H

#include "server/app/audit_seal.h"

#include <stdbool.h>
#include <uv.h>

enum { AUDITOR_EXPORTS_MAX = 2 };
/* An export that is so far behind is behind. */
#define AUDITOR_BEHIND_US (INT64_C(300) * 1000000)

struct auditor;

/* Texts are borrowed until auditor_free; "" is none. */
struct auditor_config {
    uv_loop_t *loop;
    void *ctx;
    void (*reported)(void *ctx); /* by the loop, after a thread's turn */
    const char *conninfo;
    const char *key_file;  /* "": nothing is signed */
    const char *file;      /* exported to, as JSON lines */
    const char *host;      /* of a syslog collector */
    uint16_t port;         /* its port */
    const char *ca_file;   /* whom its certificate is from */
    const char *cert_file; /* which certificate to show it */
    const char *cert_key_file;
};

struct auditor_status {
    bool signs;
    struct audit_report seal;
    uint32_t n_exports;
    struct {
        const char *name; /* "file", "syslog" */
        struct audit_report report;
    } exports[AUDITOR_EXPORTS_MAX];
};

/* Reads key and certificates; errors as there. */
MUSTCHECK enum status auditor_new(const struct auditor_config *cfg, struct auditor **ret, struct error *err);
/* Begins, once; the schema is there. */
void auditor_start(struct auditor *a);
void auditor_status(const struct auditor *a, struct auditor_status *ret);
/* For how long sealing has failed, or the oldest has waited for an export, whichever is worst; 0: all is
 * well. False if not every thread has told yet. */
bool auditor_behind(const struct auditor *a, int64_t now_us, int64_t *ret_us);
/* Threads end within seconds; then on_stopped. */
void auditor_stop(struct auditor *a, void (*on_stopped)(void *ctx), void *ctx);
void auditor_free(struct auditor **a);

#endif
