/* How a tag's samples become chunks, and chunks larger ones: the packer's mind, without a database. Pure but
 * for memory.
 *
 * Chunks of a tag never overlap and never cross the border of a period (PACK_PERIOD_US: retention drops whole
 * periods). A chunk with PACK_SAMPLES samples, or half of PACK_BYTES, is full. What comes is appended as a
 * chunk of its own, together with those before it that are not full and not much larger (pack_reach): so a
 * sample is written again as often as its chunk doubles, not as often as somebody packs. Of what is written
 * together all chunks but the last are full, or pack_reach would come back for them. What comes late goes
 * into the chunks that it falls into; there is room for it: only behind PACK_SAMPLES_MOST samples or
 * PACK_BYTES a chunk is divided.
 *
 * Of two samples of one moment the later one counts, in the order in which they were given; a weak one only
 * where there is no other. */
#ifndef PENSTOCK_HISTORY_PACK_H
#define PENSTOCK_HISTORY_PACK_H

#include "server/history/chunk.h"

enum {
    PACK_SAMPLES = 512,
    PACK_SAMPLES_MOST = 768,             /* what is left behind a full one is no crumb */
    PACK_BYTES = 1800,                   /* a row of a table stays whole below 2 kB */
    PACK_SAMPLES_MAX = 16 * 1024 * 1024, /* of one tag at once */
};
#define PACK_PERIOD_US (INT64_C(28) * 24 * 3600 * 1000000)

/* A chunk that exists: what is known without reading it. */
struct pack_head {
    int64_t from_us; /* its first and its last sample */
    int64_t to_us;
    uint32_t n;
    uint32_t bytes;
};

/* What zoomed out trends and statistics need of a chunk. Values of usable samples alone: a number, and not
 * bad. */
struct pack_chunk {
    struct pack_head head;
    uint32_t usable;
    uint32_t bad;
    double first; /* NaN if none is usable */
    double last;
    double min;
    double max;
    int64_t min_us;
    int64_t max_us;
    uint8_t worst;      /* quality */
    struct slice bytes; /* the chunk; lent until the call returns */
};

/* A sample on its way into a chunk: many lie in memory at once. */
struct pack_sample {
    int64_t t_us;
    union {
        double number;
        const char *text; /* borrowed */
    };
    int32_t order; /* of arrival, positive; that of weak ones is negative */
    uint16_t text_n;
    uint8_t quality;
    uint8_t kind; /* enum chunk_kind */
};

struct pack {
    struct pack_sample *v; /* of those from chunks the order is 0: no two are of one moment */
    uint32_t n;
    uint32_t cap;
    struct buf bytes;
    struct chunk_work *work;
};

/* The i-th of columns, from the first one on: *number and *text stand before its own, and move behind it. */
static inline void pack_sample_of(struct pack_sample *ret, const struct chunk_columns *c, uint32_t i,
                                  int32_t order, const double **number, const struct slice **text) {
    ret->t_us = c->times[i];
    ret->order = order;
    ret->quality = c->qualities[i];
    ret->kind = c->kinds[i];
    if (c->kinds[i] == CHUNK_NUMBER) {
        ret->number = *(*number)++;
    } else if (c->kinds[i] == CHUNK_TEXT) {
        ret->text = (*text)->p;
        ret->text_n = (uint16_t)(*text)++->n; /* CHUNK_TEXT_MAX at most */
    }
}

/* Start of the period that a time lies in. */
int64_t pack_period(int64_t t_us);

/* heads: the tag's chunks of the period that begin at or before to_us, ascending. Which of them are to be
 * read and replaced when n samples from from_us to to_us come: all from *ret_first on, none if that is
 * n_heads. */
void pack_reach(const struct pack_head *heads, uint32_t n_heads, int64_t from_us, int64_t to_us, uint32_t n,
                uint32_t *ret_first);

/* work: one for all packs of a thread. */
void pack_init(struct pack *p, struct chunk_work *work);
void pack_done(struct pack *p);
void pack_clear(struct pack *p);
/* All samples of a chunk of one tag, none of a moment of another chunk's; those given otherwise are newer.
 * Its bytes must stay until pack_clear. */
MUSTCHECK enum status pack_chunk_in(struct pack *p, struct slice bytes, struct error *err);
/* Texts as above. */
MUSTCHECK enum status pack_samples_in(struct pack *p, const struct pack_sample *v, uint32_t n);
/* One more, newer than those before. */
MUSTCHECK enum status pack_sample_in(struct pack *p, const struct chunk_sample *s, bool weak);
/* For qsort: of one moment, weak ones and those of chunks come first. */
int pack_by_time_and_order(const void *a, const void *b);
/* Sorts and tells of each chunk, in order of time. */
MUSTCHECK enum status pack_out(struct pack *p, enum status (*emit)(void *ctx, const struct pack_chunk *c),
                               void *ctx);

#endif
