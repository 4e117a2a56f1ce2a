/* How the store is: what waits, its disk, what it holds. Also while the database is away: then without what
 * only the database knows. */
#include "server/api/rest.h"
#include "server/api/view.h"

#include <inttypes.h>
#include <math.h>

static void key_number(struct buf *out, const char *key, int64_t v) {
    buf_printf(out, "\"%s\":%" PRId64, key, v);
}

/* null for 0, which is no time and no span here. */
static void key_some(struct buf *out, const char *key, int64_t v) {
    if (v == 0) {
        buf_printf(out, "\"%s\":null", key);
    } else {
        key_number(out, key, v);
    }
}

static void write_disk(struct buf *out, const struct api_store *s) {
    if (!s->disk_known) {
        buf_text(out, ",\"disk\":null");
        return;
    }
    buf_text(out, ",\"disk\":{\"path\":");
    buf_json_string(out, slice_str(s->disk_path));
    buf_byte(out, ',');
    key_number(out, "bytes", s->disk_bytes);
    buf_byte(out, ',');
    key_number(out, "free", s->disk_free);
    buf_text(out, ",\"grow_bytes_day\":");
    buf_json_number(out, isnan(s->grow_bytes_day) ? s->grow_bytes_day : round(s->grow_bytes_day));
    buf_byte(out, ',');
    key_some(out, "full_at_us", s->full_at_us);
    buf_byte(out, '}');
}

static void write_spool(struct buf *out, const struct api_store *s) {
    if (!s->has_spool) {
        buf_text(out, ",\"spool\":null");
        return;
    }
    buf_text(out, ",\"spool\":{");
    key_number(out, "aside", s->spool_asides);
    buf_byte(out, ',');
    key_number(out, "room", s->spool_room);
    buf_byte(out, '}');
}

static void write_now(struct buf *out, const struct api_store *s) {
    buf_text(out, "{\"state\":");
    buf_json_string(out, slice_str(s->state));
    view_string(out, "text", slice_str(s->text));
    buf_byte(out, ',');
    key_number(out, "lag_us", s->lag_us);
    buf_text(out, ",\"pending\":{");
    key_number(out, "records", (int64_t)s->pending_records);
    buf_byte(out, ',');
    key_number(out, "bytes", (int64_t)s->pending_bytes);
    buf_byte(out, '}');
    write_disk(out, s);
    write_spool(out, s);
}

static void write_tables(struct buf *out, const struct reply *reply) {
    buf_text(out, ",\"tables\":[");
    for (uint32_t i = 0; i < reply->store.n_tables; i++) {
        const struct store_table_row *t = &reply->store.tables[i];
        buf_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_json_string(out, t->name);
        buf_byte(out, ',');
        key_number(out, "bytes", t->bytes);
        buf_byte(out, ',');
        key_number(out, "rows", t->rows);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

static void write_classes(struct buf *out, const struct reply *reply) {
    buf_text(out, ",\"retention\":[");
    for (uint32_t i = 0; i < reply->store.n_classes; i++) {
        const struct store_class_row *c = &reply->store.classes[i];
        buf_text(out, i > 0 ? ",{" : "{");
        key_number(out, "class", c->class);
        view_string(out, "name", c->name);
        buf_byte(out, ',');
        key_some(out, "keep_days", c->keep_days);
        buf_byte(out, ',');
        key_some(out, "from_us", c->from_us);
        buf_byte(out, ',');
        key_number(out, "bytes", c->bytes);
        buf_byte(out, ',');
        key_some(out, "dropped_before_us", c->dropped_us);
        buf_byte(out, ',');
        key_number(out, "expired_samples", c->expired);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

static void write_packed(struct buf *out, const struct api_store *s, const struct reply *reply) {
    buf_text(out, ",\"packer\":{");
    key_number(out, "lag_us", reply->store.hot_lag_us);
    buf_byte(out, ',');
    key_number(out, "hot_rows", reply->store.hot_rows);
    buf_byte(out, ',');
    key_number(out, "hot_samples", reply->store.hot_samples);
    buf_byte(out, ',');
    key_some(out, "last_us", s->packed_us);
    buf_text(out, ",\"error\":");
    if (s->packing_error[0] == '\0') {
        buf_text(out, "null");
    } else {
        buf_json_string(out, slice_str(s->packing_error));
    }
    buf_text(out, "},\"history\":{");
    key_some(out, "from_us", reply->store.from_us);
    buf_byte(out, ',');
    key_number(out, "chunks", reply->store.chunks);
    buf_byte(out, ',');
    key_number(out, "samples", reply->store.samples);
    buf_byte(out, ',');
    key_number(out, "bytes", reply->store.bytes);
    buf_byte(out, '}');
}

static void write_chain(struct buf *out, const struct api_store *s, const struct reply *reply) {
    buf_text(out, ",\"audit\":{");
    key_number(out, "sealed", reply->store.sealed);
    buf_byte(out, ',');
    key_number(out, "behind", reply->store.unsealed);
    buf_byte(out, ',');
    key_some(out, "checkpoint_us", reply->store.checkpoint_us);
    buf_byte(out, ',');
    key_some(out, "broken_us", s->audit_broken_us);
    buf_byte(out, '}');
}

static void on_store(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    struct api_store s = {0};
    a->host.store(a->host.ctx, &s);
    write_now(&r->out, &s);
    if (reply->status == OK) {
        write_tables(&r->out, reply);
        write_classes(&r->out, reply);
        write_packed(&r->out, &s, reply);
        write_chain(&r->out, &s, reply);
    } else {
        buf_text(&r->out,
                 ",\"tables\":[],\"retention\":null,\"packer\":null,\"history\":null,\"audit\":null");
    }
    buf_byte(&r->out, '}');
    http_json(r, 200);
}

void rest_store(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_STORE, .actor = api_actor(r)};
    api_ask_for(a, r, &q, on_store);
}
