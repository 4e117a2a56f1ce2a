#include "protocol/gateway/modbus_job.h"

#include "server/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum status modbus_job_init(struct modbus_job *job, const struct modbus_plan *plan, struct error *err) {
    *job = (struct modbus_job){.results = calloc(plan->n_reads, sizeof *job->results),
                               .words = calloc(plan->n_words, sizeof *job->words)};
    if (job->results == NULL || job->words == NULL) {
        modbus_job_done(job);
        return error_set(err, ERR_NOMEM, "modbus", "no memory");
    }
    return OK;
}

void modbus_job_done(struct modbus_job *job) {
    free(job->results);
    free(job->words);
    job->results = NULL;
    job->words = NULL;
}

/* A person who looks for the fault in a register map needs the place. */
static void tell_which(const struct modbus_read *read, struct error *err) {
    static const char *const tables[] = {"coil", "discrete", "holding", "input"};
    char text[80];
    (void)snprintf(text, sizeof text, "reading %u from %s %u", (unsigned)read->n, tables[read->table],
                   (unsigned)read->address);
    (void)error_wrap(err, text);
}

static void poll_all(struct modbus_job *job, struct modbus_io *io, const struct modbus_plan *plan) {
    job->n_done = 0;
    while (job->n_done < plan->n_reads && !atomic_load(&job->cancel)) {
        const struct modbus_read *read = &plan->reads[job->n_done];
        struct modbus_result *result = &job->results[job->n_done];
        result->outcome =
            modbus_io_read(io, read->table, read->address, read->n, job->words + read->first, &result->err);
        result->t_us = clock_wall_us();
        if (result->outcome != MODBUS_ANSWERED) {
            tell_which(read, &result->err);
        }
        if (result->outcome == MODBUS_FAILED) {
            return;
        }
        job->n_done++;
    }
}

static enum modbus_outcome read_point(struct modbus_job *job, struct modbus_io *io) {
    return modbus_io_read(io, job->point.table, job->point.address, modbus_point_size(&job->point),
                          job->read_back, &job->err);
}

/* Reading makes sure of the connection, too: one that the device closed while it was quiet is made again,
 * which is right for a read and would not be for a write. */
static enum status look(struct modbus_job *job, struct modbus_io *io) {
    if (atomic_load(&job->cancel)) {
        return error_set(&job->err, ERR_UNAVAILABLE, "gateway", "the gateway stops");
    }
    switch (read_point(job, io)) {
    case MODBUS_ANSWERED:
        return OK;
    case MODBUS_NO_SUCH_POINT:
    case MODBUS_REFUSED:
        return ERR_DENIED;
    case MODBUS_FAILED:
        return ERR_UNAVAILABLE;
    }
    return ERR_INTERNAL;
}

static enum status write_one(struct modbus_job *job, struct modbus_io *io) {
    enum modbus_outcome outcome =
        modbus_io_write(io, job->point.table, job->point.address, modbus_point_size(&job->point),
                        job->write_words, &job->err);
    if (outcome == MODBUS_FAILED) {
        return ERR_IO;
    }
    if (outcome != MODBUS_ANSWERED) {
        return ERR_DENIED;
    }
    job->read_back_us = read_point(job, io) == MODBUS_ANSWERED ? clock_wall_us() : 0;
    return OK;
}

void modbus_job_run(struct modbus_job *job, struct modbus_io *io, const struct modbus_plan *plan) {
    switch (job->kind) {
    case MODBUS_POLL:
        poll_all(job, io, plan);
        break;
    case MODBUS_LOOK:
        job->err = (struct error){0};
        job->ended = look(job, io);
        break;
    case MODBUS_WRITE:
        job->ended = write_one(job, io);
        break;
    }
}

const struct error *modbus_job_failure(const struct modbus_job *job, const struct modbus_plan *plan) {
    return job->n_done < plan->n_reads ? &job->results[job->n_done].err : NULL;
}
