#ifndef BENCH_LWIP_SERVER_H
#define BENCH_LWIP_SERVER_H

/** Listens on all ports of the bench; in lwIP's thread. */
void startServices(void *unused);

#endif
