/* One change of the configuration: built on a copy of what is in force, checked as a whole, then asked for as
 * one revision. Only one is on its way at a time; others wait their turn in the interface. What touches a
 * highly managed alarm (server/config/two_people.h) needs a second person (second.h); one who is named is
 * tried and recorded also where nobody is needed. */
#ifndef PENSTOCK_API_CHANGE_H
#define PENSTOCK_API_CHANGE_H

#include "server/api/state.h"

struct change;
struct second;

/* How faults are pointed at in the answer: PUT has one item in "/value", POST many in "/put/N/value". */
enum change_form { CHANGE_ONE, CHANGE_MANY };

/* True: it is this request's turn. False: it waits (its handler is called again) or was answered. */
bool change_may_start(struct api *a, struct http_request *r);
/* NULL: answered (out of memory). Takes nothing over. */
struct change *change_new(struct api *a, struct http_request *r, enum change_form form, const char *reason);
void change_free(struct change **c);
/* Notes an item as it comes in the request. expected: 0 it must be new, -1 whatever is in force. False:
 * faults were noted. body is JSON text, "" removes. */
bool change_put(struct change *c, enum config_kind kind, struct slice name, struct slice body,
                int64_t expected);
bool change_remove(struct change *c, enum config_kind kind, struct slice name, int64_t expected);
/* The second person of the request, who is copied and wiped here. */
void change_second(struct change *c, struct second *second);
/* A fault from the caller's own checks. */
void change_fault(struct change *c, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Checks the whole and asks the host, or answers 422. status_ok: 200 or 201. Takes c. */
void change_commit(struct change **c, int status_ok);
/* touched: with ERR_DENIED the highly managed alarms for which nobody was named who agrees, as the JSON
 * object of the answers; else empty. It lives during the call. */
typedef void (*change_then)(struct api *a, void *ctx, const struct reply *reply, struct slice touched);
/* The same for a change that is a part of something else: then is told the outcome (ERR_INVALID with faults
 * included, ERR_DENIED for want of a second person) instead of the peer, once, before or after this returns.
 */
void change_commit_then(struct change **c, change_then then, void *ctx);

#endif
