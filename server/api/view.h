/* Core and model as JSON: the shapes that REST and the live socket share (ALARM, RECORD, times, texts). Pure:
 * writes into a buffer. */
#ifndef PENSTOCK_API_VIEW_H
#define PENSTOCK_API_VIEW_H

#include "server/base/buf.h"
#include "server/config/config.h"
#include "server/core/request.h"

/* RFC 3339 in quotes; null for 0 or a time that has no text. */
void view_time(struct buf *out, int64_t t_us);
/* {"en","zh"}; an empty zh is en, an empty en is the fallback. */
void view_text(struct buf *out, const struct model_text *text, struct slice fallback);
/* ,"key":"text" */
void view_string(struct buf *out, const char *key, struct slice text);
/* … null if it is empty */
void view_name(struct buf *out, const char *key, struct slice name);
/* ALARM of the contract. config is what the core's model was made of. */
void view_alarm(struct buf *out, const struct core *core, const struct config_set *config, uint32_t alarm);
/* … without its last brace: more fields follow. */
void view_alarm_open(struct buf *out, const struct core *core, const struct config_set *config,
                     uint32_t alarm);
/* Name of an operator's position; "main" where the model knows none. */
struct slice view_position(const struct model *m, uint32_t position);
/* "S1/L_T1.high" of an item's canonical body: the text of a field at the top, as it is written there; empty
 * if it has none. Only for fields whose texts need no escapes (names). */
struct slice view_body_name(struct slice body, const char *key);
/* "unacked":[…],"active":N,… */
void view_counts(struct buf *out, const struct core_counts *counts);
/* RECORD; name is null when empty. */
void view_record(struct buf *out, const struct alarm_record *r, struct slice alarm_name);
/* An alarm as it was then. */
void view_state(struct buf *out, const struct state_row *row);
/* "key":{…body without its last brace…,"revision":N}: an item's stored JSON object with its revision. */
void view_item(struct buf *out, struct slice body, int64_t revision);
/* [handle,value,quality,age_ms] */
void view_live(struct buf *out, const struct core *core, uint32_t tag, int64_t now_us);

#endif
