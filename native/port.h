// One packet descriptor (a TUN queue) joined to Node's event loop: batches in, single packets out.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "uv_poll.h"

/** Packets of one batch. */
constexpr int BATCH = 64;
/** No IPv4 packet is longer; rounded up. */
constexpr size_t MAX_PACKET = 65552;
constexpr size_t VNET_HEADER = 10;
/** ring[0 … 10) is the virtio header of the packet to be written; packets start behind it. */
constexpr size_t RING_START = 16;

/** The int32 array that carries numbers in both directions; src/device/native.ts has the same. */
enum Mail {
  HEADER_LENGTH = 0,
  PAYLOAD_START = 1,
  PAYLOAD_LENGTH = 2,
  WRAPPED_LENGTH = 3,
  /** BATCH pairs: start of the IP header in the ring, length of the packet. */
  PACKETS = 4,
  MAIL_LENGTH = PACKETS + 2 * BATCH,
};

/** Memory of a typed array, kept alive by a reference. */
struct Region {
  uint8_t *bytes = nullptr;
  size_t length = 0;
  napi_ref keeper = nullptr;
};

struct Port {
  napi_env env = nullptr;
  napi_async_context context = nullptr;
  napi_ref callback = nullptr;
  uv_poll_s *poll = nullptr;
  int fd = -1;
  bool vnet_header = false;
  /** UV_READABLE and UV_WRITABLE as JavaScript asked for them. */
  int watched = 0;
  Region ring;
  Region header;
  Region mail;
  /** Batches in a row that had one packet, and reads so far: see on_readable. */
  unsigned lone = 0;
  unsigned reads = 0;
  /** The JavaScript handle, the poll handle and a running callback hold one each. */
  int holders = 0;

  int32_t *numbers() const { return reinterpret_cast<int32_t *>(mail.bytes); }
  bool closed() const { return fd < 0; }
};

/** Reads until EAGAIN, `most` packets or a full ring. @returns packets, or a negative errno. */
int read_batch(Port &port, int most = BATCH);
/** One writev of what the mail describes. @returns 0 or errno. */
int write_packet(Port &port, const Region &payload);

/** Watches for `events`; 0 stops. @returns 0 or a negative errno. */
int watch(Port &port, int events);
/** @returns 0 or a negative errno. */
int start_polling(Port &port, uv_loop_s *loop);
/** Calls back into JavaScript: packets > 0, 0 = writable, or a negative errno. */
void notify(Port &port, int value);
/** Stops, closes the descriptor, lets go of all JavaScript values. Idempotent. */
void close_port(Port &port);
void release(Port *port);
