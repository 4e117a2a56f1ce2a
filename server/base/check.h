/* Programmer errors crash, in release builds too: a server that goes on with a broken invariant lies to an
 * operator. Input from outside is never CHECKed: it gets a status. One condition each, so that the line names
 * what broke. */
#ifndef PENSTOCK_BASE_CHECK_H
#define PENSTOCK_BASE_CHECK_H

/* Prints file, line and condition to stderr and aborts. */
__attribute__((noreturn, cold)) void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (__builtin_expect(!(condition), 0)) {                                                             \
            check_failed(__FILE__, __LINE__, #condition);                                                    \
        }                                                                                                    \
    } while (0)

#endif
