// The kernel's own TCP, served by the smallest program there is: the anchor of every run.

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256 * 1024)
#define PERIOD 251
#define BACKLOG 1024
#define MOST_EVENTS 256
/** Reads or writes of one connection before the others have their turn. */
#define TURN 16

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nhello, world\n";
static const int PORTS[] = {7, 5001, 5002, 5004, 8080};
static uint8_t chunk[CHUNK + PERIOD];
static uint8_t scratch[CHUNK];
static int poller;

struct Connection {
  int fd;
  int port;
  int listens;
  /** Of a source: bytes sent, modulo PERIOD. */
  size_t phase;
};

static void watch(int fd, int port, int listens) {
  struct Connection *connection = calloc(1, sizeof *connection);
  *connection = (struct Connection){.fd = fd, .port = port, .listens = listens};
  uint32_t events = !listens && port == 5002 ? EPOLLOUT : EPOLLIN;
  struct epoll_event wanted = {.events = events, .data.ptr = connection};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
}

static void listenOn(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0) {
    perror("kernel-server");
    exit(1);
  }
  watch(fd, port, 1);
}

static void acceptAll(struct Connection *listener) {
  for (;;) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd, listener->port, 0);
  }
}

/** False when the connection is over. */
static int serve(struct Connection *connection) {
  int fd = connection->fd;
  for (int i = 0; i < TURN; i++) {
    if (connection->port == 5002) {
      ssize_t took = send(fd, chunk + connection->phase, CHUNK, MSG_NOSIGNAL);
      if (took < 0) return errno == EAGAIN;
      connection->phase = (connection->phase + (size_t)took) % PERIOD;
      continue;
    }
    ssize_t got = recv(fd, scratch, sizeof scratch, 0);
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return 0;
    if (connection->port == 5001) continue;
    ssize_t sent = 0;
    if (connection->port == 7) sent = send(fd, scratch, (size_t)got, MSG_NOSIGNAL);
    else if (connection->port == 8080) sent = send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
    else sent = send(fd, chunk, 64, MSG_NOSIGNAL);
    return sent > 0 && connection->port != 5004;
  }
  return 1;
}

int main(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (size_t i = 0; i < sizeof chunk; i++) chunk[i] = (uint8_t)(i % PERIOD);
  poller = epoll_create1(0);
  for (size_t i = 0; i < sizeof PORTS / sizeof *PORTS; i++) listenOn(PORTS[i]);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    struct epoll_event ready[MOST_EVENTS];
    int found = epoll_wait(poller, ready, MOST_EVENTS, -1);
    for (int i = 0; i < found; i++) {
      struct Connection *connection = ready[i].data.ptr;
      if (connection->listens) {
        acceptAll(connection);
      } else if (!serve(connection)) {
        close(connection->fd);
        free(connection);
      }
    }
  }
}
