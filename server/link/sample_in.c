#include "server/link/sample_in.h"

#include "server/core/quality.h"

#define EXACT_MAX (INT64_C(1) << 53)

static bool is_text(const struct link_sample *in) {
    return (in->type == VALUE_STRING || in->type == VALUE_BYTES) && (in->quality & QUALITY_NO_VALUE) == 0;
}

/* Whether a double has this whole number. The bounds come first: a double of 2^63 is not to be made an
 * integer again. */
static bool is_exact(int64_t i) {
    return (i >= -EXACT_MAX && i <= EXACT_MAX) ||
           ((double)i < 0x1p63 && (int64_t)(double)i == i); /* -2^63 is one */
}

static bool is_exact_unsigned(uint64_t u) {
    return u <= (uint64_t)EXACT_MAX || ((double)u < 0x1p64 && (uint64_t)(double)u == u);
}

static bool is_rounded(const struct link_sample *in) {
    return in->type == VALUE_UINT ? !is_exact_unsigned(in->u)
                                  : (in->type == VALUE_INT || in->type == VALUE_SCALED) && !is_exact(in->i);
}

struct sample sample_in(const struct link_sample *in, const struct dict_entry *e, uint32_t tag) {
    struct sample s = {.tag = tag, .quality = in->quality, .t_us = in->t_us};
    double value = 0;
    if (link_sample_number(in, e, &value)) {
        s.value = value;
        if (is_rounded(in)) {
            s.quality = quality_worse(s.quality, QUALITY_UNCERTAIN | REASON_RANGE);
        }
        return s;
    }
    s.quality |= QUALITY_NO_VALUE;
    if (is_text(in)) {
        s.text = in->s;
    }
    return s;
}
