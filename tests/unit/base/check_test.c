#include "server/base/check.h"
#include "tests/lib/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of_child(int condition) {
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        CHECK(condition == 1);
        _exit(7);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void a_broken_condition_aborts_and_a_true_one_goes_on(void **state) {
    (void)state;
    int broken = status_of_child(0);
    assert_true(WIFSIGNALED(broken));
    assert_int_equal(WTERMSIG(broken), SIGABRT);
    int fine = status_of_child(1);
    assert_true(WIFEXITED(fine));
    assert_int_equal(WEXITSTATUS(fine), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_condition_aborts_and_a_true_one_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
