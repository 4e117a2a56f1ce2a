/* How many bytes a sample takes on the line: a recording goes through a gateway's tags and the codec, one
 * frame a flush, with its head and all. Only what changed is reported. Arguments: the recording (below), rows
 * in a flush, least samples of a flush that counts.
 *
 * The recording is text: the number of tags; for each a line "name scale device" (scale 0: a bool); then for
 * each row the time in seconds and a value for each tag. Devices are read one after the other, so that the
 * samples of a scan have as many times. */
#include "protocol/client/tags.h"
#include "protocol/frame.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <string.h>

#define START_US  INT64_C(1764000000000000)
#define DEVICE_US INT64_C(37000)

enum { LINE_MAX_BYTES = 4096, COLUMNS_MAX = 256, EPOCH_SEQ = 100000 };

struct column {
    double scale;
    int64_t device;
    double last;
};

struct recording {
    FILE *file;
    char line[LINE_MAX_BYTES];
    uint32_t n;
    struct column columns[COLUMNS_MAX];
};

struct totals {
    uint64_t samples;
    uint64_t bytes;
    uint64_t flushes;
    uint64_t seq;
    struct buf frame;
    uint32_t flush_samples; /* of the present flush */
    uint64_t flush_bytes;
};

static bool next_line(struct recording *r) {
    return fgets(r->line, sizeof r->line, r->file) != NULL;
}

static void define(struct recording *r, struct tags *tags) {
    bench_need(next_line(r), "the number of tags");
    r->n = (uint32_t)strtoul(r->line, NULL, 10);
    bench_need(r->n > 0 && r->n <= COLUMNS_MAX, "tags: 1 to 256");
    for (uint32_t i = 0; i < r->n; i++) {
        bench_need(next_line(r), "a tag's line");
        size_t name = strcspn(r->line, " ");
        char *rest = r->line + name;
        struct column *c = &r->columns[i];
        c->scale = strtod(rest, &rest);
        c->device = strtoll(rest, NULL, 10);
        c->last = NAN;
        const struct tag_def def = {.name = slice_of(r->line, name),
                                    .type = c->scale == 0 ? VALUE_BOOL : VALUE_SCALED,
                                    .flags = DICT_HISTORISE,
                                    .scale = c->scale};
        uint32_t tag = 0;
        bench_need(tags_define(tags, &def, &tag, NULL) == OK && tag == i, "a tag's definition");
    }
}

static enum status on_samples(void *ctx, const struct link_sample *v, uint32_t n, struct error *err) {
    struct totals *t = ctx;
    buf_clear(&t->frame);
    size_t mark = frame_begin(&t->frame, MSG_DATA, FRAME_JOURNALED);
    prefix_encode(&t->frame, true, &(struct msg_prefix){.seq = EPOCH_SEQ + t->seq++, .dict = 1});
    data_encode(&t->frame, v, n);
    frame_end(&t->frame, mark);
    t->flush_samples += n;
    t->flush_bytes += t->frame.n;
    return buf_status(&t->frame, err);
}

static void flush(struct tags *tags, struct totals *t, uint32_t least) {
    t->flush_samples = 0;
    t->flush_bytes = 0;
    bench_need(tags_take(tags, on_samples, t, NULL) == OK, "a flush");
    if (t->flush_samples >= least) {
        t->samples += t->flush_samples;
        t->bytes += t->flush_bytes;
        t->flushes++;
    }
}

static void put_row(struct recording *r, struct tags *tags) {
    char *at = r->line;
    int64_t t_us = START_US + (int64_t)(strtod(at, &at) * 1e6);
    for (uint32_t i = 0; i < r->n; i++) {
        struct column *c = &r->columns[i];
        double value = strtod(at, &at);
        if (value != c->last) {
            bench_need(tags_put(tags, i, t_us + c->device * DEVICE_US, value, 0, NULL) == OK, "a sample");
            c->last = value;
        }
    }
}

int main(int argc, char **argv) {
    static struct recording r;
    struct tags *tags = NULL;
    struct totals t = {0};
    uint64_t rows_a_flush = bench_arg(argc, argv, 2, 1);
    uint32_t least = (uint32_t)bench_arg(argc, argv, 3, 1);
    r.file = argc > 1 ? fopen(argv[1], "r") : NULL;
    bench_need(r.file != NULL, "the recording");
    bench_need(tags_new(&tags, NULL) == OK, "memory");
    buf_init(&t.frame, LINK_FRAME_HEAD + LINK_BODY_MAX);
    define(&r, tags);
    double cpu_s = bench_cpu_s();
    double wall_s = bench_wall_s();
    for (uint64_t row = 1; next_line(&r); row++) {
        put_row(&r, tags);
        if (row % rows_a_flush == 0) {
            flush(tags, &t, least);
        }
    }
    flush(tags, &t, least);
    char more[128];
    (void)snprintf(more, sizeof more, ",\"bytes\":%llu,\"flushes\":%llu", (unsigned long long)t.bytes,
                   (unsigned long long)t.flushes);
    bench_report("wire_bytes", t.samples, bench_cpu_s() - cpu_s, bench_wall_s() - wall_s, more);
    (void)fclose(r.file);
    buf_done(&t.frame);
    tags_free(&tags);
    return EXIT_SUCCESS;
}
