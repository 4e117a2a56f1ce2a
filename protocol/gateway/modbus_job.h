/* What a device's thread does: one poll; or one look at a point, which tells that the device is there; or one
 * write with its reading back. Filled in by the loop, then the
 * thread's alone until it has ended, then the loop's again. */
#ifndef PENSTOCK_GATEWAY_MODBUS_JOB_H
#define PENSTOCK_GATEWAY_MODBUS_JOB_H

#include "protocol/gateway/modbus_io.h"
#include "protocol/gateway/modbus_plan.h"

#include <stdatomic.h>

enum modbus_job_kind { MODBUS_POLL, MODBUS_LOOK, MODBUS_WRITE };

/* Of one read of the plan. */
struct modbus_result {
    enum modbus_outcome outcome;
    int64_t t_us;     /* when the answer was there */
    struct error err; /* unless it is values: why, and of which read */
};

struct modbus_job {
    enum modbus_job_kind kind;
    atomic_bool cancel; /* set by the loop: do nothing more */
    /* MODBUS_POLL: reads up to the first that fails */
    uint32_t n_done;
    struct modbus_result *results; /* of each read */
    uint16_t *words;               /* of the plan */
    /* MODBUS_LOOK, MODBUS_WRITE */
    struct modbus_point point;
    uint16_t write_words[MODBUS_WORDS_MAX];
    enum status ended;    /* as source_on_written has it */
    int64_t read_back_us; /* 0: it was not read back */
    uint16_t read_back[MODBUS_WORDS_MAX];
    struct error err;
};

MUSTCHECK enum status modbus_job_init(struct modbus_job *job, const struct modbus_plan *plan,
                                      struct error *err);
void modbus_job_done(struct modbus_job *job);
/* In the thread. Blocks. */
void modbus_job_run(struct modbus_job *job, struct modbus_io *io, const struct modbus_plan *plan);
/* NULL if a poll got all its answers, be they exceptions; else why not. */
const struct error *modbus_job_failure(const struct modbus_job *job, const struct modbus_plan *plan);

#endif
