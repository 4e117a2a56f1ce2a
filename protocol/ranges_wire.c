#include "protocol/ranges_wire.h"

#include "server/base/check.h"

uint32_t ranges_read(struct reader *r, struct seq_range *v) {
    uint32_t n = reader_count(r, "number of ranges", LINK_ACK_RANGES_MAX, 2);
    uint64_t end = 0;
    for (uint32_t i = 0; i < n && reader_ok(r); i++) {
        size_t at = r->at;
        uint64_t gap = reader_varint(r, "gap before a range");
        uint64_t length = reader_varint(r, "length of a range");
        if (reader_ok(r) && (length == 0 || (gap == 0 && i > 0))) {
            reader_fail(r, at, ERR_INVALID,
                        "range %u: gap %llu, length %llu; ranges must neither touch nor be "
                        "empty",
                        i, (unsigned long long)gap, (unsigned long long)length);
        }
        if (__builtin_add_overflow(end, gap, &v[i].first) ||
            __builtin_add_overflow(v[i].first, length, &v[i].end)) {
            reader_fail(r, at, ERR_INVALID, "range %u ends beyond 64 bits", i);
        }
        end = v[i].end;
    }
    return reader_ok(r) ? n : 0;
}

void ranges_write(struct buf *out, const struct seq_range *v, uint32_t n) {
    CHECK(n <= LINK_ACK_RANGES_MAX);
    write_varint(out, n);
    uint64_t end = 0;
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].first > end || (i == 0 && v[i].first == 0));
        CHECK(v[i].end > v[i].first);
        write_varint(out, v[i].first - end);
        write_varint(out, v[i].end - v[i].first);
        end = v[i].end;
    }
}

enum server_state state_read(struct reader *r) {
    uint8_t state = reader_u8(r, "server state");
    return state <= SERVER_NOT_STORING ? (enum server_state)state : SERVER_NOT_STORING;
}
