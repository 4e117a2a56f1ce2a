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

static enum status read_mixed(struct slice chunk, struct chunk_work *work, struct error *err) {
    if (chunk.n > 0 && (uint8_t)chunk.p[0] != CHUNK_MIXED_VERSION) {
        return error_set(err, ERR_INVALID, "bundle", "has a chunk of version %u, all of it have %d",
                         (unsigned)(uint8_t)chunk.p[0], CHUNK_MIXED_VERSION);
    }
    return chunk_read_columns(chunk, work, err);
}

static enum status read_all(struct slice bytes, struct chunk_work *work, struct error *err) {
    struct reader rest;
    reader_init(&rest, slice_of(bytes.p + BUNDLE_HEAD_BYTES, bytes.n - BUNDLE_HEAD_BYTES), "bundle", err);
    enum status status = OK;
    do {
        struct slice chunk = reader_bytes(&rest, "chunk", reader_u32(&rest, "bytes"));
        status = reader_ok(&rest) ? read_mixed(chunk, work, err) : rest.status;
    } while (status == OK && reader_left(&rest) > 0);
    return status;
}

enum status bundle_read_columns(struct slice bytes, struct chunk_work *work, struct error *err) {
    if (bytes.n == 0 || (uint8_t)bytes.p[0] != BUNDLE_VERSION) {
        return chunk_read_columns(bytes, work, err);
    }
    const struct chunk_columns *c = &work->columns;
    uint32_t before[] = {c->n, c->n_numbers, c->n_texts};
    enum status status = read_all(bytes, work, err);
    if (status != OK) {
        work->columns.n = before[0];
        work->columns.n_numbers = before[1];
        work->columns.n_texts = before[2];
    }
    return status;
}

enum status bundle_read(struct slice bytes, struct chunk_work *work, struct chunk_sample *ret_v,
                        uint32_t *ret_n, struct error *err) {
    chunk_columns_clear(&work->columns);
    enum status status = bundle_read_columns(bytes, work, err);
    if (status == OK) {
        chunk_take_columns(&work->columns, ret_v);
        *ret_n = work->columns.n;
    }
    return status;
}
