/* One question to the kernel about a connection. In a file of its own: the kernel's header, which has the
 * counter, and glibc's, which libwebsockets includes, exclude each other. */
#ifndef PENSTOCK_API_WEB_TCP_H
#define PENSTOCK_API_WEB_TCP_H

#include <stdbool.h>

/* Did the peer ever send something? The bytes of a TLS handshake count. Unknown counts as yes. */
bool web_any_byte(int fd);

#endif
