// Opening and configuring a TUN interface, without a word of JavaScript.
#pragma once

#include <linux/if.h>

#include <climits>
#include <cstdint>

#include "napi_args.h"
#include "steering.h"

constexpr int MAX_QUEUES = 16;
constexpr int MAX_OFFLOADS = 4;

struct TunRequest {
  /** Exact (`fw0`) or a pattern (`fw%d`). */
  char name[IFNAMSIZ] = "";
  /** File of the network namespace; empty: the present one. */
  char netns[PATH_MAX] = "";
  int queues = 1;
  /** A virtio-net header of 10 bytes before each packet. */
  bool vnet_header = false;
  /** The kernel puts together segments of one flow before it looks at them (IFF_NAPI, GRO). */
  bool gather = false;
  /** TUN_F_* sets, the first that the kernel takes counts. */
  int offloads[MAX_OFFLOADS] = {0};
  uint32_t offload_count = 0;
  /** The kernel's own address, network byte order. */
  uint32_t address = 0;
  int prefix = 24;
  int mtu = 1500;
  bool with_diagnosis = false;
  bool with_raw_socket = false;
  /** Try to load a program that chooses the queue of each packet. */
  bool with_steering = false;
  SteeringKey steering;
};

struct TunResult {
  Failure failure;
  char name[IFNAMSIZ] = "";
  int fds[MAX_QUEUES];
  int count = 0;
  bool vnet_header = false;
  bool gathers = false;
  int offload = 0;
  int diagnosis = -1;
  int raw = -1;
  /** The kernel has taken the program. */
  bool steered = false;
};

/**
 * Opens and configures in a thread that lives only for this, so that the namespace of no other thread
 * changes. After a failure nothing stays open.
 */
void open_tun(const TunRequest &request, TunResult &result);

/** The IPv4 routes of a namespace, as /proc/net/route prints them. @returns length, or -1 and a failure. */
long read_routes(const char *netns, char *into, long size, Failure &failure);
