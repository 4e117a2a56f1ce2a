/* CPU time of a private PostgreSQL: the postmaster, its children of now (backends, WAL writer, checkpointer,
 * …), and those that have ended. */
#ifndef PENSTOCK_TESTS_BENCH_PG_CPU_H
#define PENSTOCK_TESTS_BENCH_PG_CPU_H

#include <stdint.h>

/* From /proc; its grain is the clock tick, 10 ms. Ends the program if there is no such process. */
double pg_cpu_s(uint64_t postmaster);

#endif
