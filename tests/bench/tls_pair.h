/* Load for the receiving programs: a TLS 1.3 client in a thread of its own that connects to a port on
 * loopback and sends what it is given. It reads whenever there is something, also in the middle of a send, so
 * that two sides that wait for each other cannot happen. Keys from a directory of deploy/pki. */
#ifndef PENSTOCK_TESTS_BENCH_TLS_PAIR_H
#define PENSTOCK_TESTS_BENCH_TLS_PAIR_H

#include <stddef.h>
#include <stdint.h>

struct tls_writer {
    const char *pki;  /* directory */
    const char *name; /* gateway whose certificate is shown */
    uint16_t port;
    /* Both are called in the writer's thread. */
    void (*hear)(void *ctx, const uint8_t *p, size_t n);
    /* What to send next, valid until the next call; nothing (*ret_n = 0): asked again when something was
     * heard.
     */
    void (*next)(void *ctx, const uint8_t **ret_p, size_t *ret_n);
    void *ctx;
};

/* Starts the thread, which lives as long as the program; any error ends the program. */
void tls_writer_start(const struct tls_writer *w);

#endif
