/* Browsers, as many as wanted, in one thread: each opens a WebSocket over TLS, asks for a view, and reads
 * what comes. Sockets are shared out to as many sessions as the server wants; a session is a cookie that the
 * server's host accepts, and is shown by one request before its sockets open. */
#ifndef PENSTOCK_TESTS_BENCH_WS_CLIENTS_H
#define PENSTOCK_TESTS_BENCH_WS_CLIENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ws_clients {
    const char *ca; /* file */
    uint16_t port;
    uint32_t n;
    uint32_t per_session; /* sockets; 0: no session is shown */
    uint32_t views;       /* the i-th asks for "site/S" and the rest of i / views */
    atomic_bool ready;    /* all have asked */
    atomic_ullong frames; /* whole messages that came */
    atomic_ullong bytes;  /* … without their WebSocket heads */
};

/* Starts the thread, which lives as long as the program; any error ends the program. */
void ws_clients_start(struct ws_clients *c);

#endif
