/* Runs the housekeeper of history (server/store/keeper.h) beside the loop: a turn every few seconds, on a
 * thread of libuv's pool, with a plan made of the configuration in force. Also stands at the door of history:
 * samples whose time is past already, by the class of their tag, are not stored but counted (table
 * sample_expired). */
#ifndef PENSTOCK_APP_KEEPING_H
#define PENSTOCK_APP_KEEPING_H

#include "server/core/sample.h"

#include <uv.h>

enum {
    KEEPING_EVERY_MS = 5000,
    KEEPING_EXPIRED_MAX = 4096, /* rows that wait; what comes beyond is counted for tag 0 of its gateway */
};

struct keeping;

MUSTCHECK enum status keeping_new(uv_loop_t *loop, const char *conninfo, struct keeping **ret,
                                  struct error *err);
/* A new configuration, the first one, too: nothing is done before. Without memory the one before stays. */
void keeping_plan(struct keeping *k, const struct model *m);
/* Now, but no later than samples have come (keeper.h): what this is compared with is past by more than a
 * clock.
 */
int64_t keeping_gone_us(const struct keeping *k, int64_t now_us);
/* v: what history is to keep of samples (same places). Those whose time is past are moved behind the others;
 * how many stay. */
uint32_t keeping_sort_out(const struct model *m, const struct sample *samples, struct stored_sample *v,
                          uint32_t n, int64_t gone_us);
/* They were left out of a record that is stored now. */
void keeping_count(struct keeping *k, int64_t gateway_key, const struct stored_sample *v, uint32_t n,
                   int64_t now_us);
/* Samples left out since the start. */
uint64_t keeping_expired(const struct keeping *k);
void keeping_stop(struct keeping *k, void (*on_stopped)(void *ctx), void *ctx);
/* After it is stopped. Accepts NULL. */
void keeping_free(struct keeping **keeping);

#endif
