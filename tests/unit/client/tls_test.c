#include "protocol/client/tls.h"
#include "tests/unit/client/tls_server.h"

struct fixture {
    struct dir d;
    struct buf there;
    struct buf back;
    struct buf plain;
    struct buf at_server;
    char many_names[2 * LINK_TLS_CERTIFICATES_MAX];
};

/* A certificate of more bytes than a chain may have. */
static void write_many_names(char *ret, size_t size) {
    static const char name[] = ",DNS:a-name-that-nobody-asked-for.example";
    size_t n = (size_t)snprintf(ret, size, "DNS:localhost");
    while (n + sizeof name <= size) {
        memcpy(ret + n, name, sizeof name);
        n += sizeof name - 1;
    }
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->d);
    buf_init(&f->there, 1 << 20);
    buf_init(&f->back, 1 << 20);
    buf_init(&f->plain, 1 << 20);
    buf_init(&f->at_server, 1 << 20);
    struct pki p;
    struct pki foreign;
    write_many_names(f->many_names, sizeof f->many_names);
    pki_init(&p, &f->d, "ca");
    pki_issue(&p, &f->d, "server", "DNS:localhost,IP:127.0.0.1", "serverAuth");
    pki_issue(&p, &f->d, "gw", "URI:urn:penstock:gateway:gw", "clientAuth");
    pki_issue(&p, &f->d, "posing", "DNS:localhost", "clientAuth");
    pki_issue(&p, &f->d, "signing", "DNS:localhost", "codeSigning");
    pki_issue(&p, &f->d, "anything", "DNS:localhost", "anyExtendedKeyUsage");
    pki_issue(&p, &f->d, "silent", "DNS:localhost", NULL);
    pki_issue(&p, &f->d, "both", "DNS:localhost", "clientAuth,serverAuth");
    pki_issue_for(&p, &f->d, "weak", "DNS:localhost", "serverAuth", EVP_RSA_gen(1024));
    pki_issue_chain(&p, &f->d, "three", "DNS:localhost", "serverAuth", 3);
    pki_issue_chain(&p, &f->d, "four", "DNS:localhost", "serverAuth", 4);
    pki_issue(&p, &f->d, "huge", f->many_names, "serverAuth");
    p.digest = EVP_sha1();
    pki_issue(&p, &f->d, "sha1", "DNS:localhost", "serverAuth");
    pki_init(&foreign, &f->d, "other");
    pki_issue(&foreign, &f->d, "foreign", "DNS:localhost", "serverAuth");
    pki_done(&p);
    pki_done(&foreign);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    buf_done(&f->there);
    buf_done(&f->back);
    buf_done(&f->plain);
    buf_done(&f->at_server);
    dir_remove(&f->d);
    free(f);
    return 0;
}

static enum status make_client(struct fixture *f, const char *ca, const char *cert, const char *key,
                               const char *name, struct tls_client **ret, struct error *err) {
    char files[3][400];
    dir_file(&f->d, ca, files[0]);
    dir_file(&f->d, cert, files[1]);
    dir_file(&f->d, key, files[2]);
    return tls_client_new(&(struct tls_client_config){files[0], files[1], files[2], name}, ret, err);
}

/* Carries bytes to and fro until nothing moves. The status is that of the client's end. */
static enum status exchange(struct fixture *f, struct tls_line *l, struct tls_server *s, bool *ret_closed,
                            struct error *err) {
    bool alive = true;
    *ret_closed = false;
    for (;;) {
        buf_clear(&f->there);
        buf_clear(&f->back);
        assert_int_equal(tls_line_take(l, &f->there, NULL), OK);
        alive = alive && tls_server_receive(s, f->there.p, f->there.n, &f->at_server);
        tls_server_take(s, &f->back);
        if (f->there.n == 0 && f->back.n == 0) {
            return OK;
        }
        bool closed = false;
        enum status st = tls_line_receive(l, f->back.p, f->back.n, &f->plain, &closed, err);
        *ret_closed = *ret_closed || closed;
        if (st != OK) {
            return st;
        }
    }
}

static void both_ends_understand_each_other_and_a_close_is_seen(void **state) {
    struct fixture *f = *state;
    struct tls_client *c = NULL;
    struct tls_line *l = NULL;
    struct tls_server s;
    bool closed = false;
    tls_server_init(&s, &f->d, &(struct tls_server_options){"server", LINK_ALPN, 0});
    assert_int_equal(make_client(f, "ca.pem", "gw.pem", "gw.key", "localhost", &c, NULL), OK);
    assert_int_equal(tls_line_new(c, &l, NULL), OK);
    assert_false(tls_line_is_up(l));
    assert_int_equal(exchange(f, l, &s, &closed, NULL), OK);
    assert_true(tls_line_is_up(l));
    assert_int_equal(tls_line_send(l, "to the server", 13, NULL), OK);
    tls_server_send(&s, "to the gateway", 14);
    assert_int_equal(exchange(f, l, &s, &closed, NULL), OK);
    assert_true(slice_is(buf_slice(&f->at_server), "to the server"));
    assert_true(slice_is(buf_slice(&f->plain), "to the gateway"));
    assert_false(closed);
    (void)SSL_shutdown(s.ssl);
    assert_int_equal(exchange(f, l, &s, &closed, NULL), OK);
    assert_true(closed);
    tls_line_close(l);
    tls_line_free(&l);
    tls_client_free(&c);
    tls_server_done(&s);
}

static void a_server_that_is_not_as_it_must_be_is_refused_with_the_reason(void **state) {
    struct fixture *f = *state;
    static const struct {
        struct tls_server_options options;
        const char *name;
        const char *text;
    } cases[] = {
        {{"foreign", LINK_ALPN, 0}, "localhost", "refused: unable to get local issuer certificate"},
        {{"posing", LINK_ALPN, 0}, "localhost", "refused: it is not for servers"},
        {{"signing", LINK_ALPN, 0}, "localhost", "refused: it is not for servers"},
        {{"anything", LINK_ALPN, 0}, "localhost", "refused: it is not for servers"},
        {{"silent", LINK_ALPN, 0}, "localhost", "refused: it is not for servers"},
        {{"server", LINK_ALPN, 0}, "elsewhere", "certificate is refused: hostname mismatch"},
        {{"server", LINK_ALPN, 0}, "127.0.0.2", "certificate is refused: IP address mismatch"},
        {{"weak", LINK_ALPN, 0}, "localhost", "refused: EE certificate key too weak"},
        {{"sha1", LINK_ALPN, 0}, "localhost", "refused: CA signature digest algorithm too weak"},
        {{"four", LINK_ALPN, 0}, "localhost", "refused: certificate chain too long"},
        {{"huge", LINK_ALPN, 0}, "localhost", "excessive message size"},
        {{"server", NULL, 0}, "localhost", "does not speak " LINK_ALPN},
        {{"server", LINK_ALPN, TLS1_2_VERSION}, "localhost", "handshake failed"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_client *c = NULL;
        struct tls_line *l = NULL;
        struct tls_server s;
        struct error err = {0};
        bool closed = false;
        tls_server_init(&s, &f->d, &cases[i].options);
        assert_int_equal(make_client(f, "ca.pem", "gw.pem", "gw.key", cases[i].name, &c, NULL), OK);
        assert_int_equal(tls_line_new(c, &l, NULL), OK);
        enum status st = exchange(f, l, &s, &closed, &err);
        if (st != OK && strstr(err.text, cases[i].text) == NULL) {
            fail_msg("case %zu: %s", i, err.text);
        }
        if (st == OK || tls_line_is_up(l)) {
            fail_msg("case %zu: let in", i);
        }
        tls_line_free(&l);
        tls_client_free(&c);
        tls_server_done(&s);
    }
}

static void expect_accepted(struct fixture *f, const char *cert, const char *name) {
    struct tls_client *c = NULL;
    struct tls_line *l = NULL;
    struct tls_server s;
    bool closed = false;
    tls_server_init(&s, &f->d, &(struct tls_server_options){cert, LINK_ALPN, 0});
    assert_int_equal(make_client(f, "ca.pem", "gw.pem", "gw.key", name, &c, NULL), OK);
    assert_int_equal(tls_line_new(c, &l, NULL), OK);
    assert_int_equal(exchange(f, l, &s, &closed, NULL), OK);
    assert_true(tls_line_is_up(l));
    tls_line_free(&l);
    tls_client_free(&c);
    tls_server_done(&s);
}

static void an_address_is_accepted_as_the_servers_name(void **state) {
    expect_accepted(*state, "server", "127.0.0.1");
}

static void a_certificate_for_servers_may_be_for_more(void **state) {
    expect_accepted(*state, "both", "localhost");
}

static void three_authorities_may_stand_between(void **state) {
    expect_accepted(*state, "three", "localhost");
}

static void a_refusal_of_our_certificate_is_told(void **state) {
    struct fixture *f = *state;
    struct tls_client *c = NULL;
    struct tls_line *l = NULL;
    struct tls_server s;
    struct error err = {0};
    bool closed = false;
    tls_server_init(&s, &f->d, &(struct tls_server_options){"server", LINK_ALPN, 0});
    assert_int_equal(make_client(f, "ca.pem", "foreign.pem", "foreign.key", "localhost", &c, NULL), OK);
    assert_int_equal(tls_line_new(c, &l, NULL), OK);
    assert_int_equal(exchange(f, l, &s, &closed, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "alert"));
    tls_line_free(&l);
    tls_client_free(&c);
    tls_server_done(&s);
}

static void files_that_cannot_be_used_are_named(void **state) {
    struct fixture *f = *state;
    struct tls_client *c = NULL;
    struct error err = {0};
    assert_int_equal(make_client(f, "none.pem", "gw.pem", "gw.key", "x", &c, &err), ERR_INVALID);
    assert_non_null(strstr(err.where, "none.pem"));
    assert_int_equal(make_client(f, "ca.pem", "gw.key", "gw.key", "x", &c, &err), ERR_INVALID);
    assert_non_null(strstr(err.where, "gw.key"));
    assert_int_equal(make_client(f, "ca.pem", "gw.pem", "server.key", "x", &c, &err), ERR_INVALID);
    assert_non_null(strstr(err.where, "server.key"));
    assert_int_equal(make_client(f, "ca.pem", "gw.pem", "gw.key", "", &c, &err), ERR_INVALID);
    assert_null(c);
}

static void rubbish_is_no_tls(void **state) {
    struct fixture *f = *state;
    struct tls_client *c = NULL;
    struct tls_line *l = NULL;
    struct error err = {0};
    bool closed = false;
    assert_int_equal(make_client(f, "ca.pem", "gw.pem", "gw.key", "localhost", &c, NULL), OK);
    assert_int_equal(tls_line_new(c, &l, NULL), OK);
    assert_int_equal(tls_line_receive(l, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, &f->plain, &closed, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "handshake failed"));
    tls_line_free(&l);
    tls_client_free(&c);
}

/* The limits are the client's own, also where the system's settings would allow anything. */
static void allow_anything(void) {
    static char file[] = "/tmp/penstock-openssl-XXXXXX";
    static const char text[] = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                               "[c]\nCipherString = ALL:@SECLEVEL=0\n";
    int fd = mkstemp(file);
    if (fd < 0 || write(fd, text, sizeof text - 1) != sizeof text - 1 ||
        setenv("OPENSSL_CONF", file, 1) != 0 || OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) {
        abort();
    }
    (void)close(fd);
    (void)unlink(file);
}

int main(void) {
    allow_anything();
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(both_ends_understand_each_other_and_a_close_is_seen),
        T(a_server_that_is_not_as_it_must_be_is_refused_with_the_reason),
        T(an_address_is_accepted_as_the_servers_name),
        T(a_certificate_for_servers_may_be_for_more),
        T(three_authorities_may_stand_between),
        T(a_refusal_of_our_certificate_is_told),
        T(files_that_cannot_be_used_are_named),
        T(rubbish_is_no_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
