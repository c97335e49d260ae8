#define _GNU_SOURCE
#include "tun.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void check(int result, const char *what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

int openTun(const char *netns, int mtu, int offload, int gather) {
  char command[300];
  snprintf(command, sizeof command, "/run/netns/%s", netns);
  int space = open(command, O_RDONLY | O_CLOEXEC);
  check(space, command);
  check(setns(space, CLONE_NEWNET), "setns");
  close(space);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  check(fd, "/dev/net/tun");
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "fw0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0) | (gather ? IFF_NAPI : 0);
  check(ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
  if (offload) check(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4), "TUNSETOFFLOAD");
  snprintf(command, sizeof command,
           "ip link set fw0 mtu %d txqueuelen 1000 up && ip addr add 10.9.0.1/24 dev fw0", mtu);
  if (system(command) != 0) exit(1);
  // As src/device asks for it.
  const char *time = "echo 10000000 > /sys/class/net/fw0/gro_flush_timeout";
  snprintf(command, sizeof command, "ip netns exec %s sh -c '%s'", netns, time);
  if (gather && system(command) != 0) exit(1);
  return fd;
}
