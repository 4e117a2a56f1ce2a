#include "server/store/load.h"

#include "server/base/check.h"
#include "server/base/zone_file.h"
#include "server/store/pgvalue.h"

#include <stdlib.h>

struct load {
    uv_work_t work;
    PGresult *items;
    struct config_set *set;
    struct error err;
    load_on_done on_done;
    void *ctx;
};

static enum status put_item(struct load *l, int row) {
    struct slice kind_name = pg_get_slice(l->items, row, 0);
    struct slice name = pg_get_slice(l->items, row, 1);
    enum config_kind kind = CONFIG_SITE;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = ERR_UNSUPPORTED;
    if (config_kind_parse(kind_name, &kind)) {
        status = config_set_put(l->set, kind, name, pg_get_slice(l->items, row, 4),
                                pg_get_i64(l->items, row, 2), pg_get_i64(l->items, row, 3), faults, &n);
    }
    if (status != OK) {
        char where[160];
        (void)snprintf(where, sizeof where, "/%.*s/%.*s", SLICE_ARG(kind_name), SLICE_ARG(name));
        (void)error_set(&l->err, status, where, "the stored item cannot be used by this program: %s%s%s",
                        n > 0 ? faults[0].pointer : status_name(status), n > 0 ? ": " : "",
                        n > 0 ? faults[0].text : "");
    }
    return status;
}

static void on_work(uv_work_t *work) {
    struct load *l = work->data;
    enum status status = config_set_new(&l->set, &l->err);
    if (status == OK) {
        config_set_zones(l->set, zone_load);
    }
    for (int row = 0; status == OK && row < PQntuples(l->items); row++) {
        status = put_item(l, row);
    }
    if (status != OK) {
        config_set_free(&l->set);
    }
}

static void on_worked(uv_work_t *work, int status) {
    struct load *l = work->data;
    CHECK(status == 0); /* it is never cancelled */
    l->on_done(l->ctx, l->set, &l->err);
    PQclear(l->items);
    free(l);
}

void load_config_set(uv_loop_t *loop, PGresult *items, load_on_done on_done, void *ctx) {
    struct load *l = calloc(1, sizeof *l);
    CHECK(l != NULL); /* at a start or a change of configuration; without it there is no going on */
    l->work.data = l;
    l->items = items;
    l->on_done = on_done;
    l->ctx = ctx;
    int rc = uv_queue_work(loop, &l->work, on_work, on_worked);
    CHECK(rc == 0);
}
