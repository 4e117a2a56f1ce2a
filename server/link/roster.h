/* The gateways of the present configuration and their sessions: one session each, the newest wins, with the
 * limits of guard.h. Keeps the last status of a gateway when its session is gone. Pure: sessions and the host
 * are all it talks to. Sessions belong to whoever made them. */
#ifndef PENSTOCK_LINK_ROSTER_H
#define PENSTOCK_LINK_ROSTER_H

#include "server/link/session.h"

struct roster;

/* Becomes the owner of env's sessions: sets env->owner except wake. env must outlive it; its limits are set.
 */
MUSTCHECK enum status roster_new(struct session_env *env, struct roster **ret);
void roster_free(struct roster **r);

/* Sets env->model. Sessions of gateways that are gone or disabled are ended. */
MUSTCHECK enum status roster_set_model(struct roster *r, const struct model *m, struct link_now now);
/* Ends the sessions whose certificate is in env->revoked. */
void roster_end_revoked(struct roster *r, struct link_now now);
void roster_settled(struct roster *r, uint64_t token, const struct link_settled *settled,
                    struct link_now now);
/* Goes on with the dictionaries of those that have many stored, each in its turn, bounded for all together.
 * True while there is more to load. */
bool roster_load(struct roster *r, struct link_now now);
bool roster_loading(const struct roster *r);
void roster_committed(struct roster *r, int64_t gateway_key, uint64_t epoch, uint64_t seq);
/* Tells the audit, at a bounded rate, and the session if it is there. */
void roster_forked(struct roster *r, int64_t gateway_key, uint64_t epoch, uint64_t seq, struct link_now now);
#define ROSTER_REFRESH_US INT64_C(10000000)
/* Asks for a snapshot, at most once in ROSTER_REFRESH_US. */
void roster_refresh(struct roster *r, uint32_t gateway, struct link_now now);
/* Sets env->store_state and env->commit_lag_ms; a changed state is told to all gateways at once. */
void roster_set_store(struct roster *r, enum server_state state, uint64_t commit_lag_ms);
/* Divides what may be sent of backlogs among those that have one now; several times a second. */
void roster_tick(struct roster *r, struct link_now now);
/* Why a gateway is kept out, or another one of its name is. All zero if it is not, or if the index is out of
 * range. */
struct link_trouble roster_trouble(const struct roster *r, uint32_t gateway, struct link_now now);
/* Forgives it: it may come in at once. False if the index is out of range. */
bool roster_release(struct roster *r, uint32_t gateway);
/* NULL if the index is out of range. Valid until the next call that changes anything. */
const struct link_status *roster_borrow_status(const struct roster *r, uint32_t gateway);
/* session_complete_us of its present session, or as it was at the end of the last one; 0: there was none. */
int64_t roster_complete_us(const struct roster *r, uint32_t gateway);

#endif
