#include "server/base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <stdbool.h>
#include <string.h>
#endif

/* Four bits at a time: 64 bytes of table, fast enough for flash and mobile lines. */
static const uint32_t nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_by_table(uint32_t crc, const void *p, size_t n) {
    const uint8_t *byte = p;
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= byte[i];
        crc = nibble[crc & 15] ^ (crc >> 4);
        crc = nibble[crc & 15] ^ (crc >> 4);
    }
    return ~crc;
}

#if defined(__x86_64__)
/* Servers have an instruction for it, some twenty times as fast. */
static bool has_instruction(void) {
    return __builtin_cpu_supports("sse4.2") != 0;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *byte,
                                                                 size_t n) {
    uint64_t wide = crc;
    size_t i = 0;
    for (; n - i >= sizeof wide; i += sizeof wide) {
        uint64_t eight;
        memcpy(&eight, byte + i, sizeof eight);
        wide = _mm_crc32_u64(wide, eight);
    }
    crc = (uint32_t)wide; /* its upper half is 0 */
    for (; i < n; i++) {
        crc = _mm_crc32_u8(crc, byte[i]);
    }
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n) {
#if defined(__x86_64__)
    if (has_instruction()) {
        return ~by_instruction(~crc, p, n);
    }
#endif
    return crc32c_by_table(crc, p, n);
}
