/* The live banner "alarm flood": c(t), the annunciations of one operator position in (t - window, t], above
 * `on` begins a flood, below `off` ends it. A fixed ring, no allocation; time is a parameter and never falls.
 * A report over a period has floods of its own, by bins (kpi.h). */
#ifndef PENSTOCK_CORE_KPI_FLOOD_H
#define PENSTOCK_CORE_KPI_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

enum { KPI_FLOOD_RING = 256 };

struct kpi_flood_live {
    int64_t window_us;
    uint32_t on;
    uint32_t off;
    bool flood;
    int64_t since_us; /* of the last change; 0 if there was none */
    int64_t now_us;
    uint32_t first; /* oldest in the ring */
    uint32_t count; /* in the window; stands still at KPI_FLOOD_RING, which is more than `on` */
    int64_t ring[KPI_FLOOD_RING];
};

/* Defaults: 600 s, on above 10, off below 5. off from 1 to on, on below KPI_FLOOD_RING. */
void kpi_flood_init(struct kpi_flood_live *f);
void kpi_flood_init_with(struct kpi_flood_live *f, int64_t window_us, uint32_t on, uint32_t off);
/* Time passes; what happens at now itself has been added before. True if the flood ended meanwhile: since_us
 * says when, which may be before now. */
bool kpi_flood_advance(struct kpi_flood_live *f, int64_t now_us);
/* One annunciation. True if a flood began or ended. */
bool kpi_flood_add(struct kpi_flood_live *f, int64_t at_us);
/* When the flood ends if nothing more comes: the time to call kpi_flood_advance. INT64_MAX without a flood.
 */
int64_t kpi_flood_due_us(const struct kpi_flood_live *f);

#endif
