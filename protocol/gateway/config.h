/* The configuration file of penstock-gateway: JSON, read once, checked whole; every fault is told with its
 * line, column and JSON Pointer (settings.h). See `penstock-gateway --help` for an example. */
#ifndef PENSTOCK_GATEWAY_CONFIG_H
#define PENSTOCK_GATEWAY_CONFIG_H

#include "protocol/gateway/source.h"

enum { GATEWAY_SOURCES_MAX = 64, GATEWAY_FILE_MAX = 8 * 1024 * 1024 };

struct gateway_source {
    const struct source_kind *kind;
    const void *settings;
};

struct gateway_config {
    struct arena arena; /* owns all texts and the sources' settings */
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
    uint64_t keep_bytes;    /* of what the server has */
    uint32_t flush_ms;
    uint32_t sync_ms;
    uint32_t gather_ms;
    const char *ledger; /* NULL: none */
    bool exit_when_done;
    uint32_t n_sources;
    struct gateway_source sources[GATEWAY_SOURCES_MAX];
};

/* Whether authority, certificate and key are looked at too: that they are there, of this gateway, and fit. */
enum gateway_config_depth { GATEWAY_CONFIG_TEXT, GATEWAY_CONFIG_AND_KEYS };

/* On ERR_INVALID the faults say all that is wrong; other errors (the file cannot be read) are in err. */
MUSTCHECK enum status gateway_config_read(const char *file, enum gateway_config_depth depth,
                                          struct gateway_config *ret, struct settings_faults *faults,
                                          struct error *err);
void gateway_config_done(struct gateway_config *c);

#endif
