// Moving packets: the only native code that runs per packet.
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "port.h"

static size_t aligned(size_t position) { return (position + 15) & ~size_t{15}; }

static ssize_t read_retrying(int fd, uint8_t *into) {
  ssize_t got;
  do got = read(fd, into, MAX_PACKET);
  while (got < 0 && errno == EINTR);
  return got;
}

int read_batch(Port &port, int most) {
  // IP headers start on 16 bytes, so the virtio header goes right before such a place.
  const size_t before = port.vnet_header ? VNET_HEADER : 0;
  int32_t *packets = port.numbers() + PACKETS;
  size_t position = aligned(RING_START + before);
  int count = 0;
  while (count < most && position + MAX_PACKET <= port.ring.length) {
    ssize_t got = read_retrying(port.fd, port.ring.bytes + position - before);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got <= 0) {
      if (count > 0) break;
      return got == 0 ? -ENODEV : -errno;
    }
    size_t length = static_cast<size_t>(got);
    if (length <= before) continue;
    length -= before;
    packets[2 * count] = static_cast<int32_t>(position);
    packets[2 * count + 1] = static_cast<int32_t>(length);
    count++;
    position = aligned(position + length + before);
  }
  return count;
}

static bool fits(int32_t start, int32_t length, size_t size) {
  return start >= 0 && length >= 0 && static_cast<size_t>(start) + static_cast<size_t>(length) <= size;
}

int write_packet(Port &port, const Region &payload) {
  const int32_t *mail = port.numbers();
  if (!fits(0, mail[HEADER_LENGTH], port.header.length) ||
      !fits(mail[PAYLOAD_START], mail[PAYLOAD_LENGTH], payload.length) ||
      !fits(0, mail[WRAPPED_LENGTH], payload.length)) {
    return EINVAL;
  }
  iovec pieces[4];
  int count = 0;
  auto add = [&](uint8_t *bytes, int32_t length) {
    if (length > 0) pieces[count++] = {bytes, static_cast<size_t>(length)};
  };
  add(port.ring.bytes, port.vnet_header ? static_cast<int32_t>(VNET_HEADER) : 0);
  add(port.header.bytes, mail[HEADER_LENGTH]);
  add(payload.bytes + mail[PAYLOAD_START], mail[PAYLOAD_LENGTH]);
  add(payload.bytes, mail[WRAPPED_LENGTH]);
  ssize_t written;
  do written = writev(port.fd, pieces, count);
  while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}
