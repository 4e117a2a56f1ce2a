#include "protocol/gateway/modbus_plan.h"

#include "server/base/check.h"

#include <stdlib.h>

struct item {
    const struct modbus_point *point;
    uint32_t index;
};

static int compare_items(const void *a, const void *b) {
    const struct item *x = a;
    const struct item *y = b;
    if (x->point->table != y->point->table) {
        return x->point->table < y->point->table ? -1 : 1;
    }
    if (x->point->address != y->point->address) {
        return x->point->address < y->point->address ? -1 : 1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

/* Makes the read longer so that it has the point too; false if it must not. */
static bool join(struct modbus_read *read, const struct modbus_point *p, const struct modbus_limits *limits) {
    uint32_t end = (uint32_t)read->address + read->n;
    uint32_t point_end = (uint32_t)p->address + modbus_point_size(p);
    uint32_t most = modbus_table_is_bits(read->table) ? limits->bits : limits->registers;
    if (p->table != read->table || p->address > end + limits->gap || point_end - read->address > most) {
        return false;
    }
    if (point_end > end) {
        read->n = (uint16_t)(point_end - read->address); /* at most `most` */
    }
    return true;
}

enum status modbus_plan_init(struct modbus_plan *plan, const struct modbus_point *points, uint32_t n,
                             const struct modbus_limits *limits, struct error *err) {
    CHECK(limits->registers >= MODBUS_WORDS_MAX);
    CHECK(limits->bits >= 1);
    *plan = (struct modbus_plan){0};
    if (n == 0) {
        return OK;
    }
    struct item *items = calloc(n, sizeof *items);
    plan->reads = calloc(n, sizeof *plan->reads);
    plan->read_of = calloc(n, sizeof *plan->read_of);
    plan->first_word = calloc(n, sizeof *plan->first_word);
    if (items == NULL || plan->reads == NULL || plan->read_of == NULL || plan->first_word == NULL) {
        free(items);
        modbus_plan_done(plan);
        return error_set(err, ERR_NOMEM, "modbus", "no memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        items[i] = (struct item){.point = &points[i], .index = i};
    }
    qsort(items, n, sizeof *items, compare_items);
    for (uint32_t i = 0; i < n; i++) {
        const struct modbus_point *p = items[i].point;
        if (plan->n_reads == 0 || !join(&plan->reads[plan->n_reads - 1], p, limits)) {
            plan->reads[plan->n_reads++] =
                (struct modbus_read){.table = p->table, .address = p->address, .n = modbus_point_size(p)};
        }
        plan->read_of[items[i].index] = plan->n_reads - 1;
    }
    free(items);
    for (uint32_t r = 0; r < plan->n_reads; r++) {
        plan->reads[r].first = plan->n_words;
        plan->n_words += plan->reads[r].n;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct modbus_read *read = &plan->reads[plan->read_of[i]];
        plan->first_word[i] = read->first + (uint32_t)(points[i].address - read->address);
    }
    return OK;
}

void modbus_plan_done(struct modbus_plan *plan) {
    free(plan->reads);
    free(plan->read_of);
    free(plan->first_word);
    *plan = (struct modbus_plan){0};
}
