/* Moves samples into chunks, one transaction at a time: takes rows of sample_hot, and some of sample_row, and
 * the chunks that they fall into, and writes these anew. Exactly once, for all of it is in one transaction:
 * whenever it is cut off, nothing happened. What waited when it began is packed gateway by gateway, each with
 * all that it sent, so that a chunk is written anew once and not for every handful of samples: of two samples
 * of one tag and moment that two gateways sent, that of the gateway with the higher key stands. Rows and
 * chunks that are damaged are put aside (sample_damaged) with all their bytes, and the others go on.
 * Blocking, for a thread of its own, one at a time; blocking.h says which errors, and ERR_CONFLICT too if
 * another packer is at work. After an error the same object is used again: it comes around what cannot be
 * read: it takes less and less, and in the end skips a row. */
#ifndef PENSTOCK_STORE_PACKING_H
#define PENSTOCK_STORE_PACKING_H

#include "server/base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    PACKING_SAMPLES = 300000,    /* of one transaction, about */
    PACKING_ROWS = 20000,        /* of sample_row in one transaction */
    PACKING_HOT_ROWS = 50000,    /* of sample_hot */
    PACKING_ROUND_ROWS = 250000, /* … that are remembered when a packing begins */
    PACKING_PRUNE = 5000,        /* records deleted by one transaction */
    PACKING_TEXT_SIZE = 200,
};
#define PACKING_BYTES       (INT64_C(16) * 1024 * 1024)  /* of rows of sample_hot in one transaction, about */
#define PACKING_CHUNK_BYTES (UINT64_C(64) * 1024 * 1024) /* of chunks that are written anew */

struct packing;

/* What waits to be packed. */
struct packing_waiting {
    int64_t oldest_us; /* receipt of the oldest row of sample_hot; 0: none waits */
    int64_t rows;      /* of sample_hot, about */
    bool loose;        /* there are rows of sample_row */
};

/* What one transaction did. */
struct packing_done {
    uint32_t rows; /* of sample_hot and sample_row; 0: there was nothing */
    uint32_t samples;
    uint32_t chunks_read; /* and written anew */
    uint32_t chunks;
    uint32_t damaged;               /* rows and chunks put aside … */
    char damage[PACKING_TEXT_SIZE]; /* … and the first of them */
};

/* samples: of one transaction; 0: PACKING_SAMPLES. stop: ends what is under way; may be NULL. Both pointers
 * are borrowed. NULL without memory. */
struct packing *packing_new(const char *conninfo, uint32_t samples, const atomic_bool *stop);
void packing_free(struct packing **packing);
/* Some of what waited when it began is not packed yet: there is no need to look whether something is due. */
bool packing_is_begun(const struct packing *p);
MUSTCHECK enum status packing_look(struct packing *p, struct packing_waiting *ret, struct error *err);
MUSTCHECK enum status packing_step(struct packing *p, struct packing_done *ret, struct error *err);
/* Deletes up to PACKING_PRUNE records as received that came before that (and more than an hour ago), if all
 * their samples are packed, not put aside, and they are not in quarantine. */
MUSTCHECK enum status packing_prune(struct packing *p, int64_t before_us, int64_t *ret_n, struct error *err);

#endif
