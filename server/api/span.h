/* Which tags and which time a question to history is about: the parameters tag, from and to that its routes
 * share, and until when what they answer is complete. */
#ifndef PENSTOCK_API_SPAN_H
#define PENSTOCK_API_SPAN_H

#include "server/api/state.h"

enum { SPAN_TAGS_MAX = 1000 };

struct span {
    int64_t from_us; /* [from, to) */
    int64_t to_us;
    uint32_t n_tags;
    uint32_t tags[SPAN_TAGS_MAX]; /* indexes in the present model, each once */
};

/* from and to; the last 8 hours by default. False: answered with 400. */
bool span_read_time(struct http_request *r, struct span *s);
/* tag=S1/A, repeated, or with commas between them; 1 to max. False: answered with 400 or 404. */
bool span_read_tags(struct api *a, struct http_request *r, uint32_t max, struct span *s);
/* Of a tag: what its gateway still brings is later than this. What has come is read, committed or not. */
int64_t span_complete_us(struct api *a, uint32_t tag, int64_t asked_us);
/* The earliest one of all of them. */
int64_t span_all_complete_us(struct api *a, const struct span *s, int64_t asked_us);
/* The same for an answer that has no place for it: as its header X-Complete-Until, a time as in CSV. */
void span_say_complete(struct http_request *r, int64_t complete_us);

#endif
