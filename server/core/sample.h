/* From what a gateway sent to what is shown and stored: scaling, range, finite numbers, believable time.
 * Pure. */
#ifndef PENSTOCK_CORE_SAMPLE_H
#define PENSTOCK_CORE_SAMPLE_H

#include "server/core/core.h"

/* A sample's time may be ahead of the server by this much before history, too, stops believing it: the usual.
 */
#define SAMPLE_FUTURE_MAX_US INT64_C(60000000)

/* A sample as it goes into history. */
struct stored_sample {
    int64_t tag_key;
    int64_t t_us;
    double value;
    struct slice text; /* instead of the value, if p is not NULL; borrowed from the record */
    uint8_t quality;
};

/* Applies the tag's scale and offset in place. NaN and infinities become bad/sensor without a value; beyond
 * low..high becomes uncertain/range (the value stays). received_us: server time of receipt. */
void sample_normalise(const struct model *m, struct sample *v, uint32_t n);

/* What history keeps of normalised samples. A time before 2000 or more than future_us ahead of
 * received_us is replaced by received_us (plus its place in the message, so that no two collide) with quality
 * uncertain/clock or worse. With a text there is a value, and the quality says so. ret has room for n. */
void sample_to_history(const struct model *m, const struct sample *v, uint32_t n, int64_t received_us,
                       int64_t future_us, struct stored_sample *ret);

#endif
