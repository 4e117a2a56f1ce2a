#include "protocol/client/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asking {
    uv_work_t work;
    char texts[6][IDENTITY_PATH_SIZE];
    struct identity_config files;
    struct enrolment_server server;
    window_done done;
    void *ctx;
    enum status status;
    struct error err;
};

static void on_work(uv_work_t *work) {
    struct asking *a = work->data;
    struct identity *identity = NULL;
    a->status = identity_new(&a->files, &identity, &a->err);
    if (a->status == OK) {
        a->status = enrolment_renew(identity, &a->server, &a->err);
    }
    identity_free(&identity);
}

static void on_worked(uv_work_t *work, int status) {
    struct asking *a = work->data;
    if (status != 0) {
        a->status = error_set(&a->err, ERR_INTERNAL, "libuv", "%s", uv_strerror(status));
    }
    a->done(a->ctx, a->status, &a->err);
    free(a);
}

static const char *keep(struct asking *a, int at, const char *text) {
    (void)snprintf(a->texts[at], sizeof a->texts[at], "%s", text);
    return a->texts[at];
}

enum status window_ask(uv_loop_t *loop, const struct identity_config *files,
                       const struct enrolment_server *server, window_done done, void *ctx,
                       struct error *err) {
    struct asking *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return error_set(err, ERR_NOMEM, "client", "no memory");
    }
    a->files = (struct identity_config){.name = keep(a, 0, files->name),
                                        .ca_file = keep(a, 1, files->ca_file),
                                        .cert_file = keep(a, 2, files->cert_file),
                                        .key_file = keep(a, 3, files->key_file)};
    a->server = (struct enrolment_server){
        .host = keep(a, 4, server->host), .port = server->port, .name = keep(a, 5, server->name)};
    a->done = done;
    a->ctx = ctx;
    a->work.data = a;
    int rc = uv_queue_work(loop, &a->work, on_work, on_worked);
    if (rc != 0) {
        free(a);
        return error_set(err, ERR_INTERNAL, "libuv", "%s", uv_strerror(rc));
    }
    return OK;
}
