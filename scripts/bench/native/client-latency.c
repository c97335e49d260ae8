// One byte there and back: on one connection, and on many connections that take turns.

#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM_UP_ROUNDS 500
/** Of `probe`, at most. */
#define PROBES_A_SECOND 1000
/** Connections of `spread` that are being opened at the same time. */
#define OPENING 100
/** Questions of one share before the next has its turn. */
#define GRANT 64
/** Which connections of its own a share asks. */
enum { ALL, ONE };
/** Descriptors for everything but connections. */
#define RESERVED_FILES 50

static void ping(int fd, uint8_t byte) {
  uint8_t answer;
  if (send(fd, &byte, 1, 0) != 1) fail("send");
  if (recv(fd, &answer, 1, 0) != 1) fail("recv");
  if (answer != byte) {
    fprintf(stderr, "client: %d came back as %d\n", byte, answer);
    exit(1);
  }
}

static int ascending(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return difference < 0 ? -1 : difference > 0;
}

void roundTrips(const struct Options *options) {
  int fd = connected(options, PORT_ECHO, 0);
  for (int i = 0; i < WARM_UP_ROUNDS; i++) ping(fd, (uint8_t)i);
  double *times = calloc((size_t)options->rounds, sizeof *times);
  struct Window window;
  openWindow(&window, options->pid);
  for (int i = 0; i < options->rounds; i++) {
    double begun = now();
    ping(fd, (uint8_t)i);
    times[i] = (now() - begun) * 1e6;
  }
  qsort(times, (size_t)options->rounds, sizeof *times, ascending);
  char more[100];
  snprintf(more, sizeof more, ",\"p50\":%.2f,\"p99\":%.2f", times[options->rounds / 2],
           times[options->rounds / 100 * 99]);
  printWindow(&window, options->pid, options->rounds, more);
}

/** One byte there and back each millisecond, whatever else goes on: the times say how long a request waits. */
void probe(const struct Options *options) {
  int fd = connected(options, PORT_ECHO, 0);
  for (int i = 0; i < WARM_UP_ROUNDS; i++) ping(fd, (uint8_t)i);
  int most = (int)(options->seconds * PROBES_A_SECOND), count = 0;
  double *times = calloc((size_t)most, sizeof *times);
  struct Window window;
  openWindow(&window, options->pid);
  while (count < most && now() < window.begun + options->seconds) {
    double begun = now();
    ping(fd, (uint8_t)count);
    times[count++] = (now() - begun) * 1e6;
    usleep(1000000 / PROBES_A_SECOND);
  }
  qsort(times, (size_t)count, sizeof *times, ascending);
  char more[200];
  snprintf(more, sizeof more, ",\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f", times[count / 2],
           times[count * 99 / 100], times[count * 999L / 1000], times[count - 1]);
  printWindow(&window, options->pid, count, more);
}

/** One process's share of the connections: descriptors are limited for each process. */
struct Share {
  int *fds;
  int count;
  /** Ends of two pipes: the parent's grants come here, and a byte goes back for each. */
  int grant, done;
  pid_t pid;
};

static void openAll(const struct Options *options, struct Share *share, long offset) {
  int count = share->count;
  int *fds = share->fds = calloc((size_t)count, sizeof *fds);
  struct sockaddr_in to;
  address(options, PORT_ECHO, &to);
  int poller = epoll_create1(EPOLL_CLOEXEC);
  int begun = 0, open = 0, opening = 0;
  while (open < count) {
    for (; opening < OPENING && begun < count; begun++, opening++) {
      int fd = fds[begun] = newSocket(options, 1, offset + begun);
      if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) fail("connect");
      struct epoll_event wanted = {.events = EPOLLOUT | EPOLLONESHOT, .data.fd = fd};
      epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
    }
    struct epoll_event ready[OPENING];
    int found = epoll_wait(poller, ready, OPENING, 10000);
    if (found == 0) fail("connections do not open");
    for (int i = 0; i < found; i++) {
      int error = 0;
      socklen_t length = sizeof error;
      getsockopt(ready[i].data.fd, SOL_SOCKET, SO_ERROR, &error, &length);
      errno = error;
      if (error != 0) fail("connect");
      fcntl(ready[i].data.fd, F_SETFL, 0);
      open++;
      opening--;
    }
  }
  close(poller);
}

static uint32_t random32(void) {
  static uint32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

static void serveShare(const struct Options *options, struct Share *share, long offset) {
  openAll(options, share, offset);
  char byte = 0;
  if (write(share->done, &byte, 1) != 1) fail("pipe");
  while (read(share->grant, &byte, 1) == 1) {
    uint32_t among = byte == ONE ? 1 : (uint32_t)share->count;
    for (int i = 0; i < GRANT; i++) ping(share->fds[random32() % among], (uint8_t)i);
    if (write(share->done, &byte, 1) != 1) fail("pipe");
  }
  exit(0);
}

static void awaitShare(const struct Share *share) {
  char byte;
  if (read(share->done, &byte, 1) != 1) fail("a part of the client has ended");
}

/** Shares open their connections one after the other. */
static void startShare(const struct Options *options, struct Share *share, long offset) {
  int grants[2], dones[2];
  if (pipe(grants) < 0 || pipe(dones) < 0) fail("pipe");
  share->pid = fork();
  if (share->pid < 0) fail("fork");
  share->grant = share->pid == 0 ? grants[0] : grants[1];
  share->done = share->pid == 0 ? dones[1] : dones[0];
  close(share->pid == 0 ? grants[1] : grants[0]);
  close(share->pid == 0 ? dones[0] : dones[1]);
  if (share->pid == 0) serveShare(options, share, offset);
  awaitShare(share);
}

static void grantTo(const struct Share *share, char byte) {
  if (write(share->grant, &byte, 1) != 1) fail("a part of the client has ended");
  awaitShare(share);
}

/** Waits for the other side, which looks at the memory in the meantime. */
static void waitForLine(void) {
  int read;
  do read = getchar();
  while (read != '\n' && read != EOF);
}

/** Asks one connection, or all of them in random order; one question at a time. */
static void askShares(const struct Options *options, const struct Share *shares, uint32_t count, char which) {
  if (which == ONE) count = 1;
  double warm = now() + options->warmUp;
  long rounds = 0;
  for (; now() < warm || rounds < options->rounds; rounds += GRANT) grantTo(&shares[random32() % count], which);
  struct Window window;
  openWindow(&window, options->pid);
  rounds = 0;
  for (; now() < window.begun + options->seconds; rounds += GRANT) grantTo(&shares[random32() % count], which);
  printWindow(&window, options->pid, (double)rounds, "");
}

/** Opens many connections, waits for a line, then asks the first of them, and then all of them. */
void spread(const struct Options *options) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  int most = (int)files.rlim_cur - RESERVED_FILES;
  int count = (options->connections + most - 1) / most;
  struct Share *shares = calloc((size_t)count, sizeof *shares);
  for (int i = 0; i < count; i++) {
    long offset = (long)i * most;
    shares[i].count = options->connections - offset < most ? (int)(options->connections - offset) : most;
    startShare(options, &shares[i], offset);
  }
  printf("{\"open\":%d}\n", options->connections);
  fflush(stdout);
  waitForLine();
  askShares(options, shares, (uint32_t)count, ONE);
  askShares(options, shares, (uint32_t)count, ALL);
  // The others end when their pipe does.
}
