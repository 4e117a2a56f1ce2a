#include "server/config/what_if_json.h"

#include "server/base/tm.h"

#include <inttypes.h>

const char *const what_if_assumptions[] = {
    "an annunciation is a raise or re-raise that is not hidden; notifications and tests are left out",
    "samples of the past count as received at their source time",
    "people's actions are not repeated: nothing is shelved, and all is acknowledged at once",
    "links are down as the journal of their comm alarms says: shorter losses are not known",
    "runtime, total and clock alarms, and alarms on tags without history, are not judged",
    NULL,
};

static void write_time(struct buf *out, const char *key, int64_t t_us) {
    char text[TM_TEXT_SIZE];
    buf_printf(out, "\"%s\":", key);
    if (t_us == INT64_MAX || tm_format(t_us, text) != OK) {
        buf_text(out, "null");
    } else {
        buf_printf(out, "\"%s\"", text);
    }
}

static void write_seconds(struct buf *out, const char *key, int64_t span_us) {
    buf_printf(out, "\"%s\":", key);
    buf_json_number(out, (double)span_us / 1e6);
}

static void write_flood(struct buf *out, const struct backtest_flood *f) {
    if (f->to_us == 0) {
        buf_text(out, "null");
        return;
    }
    buf_byte(out, '{');
    write_time(out, "from", f->from_us);
    buf_byte(out, ',');
    write_time(out, "to", f->to_us);
    buf_printf(out, ",\"n\":%u,\"peak\":%u,\"position\":", f->n, f->peak);
    buf_json_string(out, f->position);
    buf_byte(out, '}');
}

static void write_half(struct buf *out, const char *key, const struct backtest_half *h, uint32_t n_days) {
    buf_printf(out, ",\"%s\":{\"n\":%" PRIu64 ",\"per_day\":[", key, h->n);
    for (uint32_t i = 0; i < n_days; i++) {
        buf_printf(out, "%s%u", i > 0 ? "," : "", h->days[i]);
    }
    buf_text(out, "],\"longest_flood\":");
    write_flood(out, &h->longest_flood);
    buf_text(out, ",\"worst_position\":{\"position\":");
    buf_json_string(out, h->worst_position);
    buf_printf(out, ",\"n\":%" PRIu64 ",\"peak\":%u}}", h->worst_n, h->worst_peak);
}

static void write_changes(struct buf *out, const char *key, const struct backtest_change *v, uint32_t n) {
    buf_printf(out, ",\"%s\":[", key);
    for (uint32_t i = 0; i < n; i++) {
        buf_text(out, i > 0 ? ",{\"alarm\":" : "{\"alarm\":");
        buf_json_string(out, v[i].alarm);
        buf_byte(out, ',');
        write_time(out, "src", v[i].src_us);
        buf_byte(out, ',');
        write_time(out, "at", v[i].at_us);
        buf_byte(out, ',');
        write_time(out, "until", v[i].end_us);
        buf_printf(out, ",\"covered\":%s}", v[i].covered ? "true" : "false");
    }
    buf_byte(out, ']');
}

static void write_alarms(struct buf *out, const struct backtest_report *r) {
    buf_text(out, ",\"per_alarm\":[");
    for (uint32_t i = 0; i < r->n_alarms; i++) {
        const struct backtest_alarm *a = &r->alarms[i];
        buf_text(out, i > 0 ? ",{\"alarm\":" : "{\"alarm\":");
        buf_json_string(out, a->name);
        buf_printf(out, ",\"now\":%u,\"then\":%u,\"added\":%u,\"removed\":%u,\"missed\":%u,\"changed\":%u,",
                   a->now, a->then, a->added, a->removed, a->missed, a->moved);
        write_seconds(out, "latest_s", a->later_us);
        buf_byte(out, ',');
        write_seconds(out, "earliest_s", a->sooner_us);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

static void write_suggestion(struct buf *out, const struct what_if *w, const struct backtest_report *r) {
    if (r->n_rows == 0) {
        buf_text(out, ",\"suggestion\":null");
        return;
    }
    char text[256];
    backtest_suggestion(r, w->unit, text, sizeof text);
    buf_text(out, ",\"suggestion\":{\"alarm\":");
    buf_json_string(out, w->suggest);
    buf_text(out, ",\"text\":");
    buf_json_string(out, slice_str(text));
    buf_printf(out, ",\"best\":%u,\"rows\":[", r->best);
    for (uint32_t i = 0; i < r->n_rows; i++) {
        const struct backtest_row *row = &r->rows[i];
        buf_byte(out, i > 0 ? ',' : ' ');
        buf_byte(out, '{');
        write_seconds(out, "on_delay_s", row->on_delay_us);
        buf_byte(out, ',');
        write_seconds(out, "off_delay_s", row->off_delay_us);
        buf_text(out, ",\"deadband\":");
        buf_json_number(out, row->deadband);
        buf_printf(out, ",\"n\":%u,\"missed\":%u,", row->n, row->missed);
        write_seconds(out, "latest_s", row->later_us);
        buf_byte(out, '}');
    }
    buf_text(out, "]}");
}

void what_if_json(const struct what_if *w, const struct backtest_report *r, struct buf *out) {
    buf_byte(out, '{');
    write_time(out, "from", r->from_us);
    buf_byte(out, ',');
    write_time(out, "to", r->to_us);
    buf_printf(out,
               ",\"scope\":\"%s\",\"tags\":%u,\"samples\":%" PRIu64
               ",\"alarms_judged\":%u,\"alarms_not_judged\":%u,\"truncated\":%s,\"assumptions\":[",
               r->whole ? "all" : "touched", r->n_tags, r->n_samples, r->n_judged, r->n_unjudged,
               r->truncated ? "true" : "false");
    for (uint32_t i = 0; what_if_assumptions[i] != NULL; i++) {
        buf_text(out, i > 0 ? "," : "");
        buf_json_string(out, slice_str(what_if_assumptions[i]));
    }
    buf_text(out, "],");
    write_time(out, "compared_until", r->compared_until_us);
    write_half(out, "now", &r->now, r->n_days);
    write_half(out, "then", &r->then, r->n_days);
    buf_printf(out,
               ",\"n_added\":%" PRIu64 ",\"n_removed\":%" PRIu64 ",\"missed\":%" PRIu64
               ",\"changed\":%" PRIu64 ",",
               r->n_added, r->n_removed, r->n_missed, r->n_moved);
    write_seconds(out, "latest_s", r->later_us);
    buf_byte(out, ',');
    write_seconds(out, "earliest_s", r->sooner_us);
    write_changes(out, "added", r->added, r->n_added_listed);
    write_changes(out, "removed", r->removed, r->n_removed_listed);
    write_alarms(out, r);
    write_suggestion(out, w, r);
    buf_byte(out, '}');
}
