// The blaster's packets: parsed, made, and summed where the kernel does not do it.

#include "blaster.h"

#include <arpa/inet.h>
#include <string.h>

#include "tun.h"

#define IP_LENGTH 20
#define TCP_LENGTH 20
#define HEADERS (IP_LENGTH + TCP_LENGTH)
/** Most text of one super-packet, as the kernel's own. */
#define LARGEST 64000
/** Our window: the largest that a shift by 8 offers. */
#define WINDOW 0xffff
#define SHIFT 8
#define NEEDS_CSUM 1
#define GSO_TCPV4 1

uint8_t pattern[LARGEST + PERIOD];
static uint16_t identification;

void preparePattern(void) {
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i % PERIOD);
}

static uint64_t sumOf(const uint8_t *bytes, int length, uint64_t sum) {
  for (; length >= 4; length -= 4, bytes += 4) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    sum += word;
  }
  if (length >= 2) {
    uint16_t word;
    memcpy(&word, bytes, 2);
    sum += word;
    bytes += 2;
    length -= 2;
  }
  return length == 1 ? sum + *bytes : sum;
}

/** In network order, not complemented. */
static uint16_t fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static uint64_t pseudoHeader(const uint8_t *ip, int tcpLength) {
  return sumOf(ip + 12, 8, (uint64_t)htons(6) + htons((uint16_t)tcpLength));
}

static uint32_t read32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write32(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static void write16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

int readPacket(uint8_t *bytes, ssize_t length, struct Arrival *packet) {
  int summed = 0;
  if (offload) {
    // NEEDS_CSUM or DATA_VALID: the kernel answers for the sum.
    summed = bytes[0] != 0;
    bytes += VNET;
    length -= VNET;
  }
  if (length < HEADERS || bytes[0] != 0x45 || bytes[9] != 6) return 0;
  int whole = bytes[2] << 8 | bytes[3];
  const uint8_t *tcp = bytes + IP_LENGTH;
  int headerLength = (tcp[12] >> 4) * 4;
  int tcpLength = whole - IP_LENGTH;
  if (whole > length || headerLength < TCP_LENGTH || headerLength > tcpLength) return 0;
  if (fold(sumOf(bytes, IP_LENGTH, 0)) != 0xffff) return 0;
  if (!summed && fold(sumOf(tcp, tcpLength, pseudoHeader(bytes, tcpLength))) != 0xffff) return 0;
  memcpy(&packet->source, bytes + 12, 4);
  memcpy(&packet->destination, bytes + 16, 4);
  memcpy(&packet->sourcePort, tcp, 2);
  packet->destinationPort = (uint16_t)(tcp[2] << 8 | tcp[3]);
  packet->sequence = read32(tcp + 4);
  packet->acknowledgment = read32(tcp + 8);
  packet->flags = tcp[13];
  packet->window = (uint16_t)(tcp[14] << 8 | tcp[15]);
  packet->options = tcp + TCP_LENGTH;
  packet->optionsLength = headerLength - TCP_LENGTH;
  packet->text = tcp + headerLength;
  packet->textLength = tcpLength - headerLength;
  return 1;
}

void readSynOptions(const struct Arrival *packet, struct Flow *flow) {
  const uint8_t *at = packet->options, *end = at + packet->optionsLength;
  flow->mss = 536;
  while (at < end && *at != 0) {
    int length = *at == 1 ? 1 : at + 1 < end ? at[1] : 0;
    if (length == 0 || at + length > end) break;
    if (*at == 2 && length == 4) flow->mss = (uint16_t)(at[2] << 8 | at[3]);
    if (*at == 3 && length == 3) flow->windowScale = at[2] > 14 ? 14 : at[2];
    at += length;
  }
  if (flow->mss > mtu - HEADERS) flow->mss = (uint16_t)(mtu - HEADERS);
}

/** What differs between packets. `gso`: the size of the segments that the kernel cuts; 0 = one segment. */
struct Departure {
  int flags, optionsLength, textLength, gso;
  const void *text;
};

/** @returns false when the device takes no more */
static int sendPacket(struct Flow *flow, const uint8_t *options, const struct Departure *packet) {
  static uint8_t bytes[VNET + HEADERS + 20];
  int tcpHeader = TCP_LENGTH + packet->optionsLength;
  int tcpLength = tcpHeader + packet->textLength;
  uint8_t *ip = bytes + VNET, *tcp = ip + IP_LENGTH;
  memset(bytes, 0, VNET + HEADERS);
  ip[0] = 0x45;
  write16(ip + 2, (uint32_t)(IP_LENGTH + tcpLength));
  write16(ip + 4, identification++);
  ip[6] = 0x40;
  ip[8] = 64;
  ip[9] = 6;
  memcpy(ip + 12, &flow->local, 4);
  memcpy(ip + 16, &flow->address, 4);
  uint16_t sum = (uint16_t)~fold(sumOf(ip, IP_LENGTH, 0));
  memcpy(ip + 10, &sum, 2);
  write16(tcp, flow->localPort);
  memcpy(tcp + 2, &flow->peerPort, 2);
  write32(tcp + 4, (packet->flags & SYN) != 0 ? flow->sendNext - 1 : flow->sendNext);
  write32(tcp + 8, flow->receiveNext);
  tcp[12] = (uint8_t)(tcpHeader / 4 << 4);
  tcp[13] = (uint8_t)packet->flags;
  write16(tcp + 14, WINDOW);
  memcpy(tcp + TCP_LENGTH, options, (size_t)packet->optionsLength);
  uint64_t pseudo = pseudoHeader(ip, tcpLength);
  if (offload && packet->textLength > 0) {
    sum = fold(pseudo);
    bytes[0] = NEEDS_CSUM;
    uint16_t fields[4] = {(uint16_t)(IP_LENGTH + tcpHeader), (uint16_t)packet->gso, IP_LENGTH, 16};
    bytes[1] = packet->gso > 0 ? GSO_TCPV4 : 0;
    memcpy(bytes + 2, fields, sizeof fields);
  } else {
    sum = (uint16_t)~fold(sumOf(packet->text, packet->textLength, sumOf(tcp, tcpHeader, pseudo)));
  }
  memcpy(tcp + 16, &sum, 2);
  uint8_t *first = offload ? bytes : ip;
  struct iovec parts[2] = {{first, (size_t)(tcp + tcpHeader - first)}, {(void *)packet->text, (size_t)packet->textLength}};
  return writePacket(parts, packet->textLength > 0 ? 2 : 1);
}

void sendSynAck(struct Flow *flow) {
  uint8_t options[8] = {2, 4, (uint8_t)((mtu - HEADERS) >> 8), (uint8_t)(mtu - HEADERS), 1, 3, 3, SHIFT};
  struct Departure packet = {.flags = SYN | ACK, .optionsLength = 8, .text = pattern};
  sendPacket(flow, options, &packet);
}

void sendAcknowledgment(struct Flow *flow) {
  struct Departure packet = {.flags = ACK, .text = pattern};
  sendPacket(flow, pattern, &packet);
  flow->acknowledgmentOwed = 0;
}

void sendData(struct Flow *flow, const void *text, int length, int finish) {
  struct Departure packet = {.flags = ACK | PSH | (finish ? FIN : 0), .text = text, .textLength = length};
  sendPacket(flow, pattern, &packet);
  flow->sendNext += (uint32_t)(length + finish);
  flow->finished |= (uint8_t)finish;
  flow->acknowledgmentOwed = 0;
}

int sendStream(struct Flow *flow) {
  for (;;) {
    long room = (long)flow->window - (long)(flow->sendNext - flow->sendUnacknowledged);
    int length = offload ? LARGEST / flow->mss * flow->mss : flow->mss;
    if (room < length) {
      // A part of a window is worth a packet only when nothing is on its way.
      if (flow->sendNext != flow->sendUnacknowledged || room <= 0) return 1;
      length = room < flow->mss ? (int)room : (int)(room / flow->mss) * flow->mss;
      if (!offload && length > flow->mss) length = flow->mss;
    }
    struct Departure packet = {.flags = ACK | PSH, .textLength = length, .gso = length > flow->mss ? flow->mss : 0};
    packet.text = pattern + (flow->sendNext - 1) % PERIOD;
    if (!sendPacket(flow, pattern, &packet)) return 0;
    flow->sendNext += (uint32_t)length;
    flow->acknowledgmentOwed = 0;
  }
}
