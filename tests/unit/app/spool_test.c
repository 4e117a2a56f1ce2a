#include "server/app/spool.h"
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64];
    char path[96];
    char aside[112];
};

static int set_up(void **state) {
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/penstock-spool-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof p->path, "%s/spool", p->dir);
    (void)snprintf(p->aside, sizeof p->aside, "%s/spool.aside", p->dir);
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    (void)unlink(p->path);
    (void)unlink(p->aside);
    (void)rmdir(p->dir);
    free(p);
    return 0;
}

static struct spool *open_spool(const struct place *p) {
    struct spool *s = NULL;
    struct error err;
    enum status status = spool_open(p->path, &s, &err);
    if (status != OK) {
        print_error("%s: %s\n", err.where, err.text);
    }
    assert_int_equal(status, OK);
    return s;
}

static struct alarm_record record(uint64_t seq) {
    struct alarm_record r = {.seq = seq,
                             .n = seq + 1,
                             .alarm_key = 7,
                             .site_key = 1,
                             .tag_key = -1,
                             .revision = 3,
                             .src_us = 1764000000000001,
                             .at_us = 1764000000000002,
                             .raised_us = 1,
                             .raised_at_us = 2,
                             .called_us = 3,
                             .until_us = 4,
                             .value = 0.1,
                             .limit = (double)NAN,
                             .actor_key = 5,
                             .alarm = UINT32_MAX,
                             .occ = UINT32_MAX,
                             .call = 6,
                             .acked_occ = 7,
                             .rise_call = 8,
                             .facts = 1023,
                             .flags = RECORD_ONE_SHOT | RECORD_RING,
                             .kind = RECORD_SHELVE,
                             .cause = CAUSE_OPERATOR,
                             .unshelved = UNSHELVE_RTN,
                             .from = 'B',
                             .to = 'G',
                             .base = 'C',
                             .priority = 2,
                             .quality = 255};
    (void)snprintf(r.actor, sizeof r.actor, "olaf");
    (void)snprintf(r.desk, sizeof r.desk, "main 10.0.0.1");
    (void)snprintf(r.source, sizeof r.source, "rule");
    (void)snprintf(r.unit, sizeof r.unit, "m³/h");
    (void)snprintf(r.comment, sizeof r.comment, "said \"so\"\n泵");
    return r;
}

static void add(struct spool *s, uint64_t first, uint64_t last) {
    for (uint64_t seq = first; seq <= last; seq++) {
        struct alarm_record r = record(seq);
        spool_add(s, &r);
    }
}

static void sync_it(struct spool *s) {
    struct error err;
    assert_int_equal(spool_sync(s, &err), OK);
}

static size_t file_size(const struct place *p) {
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    return (size_t)st.st_size;
}

/* As a crash now would leave it: of whoever has the file open nothing more is written. */
static void expect_left(const struct place *p, uint64_t first, size_t count) {
    size_t n = 0;
    struct place left = *p;
    (void)snprintf(left.path, sizeof left.path, "%s/left", p->dir);
    int from = open(p->path, O_RDONLY | O_CLOEXEC);
    int to = open(left.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(copy_file_range(from, NULL, to, NULL, file_size(p), 0), file_size(p));
    assert_int_equal(close(from), 0);
    assert_int_equal(close(to), 0);
    struct spool *s = open_spool(&left);
    assert_int_equal(unlink(left.path), 0);
    const struct alarm_record *v = spool_left(s, &n);
    assert_int_equal(n, count);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i].seq, first + i);
    }
    spool_close(&s);
}

static void a_record_comes_back_as_it_was(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    add(s, 41, 42);
    sync_it(s);
    spool_close(&s);
    s = open_spool(p);
    size_t n = 0;
    const struct alarm_record *v = spool_left(s, &n);
    assert_int_equal(n, 2);
    struct alarm_record want = record(42);
    struct alarm_record got = v[1];
    assert_true(isnan(got.limit));
    want.limit = 0;
    got.limit = 0;
    assert_memory_equal(&got, &want, sizeof want);
    assert_false(spool_damaged(s));
    spool_forget_left(s);
    (void)spool_left(s, &n);
    assert_int_equal(n, 0);
    spool_close(&s);
    expect_left(p, 41, 2); /* taken over is not durable yet */
}

static void only_what_was_synced_is_promised(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    add(s, 1, 3);
    assert_int_equal(file_size(p), 0); /* while all is well nothing is written */
    sync_it(s);
    add(s, 4, 4);
    expect_left(p, 1, 3);
    spool_close(&s);
}

static void what_the_database_has_is_forgotten(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    add(s, 1, 10);
    spool_durable(s, 4);
    sync_it(s);
    expect_left(p, 5, 6);
    spool_durable(s, 9); /* not all of the file: it stays */
    add(s, 11, 12);
    sync_it(s);
    expect_left(p, 5, 8);
    spool_durable(s, 12);
    assert_int_equal(file_size(p), 0);
    add(s, 13, 13);
    spool_durable(s, 13);
    sync_it(s);
    assert_int_equal(file_size(p), 0);
    spool_close(&s);
}

static void what_waits_in_memory_is_bounded(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    add(s, 1, SPOOL_MEMORY_MAX + 1);
    assert_true(file_size(p) > 0);
    sync_it(s);
    expect_left(p, 1, SPOOL_MEMORY_MAX + 1);
    spool_close(&s);
}

static void a_line_that_a_crash_tore_is_cut_off(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    add(s, 1, 2);
    sync_it(s);
    size_t two = file_size(p);
    add(s, 3, 3);
    sync_it(s);
    spool_close(&s);
    for (size_t torn = file_size(p) - 1; torn > two; torn -= 97) {
        assert_int_equal(truncate(p->path, (off_t)torn), 0);
        s = open_spool(p);
        size_t n = 0;
        (void)spool_left(s, &n);
        assert_int_equal(n, 2);
        assert_false(spool_damaged(s));
        spool_close(&s);
        assert_int_equal(file_size(p), two);
        s = open_spool(p);
        spool_forget_left(s);
        add(s, 3, 3);
        sync_it(s);
        spool_close(&s);
    }
    expect_left(p, 1, 3);
}

/* A fact of the second line becomes another one; it is still a record. */
static void lie(const struct place *p) {
    static const char fact[] = "\"site_key\":1";
    char text[8192];
    int fd = open(p->path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text);
    assert_true(n > 0);
    char *second = memchr(text, '\n', (size_t)n);
    assert_non_null(second);
    char *at = memmem(second, (size_t)(text + n - second), fact, sizeof fact - 1);
    assert_non_null(at);
    assert_int_equal(pwrite(fd, "2", 1, at - text + (off_t)sizeof fact - 2), 1);
    assert_int_equal(close(fd), 0);
}

static void a_damaged_file_is_told_put_aside_and_never_overwritten(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    struct error err;
    add(s, 1, 3);
    sync_it(s);
    spool_close(&s);
    size_t whole = file_size(p);
    lie(p);
    s = open_spool(p);
    size_t n = 0;
    const struct alarm_record *v = spool_left(s, &n);
    assert_int_equal(n, 1);
    assert_true(spool_damaged(s));
    assert_int_equal(file_size(p), whole);
    const char *name = NULL;
    assert_int_equal(spool_asides(s), 0);
    assert_int_equal(spool_set_aside(s, &name, &err), OK);
    assert_string_equal(name, p->aside);
    assert_int_equal(spool_asides(s), 1);
    assert_int_equal(v[0].seq, 1); /* what could be read is still there */
    assert_int_equal(file_size(p), 0);
    assert_int_equal(access(p->aside, F_OK), 0);
    spool_add(s, &v[0]);
    sync_it(s);
    spool_close(&s);
    expect_left(p, 1, 1);
}

static void records_that_do_not_follow_each_other_are_damage(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    add(s, 1, 2);
    add(s, 4, 4);
    sync_it(s);
    spool_close(&s);
    s = open_spool(p);
    size_t n = 0;
    (void)spool_left(s, &n);
    assert_int_equal(n, 2);
    assert_true(spool_damaged(s));
    spool_close(&s);
}

/* A disk that is full: what cannot be written is not promised, and is a hole until the database has it. */
static void what_cannot_be_written_is_never_promised(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    struct error err;
    struct rlimit before;
    add(s, 1, 1);
    sync_it(s);
    size_t one = file_size(p);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {.rlim_cur = one + 10, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    add(s, 2, 2);
    assert_int_equal(spool_sync(s, &err), ERR_IO);
    assert_string_equal(err.where, p->path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    add(s, 3, 3);
    assert_int_equal(spool_sync(s, &err), ERR_IO); /* 2 is missing before it */
    expect_left(p, 1, 1);
    spool_durable(s, 2);
    assert_int_equal(spool_sync(s, &err), ERR_IO); /* 3 was lost with it */
    spool_durable(s, 3);
    add(s, 4, 4);
    sync_it(s);
    spool_close(&s);
    expect_left(p, 4, 1);
}

/* Whatever was put aside waits for a person, however often it happens. */
static void what_was_put_aside_is_never_overwritten(void **state) {
    const struct place *p = *state;
    struct error err;
    const char *name = NULL;
    char second[128];
    (void)snprintf(second, sizeof second, "%s.2", p->aside);
    struct spool *s = open_spool(p);
    for (uint64_t i = 1; i <= SPOOL_ASIDES_MAX; i++) {
        add(s, i, i);
        sync_it(s);
        assert_int_equal(spool_set_aside(s, &name, &err), OK);
        spool_close(&s);
        s = open_spool(p);
        assert_int_equal(spool_asides(s), i);
    }
    assert_int_equal(spool_set_aside(s, &name, &err), ERR_IO);
    assert_non_null(strstr(err.text, "look at them, remove them"));
    assert_int_equal(unlink(p->aside), 0);
    assert_int_equal(access(second, F_OK), 0);
    assert_int_equal(spool_asides(s), SPOOL_ASIDES_MAX - 1);
    spool_close(&s);
    for (uint32_t i = 2; i <= SPOOL_ASIDES_MAX; i++) {
        (void)snprintf(second, sizeof second, "%s.%u", p->aside, i);
        assert_int_equal(unlink(second), 0);
    }
}

static void of_two_servers_the_second_is_kept_from_what_the_first_promised(void **state) {
    const struct place *p = *state;
    struct spool *s = open_spool(p);
    struct spool *other = NULL;
    struct error err;
    add(s, 5, 6);
    sync_it(s);
    assert_int_equal(spool_open(p->path, &other, &err), ERR_IO);
    assert_non_null(strstr(err.text, "another penstockd has it"));
    const char *name = NULL;
    assert_int_equal(spool_set_aside(s, &name, &err), OK); /* the new file is its own, too */
    assert_int_equal(spool_open(p->path, &other, &err), ERR_IO);
    add(s, 7, 7);
    sync_it(s);
    spool_close(&s);
    expect_left(p, 7, 1);
}

static void a_folder_that_is_not_there_is_told(void **state) {
    (void)state;
    struct spool *s = NULL;
    struct error err;
    assert_int_equal(spool_open("/nonexistent/spool", &s, &err), ERR_IO);
    assert_string_equal(err.where, "/nonexistent/spool");
    assert_null(s);
}

/* A disk of one's own, so small that a few records fill it; skipped where nobody may mount one. */
static void without_room_nothing_is_promised(void **state) {
    const struct place *p = *state;
    if (mount("none", p->dir, "tmpfs", 0, "size=64k") != 0) {
        print_message("nothing can be mounted here (that needs root and CAP_SYS_ADMIN); skipped\n");
        skip();
    }
    struct spool *s = open_spool(p);
    struct error err;
    assert_int_equal(spool_reserve(s, 4, &err), OK);
    add(s, 1, 4);
    sync_it(s);
    size_t size = file_size(p);
    assert_int_equal(spool_reserve(s, 1000, &err), ERR_NO_SPACE);
    assert_string_equal(err.where, p->path);
    assert_int_equal(file_size(p), size); /* what is there stays */
    assert_int_equal(spool_reserve(s, 2, &err), OK);
    add(s, 5, 6); /* what was promised is kept */
    sync_it(s);
    spool_close(&s);
    expect_left(p, 1, 6);
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(umount(p->dir), 0);
}

/* As somebody else would who fills the disk. */
static void fill(const struct place *p, char ret_file[80]) {
    static char block[65536];
    (void)snprintf(ret_file, 80, "%s/filler", p->dir);
    int fd = open(ret_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (size_t n = sizeof block; n > 0;) {
        n = write(fd, block, n) < 0 ? n / 2 : n;
    }
    assert_int_equal(close(fd), 0);
}

static void what_is_kept_serves_on_a_full_disk_and_is_kept_again(void **state) {
    const struct place *p = *state;
    if (mount("none", p->dir, "tmpfs", 0, "size=60m") != 0) {
        skip();
    }
    char filler[80];
    struct error err;
    struct spool *s = open_spool(p);
    assert_int_equal(spool_room(s), 0);
    assert_int_equal(spool_keep_room(s, &err), OK);
    assert_int_equal(spool_room(s), SPOOL_ROOM_BYTES);
    assert_int_equal(file_size(p), 0);
    spool_close(&s);
    fill(p, filler);
    s = open_spool(p); /* a server that starts on a full disk */
    assert_int_equal(spool_keep_room(s, &err), OK);
    assert_int_equal(spool_reserve(s, 1000, &err), OK);
    add(s, 1, 1000);
    sync_it(s);
    assert_true(spool_room(s) < SPOOL_ROOM_BYTES);
    spool_durable(s, 1000);
    assert_int_equal(spool_room(s), SPOOL_ROOM_BYTES);
    uint64_t seq = 1000;
    for (; spool_reserve(s, 1000, &err) == OK && seq < 1000000; seq += 1000) {
        add(s, seq + 1, seq + 1000);
        sync_it(s);
    }
    assert_in_range(seq, 10000, 999000); /* what is kept has an end, too */
    assert_int_equal(spool_keep_room(s, &err), ERR_NO_SPACE);
    assert_string_equal(err.where, p->path);
    sync_it(s);
    assert_int_equal(unlink(filler), 0);
    assert_int_equal(spool_keep_room(s, &err), OK);
    assert_true(spool_room(s) >= SPOOL_ROOM_BYTES);
    spool_close(&s);
    s = open_spool(p);
    size_t n = 0;
    (void)spool_left(s, &n);
    assert_int_equal(n, seq - 1000);
    spool_close(&s);
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(umount(p->dir), 0);
}

/* What is put aside keeps its records, and not the room of the file that takes its place. */
static void a_file_that_is_put_aside_gives_its_room_back(void **state) {
    const struct place *p = *state;
    struct error err;
    struct stat st;
    const char *name = NULL;
    struct spool *s = open_spool(p);
    assert_int_equal(spool_keep_room(s, &err), OK);
    if (spool_room(s) == 0) {
        skip(); /* a file system that keeps none */
    }
    add(s, 1, 3);
    sync_it(s);
    size_t size = file_size(p);
    assert_int_equal(spool_set_aside(s, &name, &err), OK);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_size, size);
    assert_true(st.st_blocks * 512 < SPOOL_ROOM_BYTES / 2);
    spool_close(&s);
}

#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_PLACE(without_room_nothing_is_promised),
        IN_PLACE(what_is_kept_serves_on_a_full_disk_and_is_kept_again),
        IN_PLACE(a_file_that_is_put_aside_gives_its_room_back),
        IN_PLACE(a_record_comes_back_as_it_was),
        IN_PLACE(only_what_was_synced_is_promised),
        IN_PLACE(what_the_database_has_is_forgotten),
        IN_PLACE(what_waits_in_memory_is_bounded),
        IN_PLACE(a_line_that_a_crash_tore_is_cut_off),
        IN_PLACE(a_damaged_file_is_told_put_aside_and_never_overwritten),
        IN_PLACE(what_was_put_aside_is_never_overwritten),
        IN_PLACE(records_that_do_not_follow_each_other_are_damage),
        IN_PLACE(what_cannot_be_written_is_never_promised),
        IN_PLACE(of_two_servers_the_second_is_kept_from_what_the_first_promised),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
