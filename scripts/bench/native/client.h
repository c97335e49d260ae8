// What the measuring client's parts share. The client runs on the kernel's TCP, opposite to the stack measured.
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <netinet/in.h>
#include <stdint.h>

struct Options {
  const char *mode;
  struct sockaddr_in host;
  /** The process whose processor time is counted; 0 = none. */
  int pid;
  double warmUp;
  double seconds;
  int connections;
  int rounds;
  /** First of the addresses that connections come from, host order, and how many; 0 = the kernel chooses. */
  uint32_t source;
  int sources;
  /** Bytes, for the checking modes. */
  long bytes;
};

/** One measurement. */
struct Window {
  double begun;
  double cpuBegun;
};

double now(void);
/** Seconds of processor time that all threads of a process have had. */
double cpuSeconds(int pid);
void openWindow(struct Window *window, int pid);
/** Prints one line of JSON: units, seconds, the process's processor seconds, and what `more` says (or ""). */
void printWindow(const struct Window *window, int pid, double units, const char *more);
void fail(const char *what);
int newSocket(const struct Options *options, int nonBlocking, long index);
int connected(const struct Options *options, int port, long index);
void address(const struct Options *options, int port, struct sockaddr_in *to);

void bulk(const struct Options *options, int sink, int source);
void checkSource(const struct Options *options);
void checkSink(const struct Options *options);
void checkInput(const struct Options *options);
void roundTrips(const struct Options *options);
void probe(const struct Options *options);
void spread(const struct Options *options);
void churn(const struct Options *options);
void requests(const struct Options *options);

#define PORT_ECHO 7
#define PORT_SINK 5001
#define PORT_SOURCE 5002
#define PORT_CHURN 5004
#define PORT_CHECKED_SINK 5011
#define PORT_HTTP 8080
/** Position n of every stream holds n % PERIOD. */
#define PERIOD 251

#endif
