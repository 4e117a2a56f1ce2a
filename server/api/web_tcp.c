#include "server/api/web_tcp.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

bool web_any_byte(int fd) {
    struct tcp_info info = {0};
    socklen_t n = sizeof info;
    return fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 || info.tcpi_bytes_received > 0;
}
