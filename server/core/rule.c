#include "server/core/rule.h"

#include "server/base/check.h"
#include "server/core/rule_check.h"
#include "server/core/rule_emit.h"

#include <stdlib.h>

struct rule_builder {
    struct rule_emitter *emitter;
    struct rule_ast nodes[RULE_AST_MAX];
};

const char *rule_code_name(enum rule_code code) {
    switch (code) {
    case RULE_OK:
        return "OK";
    case RULE_E_SYNTAX:
        return "E_SYNTAX";
    case RULE_E_CHAINED:
        return "E_CHAINED";
    case RULE_E_TAG:
        return "E_TAG";
    case RULE_E_TYPE:
        return "E_TYPE";
    case RULE_E_UNIT:
        return "E_UNIT";
    case RULE_E_WINDOW:
        return "E_WINDOW";
    case RULE_E_NESTED:
        return "E_NESTED";
    case RULE_E_TOO_LONG:
        return "E_TOO_LONG";
    case RULE_E_DEPTH:
        return "E_DEPTH";
    case RULE_E_TOO_BIG:
        return "E_TOO_BIG";
    case RULE_E_CYCLE:
        return "E_CYCLE";
    case RULE_E_MEMORY:
        return "E_MEMORY";
    }
    return "unknown";
}

const char *rule_type_name(enum rule_type type) {
    switch (type) {
    case RULE_NUMBER:
        return "number";
    case RULE_BOOL:
        return "bool";
    case RULE_DURATION:
        return "duration";
    case RULE_CLOCK:
        return "clock";
    case RULE_STATE:
        return "state";
    }
    return "unknown";
}

enum status rule_builder_new(struct rule_builder **ret, struct error *err) {
    struct rule_builder *b = calloc(1, sizeof *b);
    if (b != NULL) {
        b->emitter = rule_emitter_new();
    }
    if (b == NULL || b->emitter == NULL) {
        free(b);
        return error_set(err, ERR_NOMEM, "rules", "no memory for the rule compiler");
    }
    *ret = b;
    return OK;
}

void rule_builder_free(struct rule_builder **b) {
    if (*b != NULL) {
        rule_emitter_free(&(*b)->emitter);
        free(*b);
        *b = NULL;
    }
}

enum status rule_builder_add(struct rule_builder *b, struct slice source, const struct rule_scope *scope,
                             enum rule_want want, struct slice unit, uint32_t *ret_program,
                             struct rule_fault *ret_fault) {
    struct rule_tree tree = {.nodes = b->nodes};
    if (!rule_parse(source, &tree, ret_fault) || !rule_check(&tree, scope, want, unit, ret_fault)) {
        return ERR_INVALID;
    }
    return rule_emitter_add(b->emitter, &tree, scope, ret_program, ret_fault);
}

enum status rule_builder_finish(const struct rule_builder *b, struct arena *arena, struct rule_set **ret,
                                struct error *err) {
    return rule_emitter_finish(b->emitter, arena, ret, err);
}
