/* A command on its way through a source: from the order that the client hands out to the result that it is
 * told (protocol/README.md, "Commands"). The client has checked the order and made its intent durable; here
 * it meets the source that has the tag, is asked for once more just before the device is written, and what
 * became of it is put in the page's words. */
#ifndef PENSTOCK_GATEWAY_OPERATE_H
#define PENSTOCK_GATEWAY_OPERATE_H

#include "protocol/client/commands.h"
#include "protocol/gateway/source.h"

struct operate_host {
    void *ctx;
    /* As client_command_may_begin and client_command_done. */
    bool (*may_begin)(void *ctx, const struct command_id *id);
    void (*done)(void *ctx, const struct msg_command_result *result);
};

/* done is called once, now or later, unless may_begin says no. host is copied; entry is the tag's, and lives
 * as long as the gateway. */
void operate(struct source *const *sources, uint32_t n, const struct dict_entry *entry,
             const struct command_order *order, const struct operate_host *host);

#endif
