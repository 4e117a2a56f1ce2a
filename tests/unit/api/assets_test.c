#include "server/api/assets.h"
#include "server/base/check.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"index.html", "assets/a-1.js", "assets/a-1.js.gz", "assets/evil.php",
                                    ".secret.html"};

static void put(const char *dir, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(name, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make(void **state) {
    char *dir = strdup("/tmp/penstock-assets-XXXXXX");
    char path[256];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/assets", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < COUNT(files); i++) {
        put(dir, files[i]);
    }
    (void)snprintf(path, sizeof path, "%s/assets/link.txt", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    *state = dir;
    return 0;
}

static int clean(void **state) {
    char *dir = *state;
    char path[256];
    for (size_t i = 0; i < COUNT(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/assets/link.txt", dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/assets", dir);
    (void)rmdir(path);
    (void)rmdir(dir);
    free(dir);
    return 0;
}

static struct http_request *get(const struct assets *a, const char *path, bool gzip) {
    struct http_request *r = http_request_new();
    (void)snprintf(r->path, sizeof r->path, "%s", path);
    r->gzip = gzip;
    r->html = true;
    assets_serve(a, r);
    return r;
}

static bool has_header(const struct http_request *r, const char *text) {
    return r->head.n > 0 && memmem(r->head.p, r->head.n, text, strlen(text)) != NULL;
}

static void known_files_are_served_and_nothing_else(void **state) {
    struct assets *a = NULL;
    assert_int_equal(assets_new(*state, &a, NULL), OK);
    assert_int_equal(assets_count(a), 3);
    static const struct {
        const char *path;
        int status;
    } rows[] = {{"/", 200},
                {"/site/S1", 200},
                {"/index.html", 200},
                {"/assets/a-1.js", 200},
                {"/assets/a-1.js.gz", 404},
                {"/assets/evil.php", 404},
                {"/.secret.html", 404},
                {"/assets/link.txt", 404},
                {"/assets/../index.html", 404},
                {"/../etc/passwd", 404},
                {"/none.js", 404}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_request *r = get(a, rows[i].path, false);
        assert_int_equal(r->status, rows[i].status);
        http_request_free(&r);
    }
    assets_free(&a);
}

static void programs_get_no_page_in_place_of_what_is_not_there(void **state) {
    struct assets *a = NULL;
    assert_int_equal(assets_new(*state, &a, NULL), OK);
    static const struct {
        const char *path;
        int status;
    } rows[] = {{"/", 200}, {"/index.html", 200}, {"/site/S1", 404}, {"/etc/passwd", 404}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_request *r = http_request_new();
        (void)snprintf(r->path, sizeof r->path, "%s", rows[i].path);
        assets_serve(a, r);
        assert_int_equal(r->status, rows[i].status);
        http_request_free(&r);
    }
    assets_free(&a);
}

static void the_packed_file_is_for_who_accepts_it(void **state) {
    struct assets *a = NULL;
    assert_int_equal(assets_new(*state, &a, NULL), OK);
    struct http_request *r = get(a, "/assets/a-1.js", true);
    assert_true(slice_is(http_body(r), "assets/a-1.js.gz"));
    assert_string_equal(r->content_type_out, "text/javascript; charset=utf-8");
    assert_true(has_header(r, "Content-Encoding: gzip"));
    assert_true(has_header(r, "Vary: Accept-Encoding"));
    assert_true(has_header(r, "immutable"));
    http_request_free(&r);
    r = get(a, "/assets/a-1.js", false);
    assert_true(slice_is(http_body(r), "assets/a-1.js"));
    assert_false(has_header(r, "Content-Encoding"));
    http_request_free(&r);
    r = get(a, "/", true);
    assert_false(has_header(r, "immutable"));
    http_request_free(&r);
    assets_free(&a);
}

static void without_the_folder_a_page_says_so(void **state) {
    (void)state;
    static const char *const dirs[] = {"/nonexistent/web", "", NULL};
    for (size_t i = 0; i < COUNT(dirs); i++) {
        struct assets *a = NULL;
        assert_int_equal(assets_new(dirs[i], &a, NULL), OK);
        struct http_request *r = get(a, "/", false);
        assert_int_equal(r->status, 404);
        assert_non_null(memmem(r->out.p, r->out.n, "not installed", 13));
        http_request_free(&r);
        assets_free(&a);
    }
}

static void a_file_in_place_of_the_folder_is_an_error(void **state) {
    (void)state;
    struct assets *a = NULL;
    struct error err;
    assert_int_equal(assets_new("/etc/passwd", &a, &err), ERR_IO);
    assert_null(a);
    assert_string_equal(err.where, "/etc/passwd");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_files_are_served_and_nothing_else, make, clean),
        cmocka_unit_test_setup_teardown(programs_get_no_page_in_place_of_what_is_not_there, make, clean),
        cmocka_unit_test_setup_teardown(the_packed_file_is_for_who_accepts_it, make, clean),
        cmocka_unit_test(without_the_folder_a_page_says_so),
        cmocka_unit_test(a_file_in_place_of_the_folder_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
