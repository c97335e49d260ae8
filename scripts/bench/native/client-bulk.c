// One connection full of bytes in one or both directions, and the passes that look at every byte.

#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256 * 1024)
/** Reads or writes of one socket before the other, or the clock, has its turn. */
#define TURN 16

static uint8_t chunk[CHUNK + PERIOD];

static void fillPattern(void) {
  for (size_t i = 0; i < sizeof chunk; i++) chunk[i] = (uint8_t)(i % PERIOD);
}

/** What the other end has acknowledged: bytes in our own buffer have not been moved yet. */
static double acknowledged(int fd) {
  struct tcp_info info;
  memset(&info, 0, sizeof info);
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) fail("TCP_INFO");
  return (double)info.tcpi_bytes_acked;
}

static void pump(int fd) {
  for (int i = 0; i < TURN; i++) {
    if (send(fd, chunk, CHUNK, 0) < 0) {
      if (errno == EAGAIN) return;
      fail("send");
    }
  }
}

static double drain(int fd) {
  double sum = 0;
  for (int i = 0; i < TURN; i++) {
    ssize_t got = recv(fd, chunk, CHUNK, 0);
    if (got > 0) sum += (double)got;
    else if (got < 0 && errno == EAGAIN) return sum;
    else fail("recv");
  }
  return sum;
}

void bulk(const struct Options *options, int sink, int source) {
  int up = sink ? connected(options, PORT_SINK, 0) : -1;
  int down = source ? connected(options, PORT_SOURCE, 0) : -1;
  struct pollfd sockets[2] = {{up, POLLOUT, 0}, {down, POLLIN, 0}};
  if (sink) fcntl(up, F_SETFL, O_NONBLOCK);
  if (source) fcntl(down, F_SETFL, O_NONBLOCK);
  struct Window window;
  double received = 0, before = 0;
  double start = now() + options->warmUp, end = 0;
  for (int measuring = 0;;) {
    if (poll(sockets, 2, 5000) == 0) fail("nothing moves for 5 s");
    if (sockets[0].revents != 0) pump(up);
    if (sockets[1].revents != 0) received += drain(down);
    double at = now();
    if (!measuring && at >= start) {
      measuring = 1;
      before = received + (sink ? acknowledged(up) : 0);
      openWindow(&window, options->pid);
      end = window.begun + options->seconds;
    } else if (measuring && at >= end) {
      break;
    }
  }
  printWindow(&window, options->pid, received + (sink ? acknowledged(up) : 0) - before, "");
  // What is still on its way is not worth waiting for.
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  if (sink) setsockopt(up, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (source) setsockopt(down, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

static void checkStream(int fd, long wanted) {
  long position = 0;
  while (position < wanted) {
    ssize_t got = read(fd, chunk, CHUNK);
    if (got <= 0) break;
    for (ssize_t i = 0; i < got; i++, position++) {
      if (chunk[i] == position % PERIOD) continue;
      fprintf(stderr, "client: byte %ld is %d, not %ld\n", position, chunk[i], position % PERIOD);
      exit(1);
    }
  }
  if (position < wanted) {
    fprintf(stderr, "client: the stream ended after %ld of %ld bytes\n", position, wanted);
    exit(1);
  }
  printf("{\"checked\":%ld}\n", position);
}

void checkSource(const struct Options *options) {
  checkStream(connected(options, PORT_SOURCE, 0), options->bytes);
}

/** Standard input: what curl writes. */
void checkInput(const struct Options *options) {
  checkStream(0, options->bytes);
}

/** The server looks at every byte and says how many were right. */
void checkSink(const struct Options *options) {
  fillPattern();
  int fd = connected(options, PORT_CHECKED_SINK, 0);
  for (long sent = 0; sent < options->bytes;) {
    long left = options->bytes - sent;
    ssize_t took = send(fd, chunk + sent % PERIOD, left < CHUNK ? (size_t)left : CHUNK, 0);
    if (took < 0) fail("send");
    sent += took;
  }
  shutdown(fd, SHUT_WR);
  char answer[64] = "";
  ssize_t length = recv(fd, answer, sizeof answer - 1, MSG_WAITALL);
  if (length < 0 || atol(answer) != options->bytes) {
    fprintf(stderr, "client: of %ld bytes the server found right: %s\n", options->bytes, answer);
    exit(1);
  }
  printf("{\"checked\":%ld}\n", options->bytes);
}
