#include "server/core/sample.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <math.h>

static void normalise(const struct model_tag *tag, struct sample *s) {
    if ((s->quality & QUALITY_NO_VALUE) != 0) {
        s->value = NAN;
        return;
    }
    double value = s->value * tag->scale + tag->offset;
    if (!isfinite(value)) {
        s->value = NAN;
        s->quality = quality_worse(s->quality, QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR);
        return;
    }
    s->value = value;
    if (value < tag->low || value > tag->high) {
        s->quality = quality_worse(s->quality, QUALITY_UNCERTAIN | REASON_RANGE);
    }
}

void sample_normalise(const struct model *m, struct sample *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].tag < m->n_tags);
        normalise(&m->tags[v[i].tag], &v[i]);
    }
}

void sample_to_history(const struct model *m, const struct sample *v, uint32_t n, int64_t received_us,
                       int64_t future_us, struct stored_sample *ret) {
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].tag < m->n_tags);
        ret[i] = (struct stored_sample){
            .tag_key = m->tags[v[i].tag].key,
            .t_us = v[i].t_us,
            .value = v[i].value,
            .text = v[i].text,
            .quality = v[i].quality,
        };
        if (v[i].text.p != NULL) {
            ret[i].quality &= (uint8_t)~QUALITY_NO_VALUE;
        }
        if (v[i].t_us < TM_YEAR_2000_US || v[i].t_us > received_us + future_us) {
            ret[i].t_us = received_us + i;
            ret[i].quality = quality_worse(ret[i].quality, QUALITY_UNCERTAIN | REASON_CLOCK);
        }
    }
}
