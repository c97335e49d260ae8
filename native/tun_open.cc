#include "tun_open.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

constexpr int VNET_HEADER_LENGTH = 10;

bool enter_namespace(const char *path, Failure &failure) {
  if (path[0] == '\0') return true;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure.note("open(netns)");
  int status = setns(fd, CLONE_NEWNET);
  if (status != 0) failure.note("setns");
  close(fd);
  return status == 0;
}

/** The first offload set that the kernel takes. None taken: plain packets behind an empty header. */
void choose_offload(int fd, const TunRequest &request, TunResult &result) {
  result.offload = 0;
  for (uint32_t i = 0; i < request.offload_count; i++) {
    if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(request.offloads[i])) != 0) continue;
    result.offload = request.offloads[i];
    return;
  }
  ioctl(fd, TUNSETOFFLOAD, 0UL);
}

bool open_queue(const TunRequest &request, TunResult &result) {
  Failure &failure = result.failure;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return failure.note("open(/dev/net/tun)");
  result.fds[result.count++] = fd;
  unsigned int features = 0;
  if (ioctl(fd, TUNGETFEATURES, &features) != 0) return failure.note("ioctl(TUNGETFEATURES)");
  result.vnet_header = request.vnet_header && (features & IFF_VNET_HDR) != 0;
  ifreq interface = {};
  int flags = IFF_TUN | IFF_NO_PI;
  if (result.vnet_header) flags |= IFF_VNET_HDR;
  if (request.queues > 1) flags |= IFF_MULTI_QUEUE;
  if (result.gathers) flags |= IFF_NAPI;
  interface.ifr_flags = static_cast<short>(flags);
  const char *name = result.name[0] == '\0' ? request.name : result.name;
  snprintf(interface.ifr_name, IFNAMSIZ, "%s", name);
  if (ioctl(fd, TUNSETIFF, &interface) != 0) return failure.note("ioctl(TUNSETIFF)");
  snprintf(result.name, IFNAMSIZ, "%s", interface.ifr_name);
  int length = VNET_HEADER_LENGTH;
  if (result.vnet_header && ioctl(fd, TUNSETVNETHDRSZ, &length) != 0) {
    return failure.note("ioctl(TUNSETVNETHDRSZ)");
  }
  // The header's fields are little-endian for src/wire/virtio.ts; only big-endian machines need telling.
  int little_endian = 1;
  ioctl(fd, TUNSETVNETLE, &little_endian);
  // Without the header nobody could say which packet is partial or a super-packet.
  if (result.vnet_header) choose_offload(fd, request, result);
  return true;
}

/**
 * How long GRO keeps what may still grow, in ns: longer than the kernel's tick, so that no write has to set a timer
 * of its own. A segment with PSH is handed up at once, whatever is written here.
 */
constexpr char GATHERING_TIME[] = "10000000";

/** /sys shows the interfaces of the namespace in which it was mounted: this thread mounts it for itself. */
bool set_gathering_time(const char *name) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return false;
  char path[96];
  snprintf(path, sizeof path, "/sys/class/net/%s/gro_flush_timeout", name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool written = write(fd, GATHERING_TIME, sizeof GATHERING_TIME - 1) > 0;
  close(fd);
  return written;
}

bool open_queues(const TunRequest &request, TunResult &result) {
  for (int i = 0; i < request.queues; i++) {
    if (!open_queue(request, result)) return false;
  }
  return true;
}

/** Best effort: where the time of gathering cannot be set, gathering only costs, and the interface is made without. */
bool open_gathering(const TunRequest &request, TunResult &result) {
  result.gathers = request.gather;
  if (!open_queues(request, result)) return false;
  if (!result.gathers || set_gathering_time(result.name)) return true;
  while (result.count > 0) close(result.fds[--result.count]);
  result.gathers = false;
  return open_queues(request, result);
}

/** Best effort: without IPv6 the file is missing, and in some containers it is read-only. */
void disable_ipv6(const char *name) {
  char path[96];
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t written = write(fd, "1", 1);
  static_cast<void>(written);
  close(fd);
}

void set_inet(sockaddr &place, uint32_t address) {
  sockaddr_in inet = {};
  inet.sin_family = AF_INET;
  inet.sin_addr.s_addr = address;
  memcpy(&place, &inet, sizeof inet);
}

bool configure(int control, const TunRequest &request, TunResult &result) {
  Failure &failure = result.failure;
  ifreq interface = {};
  snprintf(interface.ifr_name, IFNAMSIZ, "%s", result.name);
  interface.ifr_mtu = request.mtu;
  if (ioctl(control, SIOCSIFMTU, &interface) != 0) return failure.note("ioctl(SIOCSIFMTU)");
  disable_ipv6(result.name);
  if (request.address != 0) {
    set_inet(interface.ifr_addr, request.address);
    if (ioctl(control, SIOCSIFADDR, &interface) != 0) return failure.note("ioctl(SIOCSIFADDR)");
    uint32_t mask = request.prefix == 0 ? 0 : ~uint32_t{0} << (32 - request.prefix);
    set_inet(interface.ifr_netmask, htonl(mask));
    if (ioctl(control, SIOCSIFNETMASK, &interface) != 0) return failure.note("ioctl(SIOCSIFNETMASK)");
  }
  if (ioctl(control, SIOCGIFFLAGS, &interface) != 0) return failure.note("ioctl(SIOCGIFFLAGS)");
  interface.ifr_flags = static_cast<short>(interface.ifr_flags | IFF_UP);
  if (ioctl(control, SIOCSIFFLAGS, &interface) != 0) return failure.note("ioctl(SIOCSIFFLAGS)");
  return true;
}

/** Whatever is written to the raw socket leaves by the interface, so that it needs no address to be sent. */
bool aim(const TunRequest &request, TunResult &result) {
  if (setsockopt(result.raw, SOL_SOCKET, SO_BINDTODEVICE, result.name, strlen(result.name) + 1) != 0) {
    return result.failure.note("setsockopt(SO_BINDTODEVICE)");
  }
  if (request.address == 0) return true;
  // Any neighbour on the subnet will do: the packets say themselves where they go.
  uint32_t own = ntohl(request.address);
  uint32_t hosts = request.prefix == 0 ? ~uint32_t{0} : ~(~uint32_t{0} << (32 - request.prefix));
  bool last = ((own + 1) & hosts) == hosts;
  sockaddr_in neighbour = {};
  neighbour.sin_family = AF_INET;
  neighbour.sin_addr.s_addr = htonl(last ? own - 1 : own + 1);
  const sockaddr *place = reinterpret_cast<const sockaddr *>(&neighbour);
  if (connect(result.raw, place, sizeof neighbour) == 0) return true;
  return result.failure.note("connect(raw)");
}

bool open_sockets(const TunRequest &request, TunResult &result) {
  constexpr int KIND = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (request.with_diagnosis) {
    result.diagnosis = socket(AF_NETLINK, KIND, NETLINK_SOCK_DIAG);
    if (result.diagnosis < 0) return result.failure.note("socket(NETLINK_SOCK_DIAG)");
  }
  if (!request.with_raw_socket) return true;
  result.raw = socket(AF_INET, KIND, IPPROTO_RAW);
  if (result.raw < 0) return result.failure.note("socket(IPPROTO_RAW)");
  int on = 1;
  if (setsockopt(result.raw, IPPROTO_IP, IP_HDRINCL, &on, sizeof on) != 0) {
    return result.failure.note("setsockopt(IP_HDRINCL)");
  }
  return aim(request, result);
}

void open_all(const TunRequest &request, TunResult &result) {
  if (!enter_namespace(request.netns, result.failure)) return;
  if (!open_gathering(request, result)) return;
  // Before the interface is up: no packet may find its queue in another way.
  Failure refused;
  if (request.with_steering) result.steered = steer(result.fds[0], request.steering, refused);
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) {
    result.failure.note("socket(AF_INET)");
    return;
  }
  if (configure(control, request, result)) open_sockets(request, result);
  close(control);
}

void close_all(TunResult &result) {
  while (result.count > 0) close(result.fds[--result.count]);
  if (result.diagnosis >= 0) close(result.diagnosis);
  if (result.raw >= 0) close(result.raw);
  result.diagnosis = result.raw = -1;
}

/** Runs `work(argument)` in a thread of its own and waits for it. */
bool in_thread(void *(*work)(void *), void *argument, Failure &failure) {
  pthread_t thread;
  errno = pthread_create(&thread, nullptr, work, argument);
  if (errno != 0) return failure.note("pthread_create");
  pthread_join(thread, nullptr);
  return true;
}

struct OpenWork {
  const TunRequest &request;
  TunResult &result;
};

struct RoutesWork {
  const char *netns;
  char *into;
  long size;
  long length;
  Failure &failure;
};

void read_routes_here(RoutesWork &work) {
  if (!enter_namespace(work.netns, work.failure)) return;
  // Not /proc/net, which is the main thread's namespace.
  int fd = open("/proc/thread-self/net/route", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    work.failure.note("open(/proc/net/route)");
    return;
  }
  work.length = 0;
  while (work.length < work.size) {
    ssize_t got = read(fd, work.into + work.length, static_cast<size_t>(work.size - work.length));
    if (got <= 0) break;
    work.length += got;
  }
  close(fd);
}

}  // namespace

void open_tun(const TunRequest &request, TunResult &result) {
  OpenWork work = {request, result};
  auto run = [](void *argument) -> void * {
    OpenWork *mine = static_cast<OpenWork *>(argument);
    open_all(mine->request, mine->result);
    return nullptr;
  };
  in_thread(run, &work, result.failure);
  if (result.failure.happened()) close_all(result);
}

long read_routes(const char *netns, char *into, long size, Failure &failure) {
  RoutesWork work = {netns, into, size, -1, failure};
  auto run = [](void *argument) -> void * {
    read_routes_here(*static_cast<RoutesWork *>(argument));
    return nullptr;
  };
  in_thread(run, &work, failure);
  return work.length;
}
