// Which queue of a TUN gets a packet: a small eBPF program, so that all packets of a flow come to one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "napi_args.h"

/** Key of the hash and the number of queues; src/wire/steering.ts computes the same. */
struct SteeringKey {
  uint32_t low = 0;
  uint32_t high = 0;
  int queues = 1;
};

/** Loads the program. @returns its descriptor, or -1 and a failure. */
int load_steering(const SteeringKey &key, Failure &failure);

/** Makes the program that of the interface behind `tun`. @returns whether the kernel takes both. */
bool steer(int tun, const SteeringKey &key, Failure &failure);

/** What the program says about one packet (BPF_PROG_TEST_RUN). @returns the queue, or -1 and a failure. */
int test_steering(int program, const uint8_t *packet, size_t length, Failure &failure);
