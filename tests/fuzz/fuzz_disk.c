/* What a gateway finds on its disk after anything happened to it. The first byte says which file the rest is:
 * a segment of the journal, the list of losses, the memory of commands, the state of the configuration, what
 * gathers.
 * Checksums are put right first, so that what is behind them is reached. Whatever is there: the journal
 * opens, tells, takes records, and opens again. */
#include "protocol/client/command_log.h"
#include "protocol/client/config_push.h"
#include "protocol/client/file.h"
#include "protocol/client/journal.h"
#include "server/base/crc32c.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EPOCH_AT = 8, SLOT = 64, CAPACITY = 64 * 1024, SEGMENT = 8 * 1024, GATHER_HEAD = 34, KINDS = 5 };

static const uint64_t epoch = UINT64_C(0x1122334455667788);

static void mend_segment(uint8_t *p, size_t n) {
    size_t at = 0;
    while (n - at >= SEGMENT_HEAD) {
        size_t len = get_u32(p + at) % 1024;
        len = len < n - at - SEGMENT_HEAD ? len : n - at - SEGMENT_HEAD;
        put_u32(p + at, (uint32_t)len);
        put_u64(p + at + EPOCH_AT, epoch);
        uint32_t crc = crc32c(0, p + at, 4);
        put_u32(p + at + 4, crc32c(crc, p + at + EPOCH_AT, SEGMENT_HEAD - EPOCH_AT + len));
        at += SEGMENT_HEAD + len;
    }
}

static void mend_slots(uint8_t *p, size_t n) {
    for (size_t at = 0; n - at >= SLOT; at += SLOT) {
        put_u32(p + at, crc32c(0, p + at + 4, SLOT - 4));
    }
}

/* The number in it is one that the journal may still have to give. */
static void mend_gathered(uint8_t *p, size_t n) {
    if (n < GATHER_HEAD) {
        return;
    }
    static const uint8_t magic[4] = {'P', 'S', 'G', 'A'};
    memcpy(p, magic, sizeof magic);
    p[15] |= 1; /* no epoch is 0 */
    p[23] &= 0x3f;
    uint32_t head = crc32c(0, p + 8, GATHER_HEAD - 8);
    put_u32(p + 4, head);
    for (size_t at = GATHER_HEAD; n - at >= 8;) {
        size_t len = get_u32(p + at) % 1024;
        len = len < n - at - 8 ? len : n - at - 8;
        put_u32(p + at, (uint32_t)len);
        put_u32(p + at + 4, crc32c(crc32c(head, p + at, 4), p + at + 8, len));
        at += 8 + len;
    }
}

static void write_file(int dir_fd, const char *name, const uint8_t *p, size_t n) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK(file_write_at(fd, name, p, n, 0, NULL) == OK);
    (void)close(fd);
}

static void hold_sample(struct journal *j) {
    const struct gather_head head = {.dict = 1};
    const struct link_sample s = {.alias = 1, .type = VALUE_INT, .t_us = 7, .i = 7};
    bool fits = false;
    if (journal_ready(j, &head, &s, 1, &fits, NULL) == OK && fits) {
        CHECK(journal_hold(j, &head, &s, 1, NULL) == OK);
    }
}

/* Flushes while the line is down. */
static void use_gather(struct journal *j) {
    hold_sample(j);
    hold_sample(j);
    bool sealed = journal_seal(j, NULL) == OK;
    CHECK(sealed || journal_holds(j));
}

static void use_journal(const char *dir, uint64_t start) {
    const struct journal_config cfg = {
        .dir = dir, .capacity_bytes = CAPACITY, .segment_bytes = SEGMENT, .epoch = start};
    struct journal *j = NULL;
    struct error err = {0};
    enum status st = journal_open(&cfg, &j, &err);
    if (st != OK) {
        check_refusal(st, &err);
        return;
    }
    (void)!journal_tell(j, 1, NULL);
    static const uint8_t body[600];
    for (int i = 0; i < 40; i++) {
        struct segment_entry e = {.type = 0x11, .t_us = 5, .samples = 1, .body = slice_of(body, sizeof body)};
        uint64_t seq = 0;
        (void)!journal_append(j, &e, &seq, NULL);
    }
    (void)!journal_tell(j, 2, NULL);
    use_gather(j);
    CHECK(journal_sync(j, NULL) == OK);
    struct journal_stats stats;
    journal_get_stats(j, &stats);
    struct journal_epoch epochs[4];
    uint32_t n = journal_epochs(j, epochs, 4, NULL);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(epochs[i].oldest_unacked <= epochs[i].next_seq);
        (void)!journal_commit(j, epochs[i].epoch, 0, epochs[i].oldest_unacked + 2, NULL);
    }
    journal_close(&j);
}

static enum status on_entry(void *ctx, const struct command_memory *m, struct error *err) {
    (void)err;
    uint32_t *n = ctx;
    (*n)++;
    CHECK(m->value.type <= VALUE_ENUM);
    return OK;
}

static void use_commands(int dir_fd) {
    struct command_log log;
    uint32_t n = 0;
    uint32_t again = 0;
    int64_t since_us = 0;
    if (command_log_open(&log, dir_fd, on_entry, &n, &since_us, NULL) == OK) {
        struct command_memory m = {.stage = COMMAND_STAGE_EXECUTED};
        CHECK(command_log_append(&log, &m, NULL) == OK);
        command_log_close(&log);
        CHECK(command_log_open(&log, dir_fd, on_entry, &again, &since_us, NULL) == OK);
        CHECK(again == n + 1);
    }
    command_log_close(&log);
}

static void empty_directory(const char *path, int dir_fd) {
    DIR *dir = opendir(path);
    CHECK(dir != NULL);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        (void)unlinkat(dir_fd, e->d_name, 0);
    }
    (void)closedir(dir);
}

static void use_config_state(uint8_t *p, size_t n) {
    struct config_state state;
    uint8_t back[CONFIG_STATE_SIZE];
    if (n < CONFIG_STATE_SIZE) {
        return;
    }
    put_u32(p, crc32c(0, p + 4, CONFIG_STATE_SIZE - 4));
    if (config_state_decode(p, CONFIG_STATE_SIZE, &state)) {
        config_state_encode(&state, back);
        CHECK(config_state_decode(back, sizeof back, &state));
    }
}

static void use_file(const char *path, int dir_fd, uint8_t kind, uint8_t *p, size_t n) {
    switch (kind % KINDS) {
    case 0:
        mend_segment(p, n);
        write_file(dir_fd, "000000000007-1122334455667788.seg1", p, n);
        break;
    case 1:
        if (n >= 8) {
            put_u32(p + 4, crc32c(0, p + 8, n - 8));
        }
        write_file(dir_fd, "losses", p, n);
        break;
    case 2:
        mend_slots(p, n);
        write_file(dir_fd, "commands", p, n);
        use_commands(dir_fd);
        break;
    case 4:
        mend_gathered(p, n);
        write_file(dir_fd, "gathered", p, n);
        break;
    default:
        use_config_state(p, n);
        break;
    }
    use_journal(path, 1);
    use_journal(path, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    char path[] = "/dev/shm/penstock-fuzz-XXXXXX";
    if (n == 0 || mkdtemp(path) == NULL) {
        return 0;
    }
    int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint8_t *copy = malloc(n);
    CHECK(dir_fd >= 0);
    CHECK(copy != NULL);
    memcpy(copy, p + 1, n - 1);
    use_file(path, dir_fd, p[0], copy, n - 1);
    free(copy);
    empty_directory(path, dir_fd);
    (void)close(dir_fd);
    CHECK(rmdir(path) == 0);
    return 0;
}
