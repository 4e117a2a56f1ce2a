#include "server/history/bundle.h"

#include "protocol/wire.h"

void bundle_begin(struct buf *out) {
    static const uint8_t version = BUNDLE_VERSION;
    buf_append(out, &version, sizeof version);
}

void bundle_add(struct buf *out, struct slice chunk) {
    write_u32(out, (uint32_t)chunk.n); /* a chunk's bytes are far fewer */
    buf_append(out, chunk.p, chunk.n);
}

bool bundle_is_mixed(struct slice bytes) {
    return bytes.n > 0 &&
           ((uint8_t)bytes.p[0] == CHUNK_MIXED_VERSION || (uint8_t)bytes.p[0] == BUNDLE_VERSION);
}

/* Refuses a chunk that has more samples than there is room for, before it is read. */
static enum status check_chunk(struct slice chunk, uint32_t room, struct error *err) {
    struct reader head;
    reader_init(&head, chunk, "a chunk of the bundle", err);
    uint8_t version = reader_u8(&head, "version");
    if (reader_ok(&head) && version != CHUNK_MIXED_VERSION) {
        reader_fail(&head, 0, ERR_INVALID, "has version %u, all of a bundle have %d", version,
                    CHUNK_MIXED_VERSION);
    }
    (void)reader_varint_max(&head, "samples", room);
    return reader_ok(&head) ? OK : head.status;
}

enum status bundle_read(struct slice bytes, struct chunk_work *work, struct chunk_sample *ret_v,
                        uint32_t *ret_n, struct error *err) {
    if (bytes.n == 0 || (uint8_t)bytes.p[0] != BUNDLE_VERSION) {
        return chunk_read(bytes, work, ret_v, ret_n, err);
    }
    struct reader rest;
    reader_init(&rest, slice_of(bytes.p + BUNDLE_HEAD_BYTES, bytes.n - BUNDLE_HEAD_BYTES), "bundle", err);
    uint32_t n = 0;
    do {
        struct slice chunk = reader_bytes(&rest, "chunk", reader_u32(&rest, "bytes"));
        uint32_t more = 0;
        enum status status = reader_ok(&rest) ? OK : rest.status;
        status = status == OK ? check_chunk(chunk, CHUNK_SAMPLES_MAX - n, err) : status;
        status = status == OK ? chunk_read(chunk, work, ret_v + n, &more, err) : status;
        if (status != OK) {
            return status;
        }
        n += more;
    } while (reader_left(&rest) > 0);
    *ret_n = n;
    return OK;
}
