/* Any bytes as a stream of frames: what is taken encodes to the same bytes, what is missing is named rightly.
 */
#include "protocol/frame.h"
#include "tests/fuzz/fuzz.h"

/* What was taken: it encodes to the same bytes, and with its last byte missing it is not whole. */
static void check_taken(const uint8_t *p, size_t n, size_t need, const struct frame *f) {
    CHECK(need <= n);
    CHECK(need == LINK_FRAME_HEAD + f->body.n);
    struct buf again;
    buf_init(&again, need);
    frame_append(&again, f->type, f->flags, f->body);
    CHECK(slice_eq(buf_slice(&again), slice_of(p, need)));
    buf_done(&again);
    struct frame cut;
    size_t cut_need = 0;
    CHECK(frame_parse(p, need - 1, LINK_BODY_MAX, &cut, &cut_need, NULL) == FRAME_MORE);
    CHECK(cut_need == need);
}

/* n bytes were not enough. */
static void check_missing(size_t n, size_t need) {
    CHECK(need > n);
    CHECK(need <= LINK_FRAME_HEAD + LINK_BODY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    for (size_t at = 0; at < n;) {
        struct frame f = {0};
        size_t need = 0;
        struct error err = {0};
        switch (frame_parse(p + at, n - at, LINK_BODY_MAX, &f, &need, &err)) {
        case FRAME_OK:
            check_taken(p + at, n - at, need, &f);
            at += need;
            break;
        case FRAME_MORE:
            check_missing(n - at, need);
            return 0;
        case FRAME_BAD:
            check_refusal(err.code, &err);
            return 0;
        }
    }
    return 0;
}
