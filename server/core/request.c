#include "server/core/request.h"

#include "server/base/check.h"

const char *role_name(enum role role) {
    switch (role) {
    case ROLE_NONE:
        return "none";
    case ROLE_VIEWER:
        return "viewer";
    case ROLE_OPERATOR:
        return "operator";
    case ROLE_ENGINEER:
        return "engineer";
    case ROLE_ADMIN:
        return "admin";
    }
    check_failed(__FILE__, __LINE__, "role is one of the enum");
}

enum role role_parse(struct slice text) {
    static const enum role roles[] = {ROLE_VIEWER, ROLE_OPERATOR, ROLE_ENGINEER, ROLE_ADMIN};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (slice_is(text, role_name(roles[i]))) {
            return roles[i];
        }
    }
    return ROLE_NONE;
}

const char *backtest_state_name(enum backtest_state state) {
    switch (state) {
    case BACKTEST_WAITING:
        return "waiting";
    case BACKTEST_RUNNING:
        return "running";
    case BACKTEST_DONE:
        return "done";
    case BACKTEST_CANCELLED:
        return "cancelled";
    case BACKTEST_FAILED:
        return "failed";
    }
    return "failed";
}
