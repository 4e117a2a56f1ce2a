#include "server/app/now.h"

enum { NOW_SLEW = 200 };

void now_init(struct now *n, int64_t wall_us, int64_t mono_us) {
    *n = (struct now){.time_us = wall_us, .mono_us = mono_us};
}

int64_t now_update(struct now *n, int64_t wall_us, int64_t mono_us) {
    int64_t elapsed = mono_us > n->mono_us ? mono_us - n->mono_us : 0;
    n->mono_us += elapsed;
    int64_t time = n->time_us + elapsed;
    int64_t apart = wall_us - time;
    int64_t most = elapsed / NOW_SLEW;
    int64_t step = apart > most ? most : apart < -most ? -most : apart;
    n->time_us = time + step;
    n->apart_us = apart - step;
    return n->time_us;
}
