/* deploy/pki makes what the link accepts, and for --expired, --future and revoke what it refuses. */
#include "server/link/tls.h"
#include "tests/lib/unit.h"
#include "tests/unit/link/certs.h"

#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs deploy/pki with the arguments, separated by blanks. Returns its exit code. */
static int pki(const struct certs *dir, const char *arguments) {
    char text[256];
    (void)snprintf(text, sizeof text, "%s", arguments);
    char path[] = "deploy/pki";
    char dir_text[sizeof dir->dir];
    memcpy(dir_text, dir->dir, sizeof dir_text);
    char *argv[12] = {path, dir_text};
    char *rest = text;
    for (size_t i = 2; i + 1 < COUNT(argv) && rest != NULL; i++) {
        argv[i] = strsep(&rest, " ");
    }
    pid_t pid = 0;
    assert_int_equal(posix_spawn(&pid, path, NULL, NULL, argv, environ), 0);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct tls_context *context(const struct certs *dir, enum tls_role role, const char *own, bool crl) {
    char ca[CERTS_PATH_SIZE];
    char cert[CERTS_PATH_SIZE];
    char key[CERTS_PATH_SIZE];
    char list[CERTS_PATH_SIZE];
    (void)snprintf(cert, sizeof cert, "%s/%s.pem", dir->dir, own);
    (void)snprintf(key, sizeof key, "%s/%s.key", dir->dir, own);
    struct tls_config cfg = {role, certs_path(dir, "ca.pem", ca), cert, key,
                             crl ? certs_path(dir, "crl.pem", list) : NULL};
    struct tls_context *made = NULL;
    struct error err = {0};
    if (tls_context_new(&cfg, &made, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return made;
}

static size_t carry(struct tls *from, struct tls *to) {
    uint8_t bytes[4096];
    size_t n = tls_take_cipher(from, bytes, sizeof bytes);
    assert_int_equal(tls_feed(to, bytes, n), OK);
    return n;
}

/* What the server says of this gateway's certificate: "" or the reason. */
static void expect(const struct certs *dir, const char *own, const char *host, bool crl, const char *reason) {
    struct tls_context *server_context = context(dir, TLS_SERVER, "link", crl);
    struct tls_context *client_context = context(dir, TLS_CLIENT, own, false);
    struct tls *server = NULL;
    struct tls *client = NULL;
    assert_int_equal(tls_new(server_context, NULL, &server, NULL), OK);
    assert_int_equal(tls_new(client_context, host, &client, NULL), OK);
    assert_int_equal(tls_feed(client, NULL, 0), OK);
    while (carry(client, server) + carry(server, client) > 0) {
    }
    assert_string_equal(tls_reason(server), reason);
    assert_int_equal(tls_state(server), reason[0] == '\0' ? TLS_OPEN : TLS_FAILED);
    assert_string_equal(tls_gateway(server), reason[0] == '\0' ? "gw-s1" : tls_gateway(server));
    tls_free(&server);
    tls_free(&client);
    tls_context_free(&server_context);
    tls_context_free(&client_context);
}

static int64_t changed(const struct certs *dir, const char *name) {
    char path[CERTS_PATH_SIZE];
    struct stat st;
    assert_int_equal(stat(certs_path(dir, name, path), &st), 0);
    return (int64_t)st.st_ino;
}

static int set_up(void **state) {
    struct certs *dir = malloc(sizeof *dir);
    certs_init(dir);
    assert_int_equal(pki(dir, "ca Test"), 0);
    assert_int_equal(pki(dir, "server room DNS:room.example,IP:127.0.0.1,IP:::1"), 0);
    assert_int_equal(pki(dir, "gateway gw-s1"), 0);
    *state = dir;
    return 0;
}

static int tear_down(void **state) {
    certs_done(*state);
    free(*state);
    return 0;
}

static void what_it_makes_is_accepted_by_strict_checks(void **state) {
    expect(*state, "gateways/gw-s1", "room.example", false, "");
    expect(*state, "gateways/gw-s1", "127.0.0.1", false, "");
    expect(*state, "gateways/gw-s1", "::1", false, "");
}

static void what_exists_and_is_good_is_kept(void **state) {
    static const char *const names[] = {"ca.pem", "ca.key", "link.pem", "gateways/gw-s1.pem"};
    int64_t before[COUNT(names)];
    for (size_t i = 0; i < COUNT(names); i++) {
        before[i] = changed(*state, names[i]);
    }
    assert_int_equal(pki(*state, "ca Test"), 0);
    assert_int_equal(pki(*state, "server room DNS:room.example"), 0);
    assert_int_equal(pki(*state, "gateway gw-s1"), 0);
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(changed(*state, names[i]), before[i]);
    }
    assert_int_equal(pki(*state, "server room DNS:other.example"), 0);
    assert_int_not_equal(changed(*state, "link.pem"), before[2]);
}

static void keys_are_for_their_owner_alone(void **state) {
    static const char *const names[] = {"ca.key", "link.key", "gateways/gw-s1.key"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[CERTS_PATH_SIZE];
        struct stat st;
        assert_int_equal(stat(certs_path(*state, names[i], path), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void one_that_soon_expires_is_made_anew(void **state) {
    assert_int_equal(pki(*state, "gateway soon --days 6"), 0);
    int64_t before = changed(*state, "gateways/soon.pem");
    assert_int_equal(pki(*state, "gateway soon"), 0);
    assert_int_not_equal(changed(*state, "gateways/soon.pem"), before);
}

static void bad_ones_are_made_on_demand_and_refused(void **state) {
    assert_int_equal(pki(*state, "gateway old --expired"), 0);
    expect(*state, "gateways/old", "room.example", false, "certificate has expired");
    assert_int_equal(pki(*state, "gateway young --future"), 0);
    expect(*state, "gateways/young", "room.example", false, "certificate is not yet valid");
}

static void a_revoked_one_is_refused_and_can_be_made_anew(void **state) {
    assert_int_equal(pki(*state, "revoke gw-s1"), 0);
    expect(*state, "gateways/gw-s1", "room.example", true, "certificate revoked");
    assert_int_equal(pki(*state, "gateway gw-s1"), 0);
    expect(*state, "gateways/gw-s1", "room.example", true, "");
}

static void wrong_calls_fail_and_change_nothing(void **state) {
    static const char *const calls[] = {"",
                                        "gateway",
                                        "gateway ../x",
                                        "gateway a/b",
                                        "server room",
                                        "server r X:y",
                                        "revoke nobody",
                                        "fly",
                                        "ca",
                                        "gateway x --days many"};
    for (size_t i = 0; i < COUNT(calls); i++) {
        assert_int_not_equal(pki(*state, calls[i]), 0);
    }
    struct certs empty;
    certs_init(&empty);
    assert_int_not_equal(pki(&empty, "gateway gw-s1"), 0);
    certs_done(&empty);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIR(what_it_makes_is_accepted_by_strict_checks),
        IN_DIR(what_exists_and_is_good_is_kept),
        IN_DIR(keys_are_for_their_owner_alone),
        IN_DIR(one_that_soon_expires_is_made_anew),
        IN_DIR(bad_ones_are_made_on_demand_and_refused),
        IN_DIR(a_revoked_one_is_refused_and_can_be_made_anew),
        IN_DIR(wrong_calls_fail_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
