#include "server/store/figures_sql.h"

#include "server/base/check.h"

/* $1 to $3: period and position. The functions read the period by alarm_journal_at_idx. A list is one figure:
 * how many there are, and the first FIGURES_LIST_MAX ($4) as JSON. */
#define LIST(name, function)                                                                                 \
    " union all"                                                                                             \
    " select '" name "', count(*)::double precision,"                                                        \
    "        jsonb_agg(to_jsonb(x) - 'place_') filter (where x.place_ <= $4)::text"                          \
    "   from (select row_number() over () as place_, f.* from " function "($1, $2, nullif($3, '')) f) x"
static const char kpi_sql[] =
    "select f.name, f.value, to_jsonb(string_to_array(f.text_value, ','))::text"
    "  from alarm_kpi($1, $2, nullif($3, '')) f"
    " union all"
    " select f.name, f.value, null from alarm_kpi_configured(nullif($3, '')) f" LIST(
        "flood_list", "alarm_kpi_floods") LIST("top_list", "alarm_kpi_top")
        LIST("stale_list", "alarm_kpi_stale") LIST("held_list", "alarm_kpi_held")
            LIST("change_list", "alarm_kpi_changes") " union all"
                                                     " select 'stamp_list', count(*)::double precision,"
                                                     "        jsonb_agg(to_jsonb(x) - 'place_') filter "
                                                     "(where x.place_ <= $4)::text"
                                                     "   from (select row_number() over () as place_, f.* "
                                                     "from alarm_kpi_stamp($1, $2, nullif($3, '')) f"
                                                     "          where f.fast or f.many) x";

/* The comment of the function is the definition of its columns. */
static const char actors_sql[] =
    "select f.name, f.n::double precision, to_jsonb(f)::text,"
    "       obj_description('alarm_bad_actor(bigint,bigint,text)'::regprocedure, 'pg_proc')"
    "  from alarm_bad_actor($1, $2, nullif($3, '')) f limit $4";

static const struct {
    const char *name;
    const char *text;
} definitions[] = {
    {"n", "Annunciations of the period: activations that were not hidden. Notifications, history and alarms "
          "being tried out do not count."},
    {"bins", "Ten-minute bins of the period; the last one may be shorter."},
    {"mean10", "Annunciations for each ten minutes, on average."},
    {"mean_hour", "Annunciations for each hour, on average."},
    {"mean_day", "Annunciations for each day, on average."},
    {"peak10", "Most annunciations in one ten-minute bin."},
    {"bins_gt10", "Ten-minute bins with more than 10 annunciations."},
    {"pct_bins_gt10", "Share of ten-minute bins with more than 10 annunciations, in percent."},
    {"floods", "Floods: each begins with a bin of more than 10 annunciations and ends before the first bin "
               "of fewer than 5."},
    {"flood_s", "Time in floods, in seconds."},
    {"flood_pct", "Share of the period's time in floods, in percent."},
    {"flood_alarms", "Annunciations in floods."},
    {"flood_peak", "Most annunciations in one bin of a flood."},
    {"top10_pct", "Share of annunciations that the ten most frequent alarms cause, in percent."},
    {"prio", "Share of annunciations of this priority, in percent."},
    {"chattering", "Alarms that were announced three times or more within 60 seconds."},
    {"psi_over",
     "Alarms whose chatter index (mean of one by the seconds between two annunciations) is 0.05 or more."},
    {"fleeting",
     "Alarms that were active for less than 10 seconds with no other occurrence within 60 seconds."},
    {"stale", "Alarms that at the end had been active and shown for more than 24 hours without a break."},
    {"stale_worst", "Most alarms that were stale on one day."},
    {"stale_worst_from", "Beginning of that day, in seconds since 1970, UTC."},
    {"standing", "Alarms that were active and shown at the end."},
    {"standing_mean", "Alarms that were active and shown, averaged over the period's time."},
    {"rtn", "Returns to normal of annunciated occurrences."},
    {"rtn_unacked", "Returns to normal before anybody acknowledged."},
    {"rtn_unacked_pct", "Share of returns before an acknowledgement, in percent."},
    {"acks", "Acknowledgements by people."},
    {"rubber_stamp", "Acknowledgements less than 2 seconds after the activation, or of more than 5 by one "
                     "person within 10 seconds."},
    {"rubber_stamp_pct", "Share of such acknowledgements, in percent."},
    {"reannounced", "Announcements anew of alarms that nobody acknowledged in time."},
    {"escalated", "Rises of priority of alarms that nobody acknowledged in time."},
    {"prio_raised", "Rises of priority while active and shown."},
    {"came_back", "Alarms that were shown again while active, because what hid them ended."},
    {"tta_n", "Occurrences of the period that were acknowledged before its end."},
    {"tta_p50", "Time from annunciation to acknowledgement in seconds: half of them took no longer."},
    {"tta_p95", "Time from annunciation to acknowledgement in seconds: 95 percent took no longer."},
    {"shelved", "Alarms that were shelved at the end."},
    {"suppressed", "Alarms that were suppressed by design at the end."},
    {"oos", "Alarms that were out of service at the end."},
    {"disabled", "Alarms that were disabled at the end."},
    {"shelved_n", "How often alarms were shelved, or their shelf renewed."},
    {"suppressed_n", "How often suppression began."},
    {"oos_n", "How often alarms were taken out of service."},
    {"disabled_n", "How often alarms were disabled."},
    {"shelved_hours", "Time on the shelf of all alarms together, in hours."},
    {"suppressed_hours", "Time suppressed of all alarms together, in hours."},
    {"oos_hours", "Time out of service of all alarms together, in hours."},
    {"disabled_hours", "Time disabled of all alarms together, in hours."},
    {"shelved_longest_h", "Longest stay on the shelf that reaches into the period, in hours."},
    {"suppressed_longest_h", "Longest suppression that reaches into the period, in hours."},
    {"oos_longest_h", "Longest time out of service that reaches into the period, in hours."},
    {"disabled_longest_h", "Longest time disabled that reaches into the period, in hours."},
    {"configured", "Enabled alarms of the configuration in force; by priority: their share in percent."},
    {"rationalised", "Enabled alarms that tell cause, consequence, action and time to act."},
    {"rationalised_pct", "Share of enabled alarms that are rationalised, in percent."},
    {"flood_list", "Each flood: its bins' times, annunciations, and most in one bin."},
    {"top_list", "The ten most frequent alarms with their share of all annunciations and the sum of shares "
                 "so far, in percent."},
    {"stale_list", "Alarms that were stale in the period, and on which of its days."},
    {"held_list",
     "Alarms that were shelved, suppressed, out of service or disabled, with times, person and reason."},
    {"stamp_list", "Acknowledgements that look like a rubber stamp: fast, or one of many."},
    {"change_list", "Changes of limit, deadband, priority and delays, and whether the alarm was rationalised "
                    "anew with them."}};

static const char *const priorities[] = {"_critical", "_high", "_medium", "_low"};

/* "tta_p50_critical" is "tta_p50", of one priority. */
static struct slice without_priority(struct slice name) {
    for (size_t i = 0; i < sizeof priorities / sizeof priorities[0]; i++) {
        size_t n = strlen(priorities[i]);
        if (name.n > n && memcmp(name.p + name.n - n, priorities[i], n) == 0) {
            return slice_of(name.p, name.n - n);
        }
    }
    return name;
}

struct slice figure_definition(struct slice name) {
    struct slice base = without_priority(name);
    for (size_t i = 0; i < sizeof definitions / sizeof definitions[0]; i++) {
        if (slice_is(base, definitions[i].name)) {
            return slice_str(definitions[i].text);
        }
    }
    return slice_of(NULL, 0);
}

enum status figures_check(const struct request *r, struct error *err) {
    if (r->kpi.from_us >= r->kpi.to_us) {
        return error_set(err, ERR_INVALID, "from", "must be before to");
    }
    return OK;
}

void figures_send(struct pg *pg, struct pg_args *args, const struct request *r) {
    pg_arg_i64(args, r->kpi.from_us);
    pg_arg_i64(args, r->kpi.to_us);
    pg_arg_text(args, slice_str(r->kpi.position));
    pg_arg_i64(args, FIGURES_LIST_MAX);
    pg_send(pg, r->kind == REQ_ALARM_KPI ? kpi_sql : actors_sql, args);
}

void figures_reply(const PGresult *result, struct figure_row *rows, struct reply *ret) {
    ret->figures.v = rows;
    ret->figures.n = (uint32_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++) {
        struct figure_row *f = &rows[row];
        f->name = pg_get_slice(result, row, 0);
        f->value = pg_get_f64(result, row, 1);
        f->text = pg_get_slice(result, row, 2);
        f->definition =
            ret->kind == REQ_ALARM_KPI ? figure_definition(f->name) : pg_get_slice(result, row, 3);
    }
}
