/* A recording (replay.h) as a source:
 *   {"kind": "replay", "file": "plant.csv.gz", "time_column"?="t_s", "speed"?=1, "start"?: {"offset_s": 0},
 *    "loop"?=true, "rows"?: 1000,
 *    "tags": [{"column": "L_T1_m", "name": "L_T1", "type": "scaled", "scale": 0.001, "offset"?=0,
 *              "unit"?, "low"?, "high"?, "description"?}]}
 * type is one of bool, int, scaled, f64. */
#ifndef PENSTOCK_GATEWAY_REPLAY_SOURCE_H
#define PENSTOCK_GATEWAY_REPLAY_SOURCE_H

#include "protocol/gateway/source.h"

extern const struct source_kind replay_source_kind;

#endif
