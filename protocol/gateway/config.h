/* The configuration file of penstock-gateway: JSON, read once, checked whole. An error names the place as a
 * JSON Pointer, says what was wrong and what would be right. Unknown keys are errors: a misspelt one must not
 * be silently without effect. See `penstock-gateway --help` for an example. */
#ifndef PENSTOCK_GATEWAY_CONFIG_H
#define PENSTOCK_GATEWAY_CONFIG_H

#include "protocol/client/tags.h"
#include "server/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct gateway_tag {
    const char *column; /* of the file */
    struct tag_def def;
};

struct gateway_config {
    struct arena arena; /* owns all texts */
    const char *name;
    const char *host;
    uint16_t port;
    const char *server_name;
    const char *ca;
    const char *cert;
    const char *key;
    const char *journal_dir;
    uint64_t journal_bytes;
    uint32_t segment_bytes; /* 0: chosen */
    uint32_t flush_ms;
    uint32_t sync_ms;
    const char *ledger; /* NULL: none */
    bool exit_when_done;
    /* source, kind "replay" */
    const char *file;
    const char *time_column;
    double speed;
    double offset_s;
    bool loop;
    uint64_t rows; /* UINT64_MAX: all */
    uint32_t n_tags;
    struct gateway_tag *tags;
};

MUSTCHECK enum status gateway_config_read(const char *file, struct gateway_config *ret, struct error *err);
void gateway_config_done(struct gateway_config *c);

#endif
