// Many small exchanges at the same time: a connection for each (churn), or many on each (requests).

#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHURN_REQUEST "give me sixty-4\n"
#define CHURN_ANSWER 64
#define HTTP_REQUEST "GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n"
#define MOST_EVENTS 256

struct Lane {
  int fd;
  /** Bytes of the answer that are still to come; 0 = not known yet. */
  long missing;
  long got;
};

static struct Window window;
static double done;

static void startChurn(const struct Options *options, int poller, struct Lane *lane, long index) {
  struct sockaddr_in to;
  address(options, PORT_CHURN, &to);
  lane->fd = newSocket(options, 1, index);
  lane->got = 0;
  if (connect(lane->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) fail("connect");
  struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = lane};
  epoll_ctl(poller, EPOLL_CTL_ADD, lane->fd, &wanted);
}

/** True when the exchange is over. */
static int goOnChurn(int poller, struct Lane *lane, uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    if (send(lane->fd, CHURN_REQUEST, sizeof CHURN_REQUEST - 1, 0) != sizeof CHURN_REQUEST - 1) fail("connect or send");
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = lane};
    epoll_ctl(poller, EPOLL_CTL_MOD, lane->fd, &wanted);
    return 0;
  }
  char answer[256];
  for (;;) {
    ssize_t got = recv(lane->fd, answer, sizeof answer, 0);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got < 0) fail("recv");
    if (got > 0) {
      lane->got += got;
      continue;
    }
    if (lane->got != CHURN_ANSWER) fail("the answer has not its 64 bytes");
    close(lane->fd);
    return 1;
  }
}

/** True when the measurement is over. */
static int watch(const struct Options *options, double start) {
  static int measuring;
  double at = now();
  if (!measuring && at >= start) {
    measuring = 1;
    done = 0;
    openWindow(&window, options->pid);
  }
  return measuring && at >= window.begun + options->seconds;
}

void churn(const struct Options *options) {
  int poller = epoll_create1(EPOLL_CLOEXEC);
  struct Lane *lanes = calloc((size_t)options->connections, sizeof *lanes);
  long index = getpid();
  for (int i = 0; i < options->connections; i++) startChurn(options, poller, &lanes[i], index++);
  double start = now() + options->warmUp;
  while (!watch(options, start)) {
    struct epoll_event ready[MOST_EVENTS];
    int found = epoll_wait(poller, ready, MOST_EVENTS, 3000);
    if (found == 0) fail("nothing moves for 3 s");
    for (int i = 0; i < found; i++) {
      struct Lane *lane = ready[i].data.ptr;
      if (!goOnChurn(poller, lane, ready[i].events)) continue;
      done++;
      startChurn(options, poller, lane, index++);
    }
  }
  printWindow(&window, options->pid, done, "");
}

/** How long the whole answer is, or 0 when its header has not come. */
static long answerLength(const char *text) {
  const char *end = strstr(text, "\r\n\r\n");
  const char *length = strcasestr(text, "content-length:");
  if (strncmp(text, "HTTP/1.1 200", 12) != 0) fail("not an HTTP/1.1 200");
  if (end == NULL) return 0;
  if (length == NULL) fail("no Content-Length");
  return end + 4 - text + atol(length + 15);
}

static void ask(struct Lane *lane) {
  lane->missing = lane->got = 0;
  if (send(lane->fd, HTTP_REQUEST, sizeof HTTP_REQUEST - 1, 0) != sizeof HTTP_REQUEST - 1) fail("send");
}

/** Answers fit into one segment; they are read as one, or in two parts. */
static int goOnRequest(struct Lane *lane) {
  char text[4096];
  ssize_t got = recv(lane->fd, text, sizeof text - 1, MSG_DONTWAIT);
  if (got <= 0) {
    if (got < 0 && errno == EAGAIN) return 0;
    fail("recv");
  }
  text[got] = 0;
  if (lane->got == 0) lane->missing = answerLength(text);
  lane->got += got;
  if (lane->got > lane->missing) fail("more than the answer");
  return lane->got == lane->missing;
}

void requests(const struct Options *options) {
  int poller = epoll_create1(EPOLL_CLOEXEC);
  struct Lane *lanes = calloc((size_t)options->connections, sizeof *lanes);
  for (int i = 0; i < options->connections; i++) {
    lanes[i].fd = connected(options, PORT_HTTP, i);
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = &lanes[i]};
    epoll_ctl(poller, EPOLL_CTL_ADD, lanes[i].fd, &wanted);
    ask(&lanes[i]);
  }
  double start = now() + options->warmUp;
  while (!watch(options, start)) {
    struct epoll_event ready[MOST_EVENTS];
    int found = epoll_wait(poller, ready, MOST_EVENTS, 3000);
    if (found == 0) fail("nothing moves for 3 s");
    for (int i = 0; i < found; i++) {
      struct Lane *lane = ready[i].data.ptr;
      if (!goOnRequest(lane)) continue;
      done++;
      ask(lane);
    }
  }
  printWindow(&window, options->pid, done, "");
}
