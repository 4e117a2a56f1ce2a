/* The chain over the operations journal in PostgreSQL, for who works on it beside the loop: the server's own
 * threads (sealing, export) and the command line. One blocking connection (blocking.h, which says what waits
 * for how long, and which errors there are); *stop ends what it waits for. Never on the loop's thread; one
 * thread at a time. After an error only chain_db_close may be called. */
#ifndef PENSTOCK_STORE_CHAIN_DB_H
#define PENSTOCK_STORE_CHAIN_DB_H

#include "server/chain/chain.h"
#include "server/chain/point.h"

#include <stdatomic.h>

enum {
    CHAIN_DB_STATEMENT_MS = 120000,
    CHAIN_DB_SEAL_MAX = 2000,
};

struct chain_db;

/* How far the chain reached a place outside. */
struct chain_mark {
    int64_t pos;
    int64_t point_pos; /* of checkpoints */
};

typedef enum status (*chain_db_visit)(void *ctx, const struct chain_seal *seal, const struct chain_row *row,
                                      struct error *err);

/* stop may be NULL; else it is to outlive the connection. */
MUSTCHECK enum status chain_db_open(const char *conninfo, const char *name, const atomic_bool *stop,
                                    struct chain_db **ret, struct error *err);
void chain_db_close(struct chain_db **db);
/* From now on all is read as it is now. */
MUSTCHECK enum status chain_db_snapshot(struct chain_db *db, struct error *err);

/* Seals up to CHAIN_DB_SEAL_MAX rows; *ret: how many. late: those too that were committed behind higher
 * numbers. */
enum chain_late { CHAIN_LATE_LEAVE, CHAIN_LATE_TAKE };
MUSTCHECK enum status chain_db_seal(struct chain_db *db, enum chain_late late, int64_t *ret,
                                    struct error *err);
/* The last place; pos 0: there is none. */
MUSTCHECK enum status chain_db_head(struct chain_db *db, struct chain_seal *ret, struct error *err);
/* The place of a source's highest row; pos 0: there is none. */
MUSTCHECK enum status chain_db_newest(struct chain_db *db, int source, struct chain_seal *ret,
                                      struct error *err);
/* What became of a place that had this hash. */
enum chain_found { CHAIN_STANDS, CHAIN_PLACE_GONE, CHAIN_PLACE_OTHER, CHAIN_ROW_GONE };
MUSTCHECK enum status chain_db_find(struct chain_db *db, int64_t pos, const uint8_t hash[CHAIN_HASH_SIZE],
                                    enum chain_found *ret, struct error *err);
/* The first row of a table behind the highest one that has a place. */
struct chain_waiting {
    int64_t row_id; /* 0: none waits */
    int64_t at_us;  /* when it was made */
    int64_t now_us; /* the database's clock */
};
MUSTCHECK enum status chain_db_waiting(struct chain_db *db, int source, struct chain_waiting *ret,
                                       struct error *err);
/* The places behind `after`, up to `max` of them, in their order; row NULL: it is gone. The revision's items
 * are hashed on the way. *ret_n: how many. What visit returns ends it. */
MUSTCHECK enum status chain_db_read(struct chain_db *db, int64_t after, int64_t max, chain_db_visit visit,
                                    void *ctx, int64_t *ret_n, struct error *err);
/* The first numbers up to `newest` in this table that have no place, and when they were made (audit; else
 * 0). */
typedef enum status (*chain_db_unsealed_visit)(void *ctx, int source, int64_t row_id, int64_t at_us,
                                               struct error *err);
MUSTCHECK enum status chain_db_unsealed(struct chain_db *db, int source, int64_t newest,
                                        chain_db_unsealed_visit visit, void *ctx, struct error *err);

MUSTCHECK enum status chain_db_put_point(struct chain_db *db, const struct point *p, struct error *err);
/* Checkpoints behind `after`, ascending, up to `max`. */
MUSTCHECK enum status chain_db_points(struct chain_db *db, int64_t after, struct point *ret, uint32_t max,
                                      uint32_t *ret_n, struct error *err);
/* The newest one; pos 0: there is none. */
MUSTCHECK enum status chain_db_last_point(struct chain_db *db, struct point *ret, struct error *err);

/* The newest one with which the chain agrees; 0: with none. */
MUSTCHECK enum status chain_db_sound_point(struct chain_db *db, int64_t *ret, struct error *err);

/* How far the export that came farthest is, whatever the chain has now; 0: there is none. */
MUSTCHECK enum status chain_db_farthest(struct chain_db *db, int64_t *ret, struct error *err);
MUSTCHECK enum status chain_db_get_mark(struct chain_db *db, const char *sink, struct chain_mark *ret,
                                        struct error *err);
MUSTCHECK enum status chain_db_put_mark(struct chain_db *db, const char *sink, const struct chain_mark *mark,
                                        int64_t at_us, struct error *err);

#endif
