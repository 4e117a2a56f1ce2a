/* What numbers are steps of, where they are no decimals: the whole numbers of an instrument, of which
 * somebody made values by a scale and an offset (0 to 27648 for 0 to 10 m: steps of 0.00036169…). Nobody has
 * to say which: a scale is the common divisor of the differences, as far as doubles have one. Pure.
 *
 * A guess: whoever uses it looks whether the numbers are such steps. Of numbers that are no steps of anything
 * it mostly finds out after a few. */
#ifndef PENSTOCK_HISTORY_SCALE_H
#define PENSTOCK_HISTORY_SCALE_H

#include <stdint.h>

enum { SCALE_NUMBERS_MIN = 32 }; /* of fewer it is not worth its bytes */

/* Numbers that are i * step + offset, i whole. */
struct scale {
    double step; /* 0: there is none */
    double offset;
};

struct scale scale_guess(const double *v, uint32_t n);

#endif
