#include "protocol/limits.h"
#include "server/base/clock.h"
#include "server/base/tm.h"
#include "server/link/issue.h"
#include "tests/lib/unit.h"
#include "tests/unit/link/certs.h"

#include <openssl/core_names.h>
#include <sys/stat.h>

struct place {
    struct certs certs;
    struct cert ca;
    struct issuer *issuer;
    int64_t now_us;
};

static void make_ca(struct place *p, const struct cert_spec *spec) {
    char ca[CERTS_PATH_SIZE];
    char key[CERTS_PATH_SIZE];
    p->ca = cert_make(&p->certs, NULL, spec);
    certs_write(&p->certs, "ca", &p->ca, 1);
    (void)certs_path(&p->certs, "ca.pem", ca);
    (void)certs_path(&p->certs, "ca.key", key);
    assert_int_equal(chmod(key, 0600), 0);
    struct error err = {0};
    if (issuer_new(ca, key, &p->issuer, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
}

static int set_up(void **state) {
    static struct place p;
    p = (struct place){.now_us = clock_wall_us()};
    certs_init(&p.certs);
    make_ca(&p, &(struct cert_spec){.name = "Test CA", .authority = true, .to_s = 200 * CERTS_DAY_S});
    *state = &p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    issuer_free(&p->issuer);
    cert_done(&p->ca);
    certs_done(&p->certs);
    return 0;
}

enum { DER_MAX = 64 * 1024 };
struct der {
    unsigned char bytes[DER_MAX];
    size_t n;
};

struct wish {
    const char *subject;
    const char *san; /* asked for */
    const EVP_MD *digest;
    EVP_PKEY *signer; /* NULL: the key itself */
    size_t padding;   /* bytes of an attribute */
};

/* A request for this key, and with what else it asks for. Takes key. */
static struct slice request_for(struct der *der, EVP_PKEY *key, const struct wish *wish) {
    X509_REQ *r = X509_REQ_new();
    assert_non_null(r);
    assert_non_null(key);
    assert_int_equal(X509_REQ_set_version(r, X509_REQ_VERSION_1), 1);
    if (wish->subject != NULL) {
        assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(r), "CN", MBSTRING_UTF8,
                                                    (const unsigned char *)wish->subject, -1, -1, 0),
                         1);
    }
    if (wish->san != NULL) {
        STACK_OF(X509_EXTENSION) *v = sk_X509_EXTENSION_new_null();
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, wish->san);
        assert_non_null(e);
        sk_X509_EXTENSION_push(v, e);
        e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        sk_X509_EXTENSION_push(v, e);
        assert_int_equal(X509_REQ_add_extensions(r, v), 1);
        sk_X509_EXTENSION_pop_free(v, X509_EXTENSION_free);
    }
    if (wish->padding > 0) {
        unsigned char *p = calloc(1, wish->padding);
        assert_non_null(p);
        assert_int_equal(X509_REQ_add1_attr_by_NID(r, NID_pkcs9_challengePassword, V_ASN1_OCTET_STRING, p,
                                                   (int)wish->padding),
                         1);
        free(p);
    }
    assert_int_equal(X509_REQ_set_pubkey(r, key), 1);
    assert_true(X509_REQ_sign(r, wish->signer == NULL ? key : wish->signer,
                              wish->digest == NULL ? EVP_sha256() : wish->digest) > 0);
    unsigned char *out = der->bytes;
    int n = i2d_X509_REQ(r, NULL);
    assert_true(n > 0 && n <= DER_MAX);
    der->n = (size_t)i2d_X509_REQ(r, &out);
    X509_REQ_free(r);
    EVP_PKEY_free(key);
    return slice_of(der->bytes, der->n);
}

static X509 *certificate_of(const struct issued *made) {
    BIO *in = BIO_new_mem_buf(made->pem, (int)made->pem_n);
    X509 *x = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    assert_non_null(x);
    return x;
}

static void a_request_gives_a_certificate_of_the_gateway_that_the_caller_names(void **state) {
    struct place *p = *state;
    static struct der der;
    struct issued made;
    struct error err;
    const struct wish wish = {.subject = "gw-other", .san = "URI:urn:penstock:gateway:gw-other"};
    struct slice request = request_for(&der, EVP_EC_gen("P-256"), &wish);
    assert_int_equal(issue(p->issuer, request, "gw-s1", p->now_us, &made, &err), OK);
    X509 *x = certificate_of(&made);
    assert_int_equal(X509_verify(x, p->ca.key), 1);
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    const ASN1_IA5STRING *uri = sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier;
    assert_string_equal((const char *)ASN1_STRING_get0_data(uri), "urn:penstock:gateway:gw-s1");
    GENERAL_NAMES_free(names);
    assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_CLIENT);
    assert_int_equal(X509_check_ca(x), 0);
    int days = 0;
    int seconds = 0;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x), X509_get0_notAfter(x)), 1);
    assert_int_equal(days, ISSUE_DAYS);
    time_t now = (time_t)(p->now_us / TM_SECOND_US);
    time_t before = now - 299;
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(x), &before), -1);
    assert_int_equal(made.certificate.serial[0] & 0xc0, 0x40); /* positive, of 16 bytes */
    X509_free(x);
}

static void serial_numbers_are_random(void **state) {
    struct place *p = *state;
    static struct der der;
    struct issued made[2];
    struct error err;
    struct slice request = request_for(&der, EVP_EC_gen("P-256"), &(struct wish){.subject = "x"});
    assert_int_equal(issue(p->issuer, request, "gw", p->now_us, &made[0], &err), OK);
    assert_int_equal(issue(p->issuer, request, "gw", p->now_us, &made[1], &err), OK);
    assert_memory_not_equal(made[0].certificate.serial, made[1].certificate.serial, IDENTITY_SERIAL_SIZE);
    assert_memory_not_equal(made[0].certificate.fingerprint, made[1].certificate.fingerprint,
                            IDENTITY_HASH_SIZE);
    assert_memory_equal(made[0].certificate.key, made[1].certificate.key, made[0].certificate.key_n);
}

static EVP_PKEY *explicit_p256(void) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"), 1);
    return key;
}

static void hostile_requests_are_refused_with_the_reason(void **state) {
    struct place *p = *state;
    static struct der der;
    EVP_PKEY *other = EVP_EC_gen("P-256");
    struct {
        const char *what;
        EVP_PKEY *key;
        struct wish wish;
        const char *says;
    } table[] = {
        {"RSA", EVP_RSA_gen(2048), {.subject = "x"}, "P-256"},
        {"P-384", EVP_EC_gen("P-384"), {.subject = "x"}, "P-256"},
        {"secp256k1", EVP_EC_gen("secp256k1"), {.subject = "x"}, "P-256"},
        {"explicit parameters", explicit_p256(), {.subject = "x"}, "P-256"},
        {"SHA-1", EVP_EC_gen("P-256"), {.subject = "x", .digest = EVP_sha1()}, "SHA-256"},
        {"somebody else's signature", EVP_EC_gen("P-256"), {.subject = "x", .signer = other}, "signature"},
        {"huge", EVP_EC_gen("P-256"), {.subject = "x", .padding = 60000}, "bytes"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct issued made;
        struct error err = {0};
        struct slice request = request_for(&der, table[i].key, &table[i].wish);
        enum status status = issue(p->issuer, request, "gw", p->now_us, &made, &err);
        if (status != ERR_INVALID || strstr(err.text, table[i].says) == NULL) {
            fail_msg("%s: %d %s", table[i].what, status, err.text);
        }
    }
    EVP_PKEY_free(other);
}

static void bytes_that_are_no_request_are_refused(void **state) {
    struct place *p = *state;
    static struct der der;
    struct issued made;
    struct error err;
    assert_int_equal(issue(p->issuer, slice_of("", 0), "gw", p->now_us, &made, &err), ERR_INVALID);
    assert_int_equal(issue(p->issuer, slice_str("not DER at all"), "gw", p->now_us, &made, &err),
                     ERR_INVALID);
    struct slice good = request_for(&der, EVP_EC_gen("P-256"), &(struct wish){.subject = "x"});
    for (size_t n = 1; n < good.n; n++) {
        assert_int_equal(issue(p->issuer, slice_of(good.p, n), "gw", p->now_us, &made, &err), ERR_INVALID);
    }
    der.bytes[good.n] = 0;
    assert_int_equal(issue(p->issuer, slice_of(good.p, good.n + 1), "gw", p->now_us, &made, &err),
                     ERR_INVALID);
    for (size_t i = 0; i < good.n; i++) {
        der.bytes[i] ^= 0x04;
        enum status status = issue(p->issuer, good, "gw", p->now_us, &made, &err);
        if (status != ERR_INVALID) {
            fail_msg("a changed byte at %zu of %zu goes unnoticed", i, good.n);
        }
        der.bytes[i] ^= 0x04;
    }
    assert_int_equal(issue(p->issuer, good, "gw", p->now_us, &made, &err), OK);
}

static void a_long_name_goes_whole_into_the_uri(void **state) {
    struct place *p = *state;
    static struct der der;
    struct issued made;
    struct error err;
    char name[LINK_NAME_MAX + 1];
    memset(name, 'n', LINK_NAME_MAX);
    name[LINK_NAME_MAX] = '\0';
    struct slice request = request_for(&der, EVP_EC_gen("P-256"), &(struct wish){.subject = NULL});
    assert_int_equal(issue(p->issuer, request, name, p->now_us, &made, &err), OK);
    X509 *x = certificate_of(&made);
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(ASN1_STRING_length(sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier),
                     (int)strlen(LINK_URI_PREFIX) + LINK_NAME_MAX);
    GENERAL_NAMES_free(names);
    X509_free(x);
}

static void no_certificate_outlives_the_authority(void **state) {
    struct place *p = *state;
    static struct der der;
    struct issued made;
    struct error err;
    issuer_free(&p->issuer);
    cert_done(&p->ca);
    make_ca(p, &(struct cert_spec){.name = "Test CA", .authority = true, .to_s = 10 * CERTS_DAY_S});
    struct slice request = request_for(&der, EVP_EC_gen("P-256"), &(struct wish){.subject = "x"});
    assert_int_equal(issue(p->issuer, request, "gw", p->now_us, &made, &err), OK);
    assert_true(made.certificate.not_after_us <= p->now_us + 10 * TM_DAY_US + TM_MINUTE_US);
    assert_int_equal(issue(p->issuer, request, "gw", p->now_us + 9 * TM_DAY_US + TM_HOUR_US, &made, &err),
                     ERR_UNAVAILABLE);
}

static void a_key_that_others_may_read_or_that_fits_no_authority_is_refused(void **state) {
    struct place *p = *state;
    char ca[CERTS_PATH_SIZE];
    char key[CERTS_PATH_SIZE];
    struct issuer *i = NULL;
    struct error err;
    (void)certs_path(&p->certs, "ca.pem", ca);
    (void)certs_path(&p->certs, "ca.key", key);
    assert_int_equal(chmod(key, 0640), 0);
    assert_int_equal(issuer_new(ca, key, &i, &err), ERR_DENIED);
    assert_non_null(strstr(err.text, "0600"));
    certs_issue(&p->certs, &p->ca, "leaf", &(struct cert_spec){.name = "leaf", .use = "serverAuth"});
    (void)certs_path(&p->certs, "leaf.pem", ca);
    (void)certs_path(&p->certs, "leaf.key", key);
    assert_int_equal(chmod(key, 0600), 0);
    assert_int_equal(issuer_new(ca, key, &i, &err), ERR_INVALID);
    (void)certs_path(&p->certs, "nothing.key", key);
    assert_int_equal(issuer_new(ca, key, &i, &err), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_gives_a_certificate_of_the_gateway_that_the_caller_names,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(serial_numbers_are_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_requests_are_refused_with_the_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_request_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_name_goes_whole_into_the_uri, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_certificate_outlives_the_authority, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_others_may_read_or_that_fits_no_authority_is_refused,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
