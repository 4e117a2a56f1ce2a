/* The answer to "what is committed of this gateway": its key, a new session number, committed ranges and
 * dictionaries of the epochs that it names. */
#ifndef PENSTOCK_STORE_SETTLE_H
#define PENSTOCK_STORE_SETTLE_H

#include "server/store/pg.h"
#include "server/store/store.h"

enum { SETTLE_DICT_BYTES_MAX = 64 * 1024 * 1024, SETTLE_GONE_MAX = 1024 /* ranges, the longest first */ };

struct settle {
    struct settle *next;
    void *owner;
    uint64_t token;
    uint64_t after;       /* number of the last record that came before it */
    uint64_t deadline_ms; /* loop time */
    struct slice name;
    uint32_t n_epochs;
    struct msg_epoch *epochs; /* in the same block, like the name's bytes */
};

/* Those that wait, in order of their deadlines as long as each has equally long. */
struct settle_line {
    struct settle *first;
    struct settle **end;
    uint32_t n; /* waiting or under way */
};

/* NULL without memory. */
struct settle *settle_new(uint64_t token, struct slice name, const struct msg_epoch *epochs, uint32_t n);
void settle_send(struct settle *s, struct pg *pg, pg_on_done on_done);
/* Tells the host what the answer says; ERR_UNAVAILABLE if it is none. Returns the number of the session that
 * was given out, with its gateway; 0: none was. */
uint64_t settle_report(struct settle *s, const struct store_host *host, const struct pg_answer *answer,
                       int64_t *ret_gateway_key);
void settle_refuse(const struct settle *s, const struct store_host *host, const struct error *why);

void settle_line_init(struct settle_line *l);
void settle_line_add(struct settle_line *l, struct settle *s);
/* Before all others. */
void settle_line_add_first(struct settle_line *l, struct settle *s);
/* The first one, which is under way from now on. */
struct settle *settle_line_take(struct settle_line *l);
/* One that was under way has its answer. */
void settle_line_done(struct settle_line *l, struct settle *s);
/* Refuses those that are due by now_ms, from the first one on. */
void settle_line_refuse(struct settle_line *l, const struct store_host *host, uint64_t now_ms,
                        const struct error *why);

#endif
