/* The list of requests that POST /api/alarms/requests takes: read, checked, and each kept with what became of
 * it. Who may not is settled here: neither the core nor the configuration hears of it. */
#ifndef PENSTOCK_API_REQUEST_LIST_H
#define PENSTOCK_API_REQUEST_LIST_H

#include "server/api/second.h"

struct change;

enum { REQUEST_FAULT_SIZE = 480 };

/* One request of the list: what was asked, and what became of it. */
struct request_item {
    struct alarm_request ask; /* texts are the list's */
    const char *name;
    bool settled; /* nobody need be asked any more */
    struct alarm_answer answer;
    const char *result; /* of what the core does not know; else NULL */
};

struct request_list {
    struct http_request *r;
    struct json_in in;     /* keeps the texts of the items */
    struct second second;  /* for disable and enable */
    struct change *change; /* of disable and enable; NULL if there are none */
    const char *comment;
    char desk[ALARM_DESK_SIZE];
    char fault[REQUEST_FAULT_SIZE]; /* why the configuration was not changed */
    struct slice touched;           /* JSON, while it is answered: whose second person was not named */
    uint32_t n;
    struct request_item v[];
};

enum request_form { REQUESTS_ANY, REQUESTS_ACK };

/* NULL: answered. */
struct request_list *request_list_read(struct api *a, struct http_request *r, enum request_form form);
void request_list_free(struct request_list *q);
void request_settle(struct request_item *item, enum alarm_reply result);
/* disable and enable: what the configuration says. */
bool request_is_setting(enum alarm_request_kind kind);
/* The position in the body of a request, by its name ("" if there is none; a fault if it is not known).
 * MODEL_NONE if there is none. */
uint32_t request_position(struct api *a, struct json_in *in, const char **ret_name);

#endif
