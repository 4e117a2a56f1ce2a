#include "protocol/gateway/enrol_cmd.h"

#include "protocol/client/enrolment.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_SIZE = 1024 };

struct words {
    const char *token;
    const char *host;
    const char *port;
    const char *name;
    const char *dir;
};

static int fail(const struct error *err) {
    (void)fprintf(stderr, "penstock-gateway: %s: %s\n", err->where, err->text);
    return 1;
}

static bool read_words(int argc, char *const *argv, struct words *ret) {
    for (int i = 0; i < argc; i++) {
        const struct {
            const char *option;
            const char **to;
        } table[] = {
            {"--host", &ret->host}, {"--port", &ret->port}, {"--name", &ret->name}, {"--dir", &ret->dir}};
        size_t k = 0;
        while (k < sizeof table / sizeof table[0] && strcmp(table[k].option, argv[i]) != 0) {
            k++;
        }
        if (k < sizeof table / sizeof table[0] && i + 1 < argc) {
            *table[k].to = argv[++i];
        } else if (ret->token == NULL && strncmp(argv[i], "--", 2) != 0) {
            ret->token = argv[i];
        } else {
            return false;
        }
    }
    return ret->token != NULL && ret->host != NULL && ret->dir != NULL;
}

static enum status read_port(const char *text, uint16_t *ret, struct error *err) {
    char *end = NULL;
    long port = text == NULL ? LINK_PORT : strtol(text, &end, 10);
    if (port < 1 || port > UINT16_MAX || (end != NULL && (*end != '\0' || end == text))) {
        return error_set(err, ERR_INVALID, "--port", "must be 1 to 65535");
    }
    *ret = (uint16_t)port;
    return OK;
}

/* "-": a line of stdin, so that the token stands in no list of processes. */
static enum status read_token(const char *word, struct enrol_token *ret, struct error *err) {
    char line[LINE_SIZE] = "";
    if (strcmp(word, "-") != 0) {
        return enrol_token_parse(slice_str(word), ret, err);
    }
    if (fgets(line, sizeof line, stdin) == NULL) {
        return error_set(err, ERR_INVALID, "token", "nothing came from stdin");
    }
    enum status status = enrol_token_parse(slice_str(line), ret, err);
    OPENSSL_cleanse(line, sizeof line);
    return status;
}

struct paths {
    char ca[IDENTITY_PATH_SIZE];
    char cert[IDENTITY_PATH_SIZE];
    char key[IDENTITY_PATH_SIZE];
};

static enum status make_paths(const char *dir, const char *name, struct paths *ret, struct error *err) {
    if (strlen(dir) + strlen(name) + 8 >= IDENTITY_PATH_SIZE) {
        return error_set(err, ERR_TOO_BIG, "--dir", "the name of the directory is too long");
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return error_set(err, ERR_IO, dir, "cannot be made: %s", strerrordesc_np(errno));
    }
    (void)snprintf(ret->ca, sizeof ret->ca, "%s/ca.pem", dir);
    (void)snprintf(ret->cert, sizeof ret->cert, "%s/%s.pem", dir, name);
    (void)snprintf(ret->key, sizeof ret->key, "%s/%s.key", dir, name);
    return OK;
}

static enum status enrol(const struct words *w, struct error *err) {
    struct enrol_token token = {.name = ""};
    struct paths paths;
    struct enrolment_server server = {.host = w->host, .name = w->name == NULL ? w->host : w->name};
    struct identity *identity = NULL;
    enum status status = read_port(w->port, &server.port, err);
    status = status == OK ? read_token(w->token, &token, err) : status;
    status = status == OK ? make_paths(w->dir, token.name, &paths, err) : status;
    if (status == OK) {
        const struct identity_config cfg = {
            .name = token.name, .ca_file = paths.ca, .cert_file = paths.cert, .key_file = paths.key};
        status = identity_new(&cfg, &identity, err);
    }
    status = status == OK ? enrolment_with_token(identity, &server, &token, err) : status;
    if (status == OK) {
        (void)printf("%s has its certificate\n    \"ca\": \"%s\", \"cert\": \"%s\", \"key\": \"%s\"\n",
                     token.name, paths.ca, paths.cert, paths.key);
    }
    OPENSSL_cleanse(&token, sizeof token);
    identity_free(&identity);
    return status;
}

int enrol_cmd(int argc, char *const *argv) {
    struct words w = {.token = NULL};
    struct error err = {0};
    if (!read_words(argc, argv, &w)) {
        (void)fputs(
            "usage: penstock-gateway enrol TOKEN|- --host ADDRESS [--port N] [--name SERVER] --dir DIR\n",
            stderr);
        return 2;
    }
    return enrol(&w, &err) == OK ? 0 : fail(&err);
}

int renew_cmd(const struct gateway_config *cfg) {
    struct error err = {0};
    struct identity *identity = NULL;
    const struct identity_config files = {
        .name = cfg->name, .ca_file = cfg->ca, .cert_file = cfg->cert, .key_file = cfg->key};
    const struct enrolment_server server = {.host = cfg->host, .port = cfg->port, .name = cfg->server_name};
    enum status status = identity_new(&files, &identity, &err);
    status = status == OK ? enrolment_renew(identity, &server, &err) : status;
    identity_free(&identity);
    if (status != OK) {
        return fail(&err);
    }
    (void)printf("%s has a new certificate in %s\n", cfg->name, cfg->cert);
    return 0;
}
