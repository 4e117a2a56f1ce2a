/* Any bytes as a stream of frames: what is taken encodes to the same bytes, what is missing is named rightly.
 */
#include "protocol/frame.h"
#include "tests/fuzz/fuzz.h"

/* With its last byte missing a frame is not whole, and needs as much as it did. */
static void check_cut(const uint8_t *p, size_t need) {
    struct frame f;
    size_t cut_need = 0;
    struct error err = {0};
    CHECK(frame_parse(p, need - 1, LINK_BODY_MAX, &f, &cut_need, &err) == FRAME_MORE);
    CHECK(cut_need == need || (need == LINK_FRAME_HEAD && cut_need == LINK_FRAME_HEAD));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    size_t at = 0;
    while (at < n) {
        struct frame f = {0};
        size_t need = 0;
        struct error err = {0};
        enum frame_result result = frame_parse(p + at, n - at, LINK_BODY_MAX, &f, &need, &err);
        if (result == FRAME_BAD) {
            check_refusal(err.code, &err);
            return 0;
        }
        if (result == FRAME_MORE) {
            CHECK(need > n - at);
            CHECK(need <= LINK_FRAME_HEAD + LINK_BODY_MAX);
            return 0;
        }
        CHECK(need == LINK_FRAME_HEAD + f.body.n);
        CHECK(need <= n - at);
        check_cut(p + at, need);
        struct buf again;
        buf_init(&again, need);
        frame_append(&again, f.type, f.flags, f.body);
        CHECK(slice_eq(buf_slice(&again), slice_of(p + at, need)));
        buf_done(&again);
        at += need;
    }
    return 0;
}
