/* The second person of a change that touches highly managed alarms (server/config/two_people.h): another
 * account that may change the configuration, named and proven by its password in the first one's request. It
 * is tried as a login is: with the same work whether the account exists or not, slowed by the same buckets,
 * and a failure leaves an audit row ("config.second_refused", of the first person, with the name that was
 * tried). One-time codes do not count, and no session is opened. */
#ifndef PENSTOCK_API_SECOND_H
#define PENSTOCK_API_SECOND_H

#include "server/api/json_in.h"
#include "server/api/password.h"
#include "server/api/state.h"

/* As it came in a request's "second"; name is "" if there was none. */
struct second {
    char name[USER_NAME_SIZE];
    char password[PASSWORD_MAX + 1];
};

/* Reads {"name","password"} if it is there, faults included (pointers below "/second"), and wipes the
 * password in the document. The request's first person cannot be the second. */
void second_read(struct json_in *in, const struct http_request *r, struct second *ret);
/* Wipes it. */
void second_forget(struct second *s);
/* Wipes the request's body, where it stood. */
void second_wipe_body(struct http_request *r);

enum second_verdict {
    SECOND_AGREED,
    SECOND_WRONG,     /* name or password, or the account is disabled: which one is not told */
    SECOND_ROLE,      /* proven, but may not change the configuration */
    SECOND_TOO_OFTEN, /* wait_s */
    SECOND_UNKNOWN,   /* nobody could say: status and error */
};
struct second_answer {
    enum second_verdict verdict;
    long long wait_s;
    enum status status;
    struct error error;
};
/* The answer lives during the call. */
typedef void (*second_done)(void *ctx, const struct second_answer *answer);

/* Tries it for the request; done is told once, before or after this returns. */
void second_verify(struct login *l, const struct http_request *r, const struct second *s, second_done done,
                   void *ctx);

#endif
