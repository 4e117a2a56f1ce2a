/* How many bytes a sample takes on the line: a recording goes through a gateway's tags and the codec, one
 * frame a flush, with its head and all. Only what changed is reported. Arguments: the recording (below), rows
 * in a flush, least samples of a flush that counts.
 *
 * With a fourth argument, the line is down meanwhile: a row each so many seconds, flushed each second, goes
 * through a recorder into a journal (made durable each second, in /dev/shm); then the line comes up, and what
 * the uplink sends as backlog is counted, with the heads of its frames.
 *
 * The recording is text: the number of tags; for each a line "name scale device" (scale 0: a bool); then for
 * each row the time in seconds and a value for each tag. Devices are read one after the other, so that the
 * samples of a scan have as many times. */
#include "protocol/client/uplink.h"
#include "protocol/frame.h"
#include "tests/bench/bench.h"

#include <dirent.h>
#include <fcntl.h>
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
    const struct tags *tags;
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

/* seconds 0: at the recording's own times; else the next row so much later. */
static void put_row(struct recording *r, struct tags *tags, uint64_t row, uint64_t seconds) {
    char *at = r->line;
    double recorded_s = strtod(at, &at);
    double t_s = seconds == 0 ? recorded_s : (double)(row * seconds);
    int64_t t_us = START_US + (int64_t)(t_s * 1e6);
    for (uint32_t i = 0; i < r->n; i++) {
        struct column *c = &r->columns[i];
        double value = strtod(at, &at);
        if (value != c->last) {
            bench_need(tags_put(tags, i, t_us + c->device * DEVICE_US, value, 0, NULL) == OK, "a sample");
            c->last = value;
        }
    }
}

/* ---- an outage ---- */

struct outage {
    char dir[40];
    struct journal *journal;
    struct recorder recorder;
    struct uplink *uplink;
    struct moment now;
};

static uint64_t new_epoch(void *ctx) {
    (void)ctx;
    return 2;
}

static void outage_begin(struct outage *o, struct tags *tags) {
    (void)snprintf(o->dir, sizeof o->dir, "/dev/shm/penstock-bench-XXXXXX");
    bench_need(mkdtemp(o->dir) != NULL, "a directory in /dev/shm");
    const struct journal_config cfg = {.dir = o->dir, .capacity_bytes = (uint64_t)256 << 20, .epoch = 1};
    bench_need(journal_open(&cfg, &o->journal, NULL) == OK, "a journal");
    recorder_init(&o->recorder, tags, o->journal, 0, &(struct recorder_host){.new_epoch = new_epoch});
    const struct uplink_config up = {.gateway = slice_str("bench"), .software = slice_str("bench")};
    bench_need(uplink_new(&up, &o->recorder, &o->uplink, NULL) == OK, "an uplink");
    o->now = (struct moment){.wall_us = START_US, .mono_us = 1000000};
}

static void outage_second(struct outage *o) {
    o->now.wall_us += 1000000;
    o->now.mono_us += 1000000;
    o->recorder.gathers = !uplink_is_live(o->uplink);
    bench_need(recorder_flush(&o->recorder, o->now, NULL) == OK, "a flush");
    bench_need(recorder_sync(&o->recorder, o->now, NULL) == OK, "a sync");
}

static void say(struct outage *o, enum msg_type type, const struct buf *body) {
    struct buf frame;
    buf_init(&frame, LINK_FRAME_HEAD + LINK_BODY_MAX);
    frame_append(&frame, (uint8_t)type, 0, buf_slice(body));
    uplink_receive(o->uplink, frame.p, frame.n, o->now);
    buf_done(&frame);
}

static void say_welcome(struct outage *o) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    welcome_encode(&body, &(struct msg_welcome){.version = LINK_VERSION,
                                                .session = 1,
                                                .now_us = o->now.wall_us,
                                                .window_bytes = LINK_WINDOW_BYTES,
                                                .window_frames = LINK_WINDOW_FRAMES,
                                                .max_frame = LINK_BODY_MAX,
                                                .backlog_rate = UINT32_C(1) << 30});
    say(o, MSG_WELCOME, &body);
    buf_done(&body);
}

static enum status count_sample(void *ctx, const struct link_sample *s, struct error *err) {
    (void)s;
    (void)err;
    struct totals *t = ctx;
    t->samples++;
    return OK;
}

static uint8_t type_of(void *ctx, uint32_t alias) {
    const struct totals *t = ctx;
    return tags_entry(t->tags, alias - 1)->type;
}

/* Counts a record and acknowledges it. */
static void take_frame(struct outage *o, struct totals *t, const struct frame *f, size_t bytes) {
    if ((f->flags & FRAME_JOURNALED) == 0) {
        return;
    }
    struct msg_prefix prefix;
    struct slice rest;
    bench_need(prefix_decode(f->body, true, &prefix, &rest, NULL) == OK, "a record");
    if (f->type == MSG_DATA) {
        bench_need((f->flags & FRAME_BACKLOG) != 0, "what waited is backlog");
        bench_need(data_decode(rest, type_of, count_sample, t, NULL) == OK, "the samples of a record");
        t->bytes += bytes;
        t->flushes++;
    }
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    ack_encode(&body, &(struct msg_ack){.n_ranges = 1, .ranges = {{.end = prefix.seq + 1}}});
    say(o, MSG_ACK, &body);
    buf_done(&body);
}

/* False if nothing came. */
static bool take_output(struct outage *o, struct totals *t) {
    uplink_advance(o->uplink, o->now);
    struct slice out = uplink_output(o->uplink);
    buf_clear(&t->frame);
    buf_append(&t->frame, out.p, out.n);
    uplink_sent(o->uplink, out.n);
    for (size_t at = 0; at < t->frame.n;) {
        struct frame f;
        size_t need = 0;
        bench_need(frame_parse(t->frame.p + at, t->frame.n - at, LINK_BODY_MAX, &f, &need, NULL) == FRAME_OK,
                   "a frame");
        take_frame(o, t, &f, need);
        at += need;
    }
    return t->frame.n > 0;
}

static void outage_end(struct outage *o, struct totals *t) {
    uplink_begin(o->uplink, o->now);
    (void)take_output(o, t);
    say_welcome(o);
    while (take_output(o, t)) {
        o->now.mono_us += 1000;
    }
    struct journal_stats stats;
    journal_get_stats(o->journal, &stats);
    bench_need(stats.waiting == 0 && stats.dropped_total == 0, "all is sent");
}

static void remove_directory(const char *path) {
    DIR *dir = opendir(path);
    bench_need(dir != NULL, "the directory");
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        (void)unlinkat(dirfd(dir), e->d_name, 0);
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

static uint64_t run_outage(struct recording *r, struct tags *tags, struct totals *t, uint64_t seconds) {
    static struct outage o;
    uint64_t put = 0;
    outage_begin(&o, tags);
    for (uint64_t row = 1; next_line(r); row++) {
        put_row(r, tags, row, seconds);
        put += tags_pending(tags);
        for (uint64_t i = 0; i < seconds; i++) {
            outage_second(&o);
        }
    }
    outage_end(&o, t);
    uplink_free(&o.uplink);
    journal_close(&o.journal);
    remove_directory(o.dir);
    return put;
}

static void run_live(struct recording *r, struct tags *tags, struct totals *t, uint64_t rows_a_flush,
                     uint32_t least) {
    for (uint64_t row = 1; next_line(r); row++) {
        put_row(r, tags, row, 0);
        if (row % rows_a_flush == 0) {
            flush(tags, t, least);
        }
    }
    flush(tags, t, least);
}

int main(int argc, char **argv) {
    static struct recording r;
    struct tags *tags = NULL;
    struct totals t = {0};
    uint64_t seconds_a_row = bench_arg(argc, argv, 4, 0);
    uint64_t rows_a_flush = bench_arg(argc, argv, 2, 1);
    uint32_t least = (uint32_t)bench_arg(argc, argv, 3, 1);
    r.file = argc > 1 ? fopen(argv[1], "r") : NULL;
    bench_need(r.file != NULL, "the recording");
    bench_need(tags_new(&tags, NULL) == OK, "memory");
    buf_init(&t.frame, (size_t)4 << 20);
    define(&r, tags);
    double cpu_s = bench_cpu_s();
    double wall_s = bench_wall_s();
    if (seconds_a_row > 0) {
        t.tags = tags;
        bench_need(run_outage(&r, tags, &t, seconds_a_row) == t.samples, "each sample arrives once");
    } else {
        run_live(&r, tags, &t, rows_a_flush, least);
    }
    char more[128];
    (void)snprintf(more, sizeof more, ",\"bytes\":%llu,\"flushes\":%llu", (unsigned long long)t.bytes,
                   (unsigned long long)t.flushes);
    bench_report("wire_bytes", t.samples, bench_cpu_s() - cpu_s, bench_wall_s() - wall_s, more);
    (void)fclose(r.file);
    buf_done(&t.frame);
    tags_free(&tags);
    return EXIT_SUCCESS;
}
