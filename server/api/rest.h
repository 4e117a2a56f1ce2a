/* The handlers behind the routes, one file per resource (rest_*.c). Each answers its request once, now or
 * when the host has answered. */
#ifndef PENSTOCK_API_REST_H
#define PENSTOCK_API_REST_H

#include "server/api/state.h"

/* rest_session.c */
void rest_session_create(struct api *a, struct http_request *r);
void rest_session_get(struct api *a, struct http_request *r);
void rest_session_delete(struct api *a, struct http_request *r);
void rest_session_password(struct api *a, struct http_request *r);
/* rest_health.c */
void rest_health(struct api *a, struct http_request *r);
void rest_openapi(struct api *a, struct http_request *r);
/* rest_lists.c */
void rest_sites(struct api *a, struct http_request *r);
void rest_gateways(struct api *a, struct http_request *r);
void rest_gateway_release(struct api *a, struct http_request *r);
void rest_tags(struct api *a, struct http_request *r);
void rest_alarm_settings(struct api *a, struct http_request *r);
/* rest_items.c */
void rest_site_get(struct api *a, struct http_request *r);
void rest_gateway_get(struct api *a, struct http_request *r);
void rest_tag_get(struct api *a, struct http_request *r);
void rest_alarm_setting_get(struct api *a, struct http_request *r);
void rest_site_put(struct api *a, struct http_request *r);
void rest_gateway_put(struct api *a, struct http_request *r);
void rest_tag_put(struct api *a, struct http_request *r);
void rest_alarm_setting_put(struct api *a, struct http_request *r);
void rest_site_delete(struct api *a, struct http_request *r);
void rest_gateway_delete(struct api *a, struct http_request *r);
void rest_tag_delete(struct api *a, struct http_request *r);
void rest_alarm_setting_delete(struct api *a, struct http_request *r);
/* rest_identity.c */
void rest_gateway_enrol(struct api *a, struct http_request *r);
void rest_gateway_revoke(struct api *a, struct http_request *r);
void rest_gateway_window(struct api *a, struct http_request *r);
/* rest_config.c */
void rest_config_get(struct api *a, struct http_request *r);
void rest_config_post(struct api *a, struct http_request *r);
void rest_revisions(struct api *a, struct http_request *r);
/* rest_store.c */
void rest_store(struct api *a, struct http_request *r);

/* rest_ledger.c */
void rest_ledger(struct api *a, struct http_request *r);
void rest_gateway_ledger(struct api *a, struct http_request *r);
/* rest_quarantine.c */
void rest_quarantine(struct api *a, struct http_request *r);
void rest_quarantine_get(struct api *a, struct http_request *r);
void rest_quarantine_record(struct api *a, struct http_request *r);
void rest_quarantine_replay(struct api *a, struct http_request *r);
/* rest_samples.c */
void rest_samples(struct api *a, struct http_request *r);
void rest_samples_many(struct api *a, struct http_request *r);
/* rest_raw.c */
void rest_raw(struct api *a, struct http_request *r);
/* rest_aggregates.c */
void rest_aggregates(struct api *a, struct http_request *r);
/* rest_alarms.c */
void rest_alarms(struct api *a, struct http_request *r);
void rest_alarm_history(struct api *a, struct http_request *r);
/* rest_alarm.c */
void rest_alarm(struct api *a, struct http_request *r);
void rest_alarm_why(struct api *a, struct http_request *r);
/* rest_alarm_reports.c */
void rest_alarm_state_at(struct api *a, struct http_request *r);
void rest_alarm_kpi(struct api *a, struct http_request *r);
void rest_alarm_bad_actors(struct api *a, struct http_request *r);
/* rest_alarm_checks.c */
void rest_alarm_checks(struct api *a, struct http_request *r);
/* rest_requests.c */
void rest_alarm_requests(struct api *a, struct http_request *r);
void rest_alarm_ack(struct api *a, struct http_request *r);
void rest_alarm_silence(struct api *a, struct http_request *r);
/* rest_backtest.c */
void rest_backtest_start(struct api *a, struct http_request *r);
void rest_backtests(struct api *a, struct http_request *r);
void rest_backtest(struct api *a, struct http_request *r);
void rest_backtest_cancel(struct api *a, struct http_request *r);
/* rest_audit.c */
void rest_audit(struct api *a, struct http_request *r);

#endif
