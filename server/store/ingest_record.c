#include "server/store/ingest_record.h"

#include <stdlib.h>

/* What is quarantined has no effect. */
static uint32_t samples_of(const struct store_record *r) {
    return r->fault == 0 ? r->n_samples : 0;
}

size_t ingest_record_bytes_max(const struct store_record *r) {
    return sizeof(struct ingest_record) + hot_bytes_max(samples_of(r), r->body.n) + r->body.n +
           strlen(r->fault_text) + 1;
}

static char *put_bytes(char *at, struct slice bytes) {
    if (bytes.n > 0) {
        memcpy(at, bytes.p, bytes.n);
    }
    return at + bytes.n;
}

/* Head, rows of samples, their bytes, body, text. */
static struct ingest_record *copy_of(const struct store_record *r, const struct hot *hot) {
    struct slice data = buf_slice(&hot->bytes);
    struct slice text = slice_str(r->fault_text);
    size_t bytes =
        sizeof(struct ingest_record) + hot->n_rows * sizeof *hot->rows + data.n + r->body.n + text.n + 1;
    struct ingest_record *copy = malloc(bytes);
    if (copy == NULL) {
        return NULL;
    }
    *copy = (struct ingest_record){.bytes = bytes, .n_hot = hot->n_rows, .v = *r};
    struct hot_row *rows = (struct hot_row *)(copy + 1);
    char *at = (char *)(rows + hot->n_rows);
    copy->v.n_samples = samples_of(r);
    copy->v.samples = NULL; /* they are in the rows */
    copy->hot = rows;
    for (uint32_t i = 0; i < hot->n_rows; i++) {
        rows[i] = hot->rows[i];
        rows[i].data.p = at;
        at = put_bytes(at, hot->rows[i].data);
    }
    copy->v.body = slice_of(at, r->body.n);
    at = put_bytes(at, r->body);
    copy->v.fault_text = at;
    *put_bytes(at, text) = '\0';
    return copy;
}

struct ingest_record *ingest_record_new(const struct store_record *r, struct hot *work) {
    return hot_write(work, r->samples, samples_of(r)) ? copy_of(r, work) : NULL;
}

void ingest_record_free(struct ingest_record *r) {
    free(r->refusal);
    free(r);
}

void ingest_record_condemn(struct ingest_record *r, const struct error *why) {
    static const char prefix[] = "refused by the database: ";
    size_t size = sizeof prefix + strlen(why->text);
    r->refusal = malloc(size);
    if (r->refusal != NULL) {
        (void)snprintf(r->refusal, size, "%s%s", prefix, why->text);
    }
    r->v.fault = LINK_BAD_RECORD;
    r->v.fault_text = r->refusal != NULL ? r->refusal : "refused by the database";
    r->v.n_samples = 0;
    r->n_hot = 0;
}
