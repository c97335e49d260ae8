// The client of `npm run bench`: measures one workload against one server and prints one line of JSON.
//   client MODE ADDRESS [pid=N] [seconds=S] [warm=S] [connections=N] [rounds=N] [source=ADDRESS] [sources=N] [bytes=N]
// It reads the server's processor time itself, at the edges of the window, so that no start-up is counted.

#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void fail(const char *what) {
  fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
  exit(1);
}

double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

double cpuSeconds(int pid) {
  if (pid == 0) return 0;
  char path[300];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *tasks = opendir(path);
  if (tasks == NULL) fail(path);
  double sum = 0;
  for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
    unsigned long long ran;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, task->d_name);
    FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
    if (file == NULL) continue;
    if (fscanf(file, "%llu", &ran) == 1) sum += (double)ran / 1e9;
    fclose(file);
  }
  closedir(tasks);
  return sum;
}

void openWindow(struct Window *window, int pid) {
  window->cpuBegun = cpuSeconds(pid);
  window->begun = now();
}

void printWindow(const struct Window *window, int pid, double units, const char *more) {
  double seconds = now() - window->begun;
  double cpu = cpuSeconds(pid) - window->cpuBegun;
  printf("{\"units\":%.0f,\"seconds\":%.6f,\"cpu\":%.6f%s}\n", units, seconds, cpu, more);
  fflush(stdout);
}

void address(const struct Options *options, int port, struct sockaddr_in *to) {
  *to = options->host;
  to->sin_port = htons((uint16_t)port);
}

int newSocket(const struct Options *options, int nonBlocking, long index) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0), 0);
  if (fd < 0) fail("socket");
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options->sources > 0) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(options->source + (uint32_t)(index % options->sources));
    // The port is chosen at connect, when the other end is known: the same port serves many peers.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0) fail("bind");
  }
  return fd;
}

int connected(const struct Options *options, int port, long index) {
  struct sockaddr_in to;
  address(options, port, &to);
  int fd = newSocket(options, 0, index);
  struct timeval patience = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
  return fd;
}

static void parse(struct Options *options, const char *argument) {
  const char *value = strchr(argument, '=');
  if (value == NULL) fail(argument);
  size_t length = (size_t)(value++ - argument);
#define IS(name) (length == sizeof(name) - 1 && memcmp(argument, name, length) == 0)
  if (IS("pid")) options->pid = atoi(value);
  else if (IS("seconds")) options->seconds = atof(value);
  else if (IS("warm")) options->warmUp = atof(value);
  else if (IS("connections")) options->connections = atoi(value);
  else if (IS("rounds")) options->rounds = atoi(value);
  else if (IS("sources")) options->sources = atoi(value);
  else if (IS("source")) options->source = ntohl(inet_addr(value));
  else if (IS("bytes")) options->bytes = atol(value);
  else fail(argument);
}

int main(int count, char **arguments) {
  if (count < 3) fail("client MODE ADDRESS [name=value …]");
  struct Options options = {.mode = arguments[1], .warmUp = 0.2, .seconds = 1, .connections = 50, .rounds = 5000};
  options.host.sin_family = AF_INET;
  if (inet_pton(AF_INET, arguments[2], &options.host.sin_addr) != 1) fail(arguments[2]);
  for (int i = 3; i < count; i++) parse(&options, arguments[i]);
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const char *mode = options.mode;
  if (strcmp(mode, "sink") == 0) bulk(&options, 1, 0);
  else if (strcmp(mode, "source") == 0) bulk(&options, 0, 1);
  else if (strcmp(mode, "both") == 0) bulk(&options, 1, 1);
  else if (strcmp(mode, "check-sink") == 0) checkSink(&options);
  else if (strcmp(mode, "check-source") == 0) checkSource(&options);
  else if (strcmp(mode, "check-input") == 0) checkInput(&options);
  else if (strcmp(mode, "rtt") == 0) roundTrips(&options);
  else if (strcmp(mode, "probe") == 0) probe(&options);
  else if (strcmp(mode, "spread") == 0) spread(&options);
  else if (strcmp(mode, "churn") == 0) churn(&options);
  else if (strcmp(mode, "requests") == 0) requests(&options);
  else fail(mode);
  return 0;
}
