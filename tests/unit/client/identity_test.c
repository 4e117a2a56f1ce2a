/* Covers: identity.c, renewal.c, enrolment.c */
#include "protocol/client/identity.h"
#include "protocol/client/renewal.h"
#include "protocol/limits.h"
#include "tests/unit/client/pki.h"

struct place {
    struct dir dir;
    struct pki pki;
    char ca[400];
    char cert[400];
    char key[400];
};

static int set_up(void **state) {
    static struct place p;
    p = (struct place){.ca = ""};
    dir_make(&p.dir);
    p.pki.ca_key = EVP_EC_gen("P-256");
    p.pki.ca = pki_sign_authority(&p.pki, p.pki.ca_key, "Test CA");
    pki_write(&p.dir, "ca", p.pki.ca, p.pki.ca_key);
    dir_file(&p.dir, "ca.pem", p.ca);
    dir_file(&p.dir, "gw.pem", p.cert);
    dir_file(&p.dir, "gw.key", p.key);
    *state = &p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    X509_free(p->pki.ca);
    EVP_PKEY_free(p->pki.ca_key);
    dir_empty(&p->dir);
    assert_int_equal(rmdir(p->dir.path), 0);
    return 0;
}

static struct identity *open_identity(struct place *p) {
    struct identity *i = NULL;
    struct error err = {0};
    const struct identity_config cfg = {
        .name = "gw", .ca_file = p->ca, .cert_file = p->cert, .key_file = p->key};
    if (identity_new(&cfg, &i, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return i;
}

/* A certificate for the request's key, as PEM in out. key: another one instead. */
static struct slice sign(struct place *p, const struct buf *request, EVP_PKEY *key, const char *san,
                         struct buf *out) {
    const unsigned char *der = request->p;
    X509_REQ *read = d2i_X509_REQ(NULL, &der, (long)request->n);
    assert_non_null(read);
    assert_int_equal(X509_REQ_verify(read, X509_REQ_get0_pubkey(read)), 1);
    X509 *cert = pki_sign(&p->pki, key != NULL ? key : X509_REQ_get0_pubkey(read), "gw", san, "clientAuth");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
    char *pem = NULL;
    long n = BIO_get_mem_data(bio, &pem);
    buf_init(out, 8192);
    buf_append(out, pem, (size_t)n);
    BIO_free(bio);
    X509_free(cert);
    X509_REQ_free(read);
    return buf_slice(out);
}

static bool exists(const struct place *p, const char *name) {
    char file[400];
    dir_file(&p->dir, name, file);
    return access(file, F_OK) == 0;
}

/* A new pair that waits beside what is there. */
static void take_new(struct place *p, struct identity *i) {
    struct buf request;
    struct buf chain;
    struct error err = {0};
    buf_init(&request, 1024);
    assert_int_equal(identity_request(i, &request, &err), OK);
    struct slice pem = sign(p, &request, NULL, "URI:urn:penstock:gateway:gw", &chain);
    if (identity_take(i, pem, &err) != OK) {
        fail_msg("%s", err.text);
    }
    buf_done(&request);
    buf_done(&chain);
}

static void a_new_pair_waits_until_it_is_settled(void **state) {
    struct place *p = *state;
    struct identity *i = open_identity(p);
    struct stat st;
    assert_false(identity_has_new(i));
    assert_int_equal(identity_ends_us(i), 0);
    take_new(p, i);
    assert_true(identity_has_new(i));
    assert_int_equal(stat(identity_key_file(i, true), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_string_equal(identity_cert_file(i, false), p->cert);
    assert_string_not_equal(identity_cert_file(i, true), p->cert);
    assert_int_equal(identity_settle(i, NULL), OK);
    assert_false(identity_has_new(i));
    assert_true(identity_ends_us(i) > 0);
    assert_false(exists(p, "gw.key.new"));
    assert_false(exists(p, "gw.pem.new"));
    assert_int_equal(stat(p->key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    identity_free(&i);
}

static void what_is_not_ours_is_refused_and_leaves_nothing(void **state) {
    struct place *p = *state;
    struct identity *i = open_identity(p);
    EVP_PKEY *stranger = EVP_EC_gen("P-256");
    struct pki other = {.ca_key = EVP_EC_gen("P-256")};
    other.ca = pki_sign_authority(&other, other.ca_key, "Other CA");
    struct pki ours = p->pki;
    static const char san[] = "URI:urn:penstock:gateway:gw";
    const struct {
        const char *says;
        EVP_PKEY *key;
        const char *san;
        const struct pki *pki;
    } table[] = {{"key", stranger, san, &ours},
                 {"another gateway", NULL, "URI:urn:penstock:gateway:gw-other", &ours},
                 {"another gateway", NULL, "DNS:gw", &ours},
                 {"authority", NULL, san, &other}};
    for (size_t k = 0; k < COUNT(table); k++) {
        struct buf request;
        struct buf chain;
        struct error err = {0};
        buf_init(&request, 1024);
        assert_int_equal(identity_request(i, &request, &err), OK);
        p->pki = *table[k].pki;
        struct slice pem = sign(p, &request, table[k].key, table[k].san, &chain);
        assert_int_equal(identity_take(i, pem, &err), ERR_DENIED);
        assert_non_null(strstr(err.text, table[k].says));
        assert_int_equal(identity_take(i, pem, &err), ERR_WRONG_STATE);
        buf_done(&request);
        buf_done(&chain);
    }
    p->pki = ours;
    assert_int_equal(identity_take(i, slice_str("no PEM"), &(struct error){0}), ERR_WRONG_STATE);
    assert_false(exists(p, "gw.key.new"));
    assert_false(exists(p, "gw.pem.new"));
    X509_free(other.ca);
    EVP_PKEY_free(other.ca_key);
    EVP_PKEY_free(stranger);
    identity_free(&i);
}

/* Every step of a settling is a rename: a power cut leaves one of these. */
static void a_power_cut_at_any_moment_leaves_a_pair_that_fits(void **state) {
    struct place *p = *state;
    char new_key[420];
    char new_cert[420];
    (void)snprintf(new_key, sizeof new_key, "%s.new", p->key);
    (void)snprintf(new_cert, sizeof new_cert, "%s.new", p->cert);
    struct identity *i = open_identity(p);
    take_new(p, i);
    assert_int_equal(identity_settle(i, NULL), OK);
    take_new(p, i);
    identity_free(&i);
    /* both wait */
    i = open_identity(p);
    assert_true(identity_has_new(i));
    identity_free(&i);
    /* the key has gone ahead */
    assert_int_equal(rename(new_key, p->key), 0);
    i = open_identity(p);
    assert_false(identity_has_new(i));
    assert_false(exists(p, "gw.pem.new"));
    struct renewal *r = NULL;
    struct error err = {0};
    const struct tls_client_config cfg = {
        .ca_file = p->ca, .cert_file = p->cert, .key_file = p->key, .server_name = "server"};
    assert_int_equal(renewal_new("gw", &cfg, &r, &err), OK); /* checks that they fit */
    renewal_free(&r);
    /* a key whose certificate was never written */
    take_new(p, i);
    identity_free(&i);
    assert_int_equal(unlink(new_cert), 0);
    i = open_identity(p);
    assert_false(identity_has_new(i));
    assert_false(exists(p, "gw.key.new"));
    assert_int_equal(renewal_new("gw", &cfg, &r, &err), OK);
    renewal_free(&r);
    identity_free(&i);
}

static void expect_fault(struct place *p, const char *name, enum identity_file which, const char *says) {
    const struct identity_config cfg = {
        .name = name, .ca_file = p->ca, .cert_file = p->cert, .key_file = p->key};
    const char *fault = identity_file_fault(&cfg, which);
    if ((fault == NULL) != (says == NULL) || (says != NULL && strstr(fault, says) == NULL)) {
        fail_msg("file %d: %s", (int)which, fault == NULL ? "no fault" : fault);
    }
}

static void each_file_that_cannot_be_used_has_its_fault(void **state) {
    struct place *p = *state;
    expect_fault(p, "gw", IDENTITY_CA, NULL);
    expect_fault(p, "gw", IDENTITY_CERT, "no such file");
    expect_fault(p, "gw", IDENTITY_KEY, "no such file");
    struct identity *i = open_identity(p);
    take_new(p, i);
    expect_fault(p, "gw", IDENTITY_KEY, NULL); /* a new pair waits */
    assert_int_equal(identity_settle(i, NULL), OK);
    identity_free(&i);
    for (int which = IDENTITY_CA; which <= IDENTITY_KEY; which++) {
        expect_fault(p, "gw", (enum identity_file)which, NULL);
    }
    expect_fault(p, "gw2", IDENTITY_CERT, "not the certificate of this gateway");
    char ca_key[400];
    dir_file(&p->dir, "ca.key", ca_key);
    assert_int_equal(rename(ca_key, p->key), 0);
    expect_fault(p, "gw", IDENTITY_KEY, "not the key of the certificate");
    dir_write(&p->dir, "ca.pem", (const uint8_t *)"?", 1);
    dir_write(&p->dir, "gw.pem", (const uint8_t *)"?", 1);
    dir_write(&p->dir, "gw.key", (const uint8_t *)"?", 1);
    expect_fault(p, "gw", IDENTITY_CA, "no certificate (PEM)");
    expect_fault(p, "gw", IDENTITY_CERT, "no certificate (PEM)");
    expect_fault(p, "gw", IDENTITY_KEY, "no key (PEM");
}

static void nothing_is_asked_for_when_the_answer_could_not_be_written(void **state) {
    struct place *p = *state;
    struct identity *i = NULL;
    struct error err = {0};
    char cert[450];
    (void)snprintf(cert, sizeof cert, "%s/no/such/gw.pem", p->dir.path);
    const struct identity_config cfg = {
        .name = "gw", .ca_file = p->ca, .cert_file = cert, .key_file = p->key};
    assert_int_equal(identity_new(&cfg, &i, &err), OK);
    struct buf request;
    buf_init(&request, 1024);
    assert_int_equal(identity_request(i, &request, &err), ERR_IO);
    assert_non_null(strstr(err.where, "gw.pem.new.part"));
    assert_int_equal(request.n, 0);
    assert_false(exists(p, "gw.key.new.part"));
    buf_done(&request);
    identity_free(&i);
}

static void the_new_one_is_tried_and_the_old_one_in_turn_until_a_session_was_made(void **state) {
    struct place *p = *state;
    struct identity *i = open_identity(p);
    take_new(p, i);
    assert_int_equal(identity_settle(i, NULL), OK);
    identity_free(&i);
    struct renewal *r = NULL;
    struct error err = {0};
    const struct tls_client_config cfg = {
        .ca_file = p->ca, .cert_file = p->cert, .key_file = p->key, .server_name = "server"};
    assert_int_equal(renewal_new("gw", &cfg, &r, &err), OK);
    assert_false(renewal_up(r, &err));
    struct tls_client *old = renewal_tls(r);
    renewal_failed(r); /* there is no other */
    assert_false(renewal_up(r, &err));
    char away[410];
    dir_file(&p->dir, "away", away);
    assert_int_equal(rename(p->key, away), 0);
    assert_ptr_equal(renewal_tls(r), old); /* what cannot be read changes nothing */
    assert_int_equal(rename(away, p->key), 0);
    assert_non_null(renewal_tls(r));
    struct buf request;
    struct buf chain;
    buf_init(&request, 1024);
    assert_int_equal(renewal_request(r, &request, &err), OK);
    assert_int_equal(renewal_request(r, &request, &err), ERR_WRONG_STATE);
    struct slice pem = sign(p, &request, NULL, "URI:urn:penstock:gateway:gw", &chain);
    assert_int_equal(renewal_answer(r, &(struct msg_cert_issued){.status = CERT_ISSUED, .chain = pem}, &err),
                     OK);
    renewal_failed(r); /* the old one is next */
    assert_false(renewal_up(r, &err));
    assert_true(exists(p, "gw.pem.new"));
    renewal_failed(r); /* the new one again */
    assert_int_equal(renewal_request(r, &request, &err), ERR_WRONG_STATE);
    assert_true(renewal_up(r, &err));
    assert_false(exists(p, "gw.pem.new"));
    assert_false(renewal_up(r, &err));
    assert_true(renewal_ends_us(r) > 0);
    buf_clear(&request);
    assert_int_equal(renewal_request(r, &request, &err), OK);
    assert_int_equal(
        renewal_answer(r, &(struct msg_cert_issued){.status = CERT_REFUSED, .text = slice_str("no")}, &err),
        ERR_DENIED);
    buf_done(&request);
    buf_done(&chain);
    renewal_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_pair_waits_until_it_is_settled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_refused_and_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_power_cut_at_any_moment_leaves_a_pair_that_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_file_that_cannot_be_used_has_its_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_asked_for_when_the_answer_could_not_be_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_new_one_is_tried_and_the_old_one_in_turn_until_a_session_was_made,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
