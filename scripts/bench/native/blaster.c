// The physical limit of a TUN: answers handshakes and moves bytes as fast as one thread can, without a TCP.
//   blaster NETNS MTU tso|off
// Not a stack, on purpose: no congestion control, no reassembly, no SACK, no timers but one that goes back to
// the first byte not acknowledged, no TIME-WAIT, no copy of any payload. Sums are computed where there is no
// offload, and verified.

#define _GNU_SOURCE
#include "blaster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tun.h"

/** Packets read before anything is answered. */
#define BATCH 64
#define SLOT (65536 + 64)
/** Flows at once; a power of two. More is refused. */
#define TABLE (1 << 18)
/** Nothing was acknowledged for so long: back to the first byte that was not. ms. */
#define STUCK 200

static uint8_t slots[BATCH][SLOT];
static struct Flow *table[TABLE];
/** Flows that were heard in this batch. */
static struct Flow *heard[BATCH];
static int heardCount;
static int device;
static struct Flow *sources;

int offload;
int mtu;

static long milliseconds(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/** False when the queue is full. */
int writePacket(struct iovec *parts, int count) {
  for (;;) {
    if (writev(device, parts, count) >= 0) return 1;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return 1;
  }
}

static size_t slotOf(uint32_t address, uint16_t peerPort, uint16_t localPort) {
  uint64_t hash = ((uint64_t)address << 32 | (uint32_t)peerPort << 16 | localPort) * 0x9e3779b97f4a7c15u;
  return hash >> (64 - 18);
}

static struct Flow **placeOf(uint32_t address, uint16_t peerPort, uint16_t localPort) {
  size_t slot = slotOf(address, peerPort, localPort);
  for (;; slot = (slot + 1) % TABLE) {
    struct Flow *flow = table[slot];
    if (flow == NULL) return &table[slot];
    if (flow->address == address && flow->peerPort == peerPort && flow->localPort == localPort) return &table[slot];
  }
}

/** Flows behind a freed place move up, so that no search ends too early. */
static void removeFlow(struct Flow *gone) {
  for (struct Flow **link = &sources; *link != NULL; link = &(*link)->nextSource) {
    if (*link != gone) continue;
    *link = gone->nextSource;
    break;
  }
  struct Flow **place = placeOf(gone->address, gone->peerPort, gone->localPort);
  *place = NULL;
  for (size_t slot = (size_t)(place - table + 1) % TABLE; table[slot] != NULL; slot = (slot + 1) % TABLE) {
    struct Flow *flow = table[slot];
    table[slot] = NULL;
    *placeOf(flow->address, flow->peerPort, flow->localPort) = flow;
  }
  free(gone);
}

static void hear(struct Flow *flow) {
  if (flow->heard) return;
  flow->heard = 1;
  heard[heardCount++] = flow;
}

static struct Flow *newFlow(struct Flow **place, const struct Arrival *packet) {
  struct Flow *flow = calloc(1, sizeof *flow);
  *flow = (struct Flow){.address = packet->source, .local = packet->destination, .peerPort = packet->sourcePort,
                        .localPort = packet->destinationPort, .receiveNext = packet->sequence + 1,
                        .sendNext = 1, .progress = milliseconds()};
  readSynOptions(packet, flow);
  *place = flow;
  return flow;
}

/** The request has come: what the services with an answer say. */
static void answer(struct Flow *flow, const struct Arrival *packet) {
  if (flow->localPort == PORT_ECHO) sendData(flow, packet->text, packet->textLength, 0);
  else if (flow->localPort == PORT_CHURN) sendData(flow, pattern, 64, 1);
  else if (flow->localPort == PORT_HTTP) sendData(flow, HTTP_ANSWER, sizeof HTTP_ANSWER - 1, 0);
}

static void take(const struct Arrival *packet) {
  struct Flow **place = placeOf(packet->source, packet->sourcePort, packet->destinationPort);
  struct Flow *flow = *place;
  if ((packet->flags & RST) != 0) {
    if (flow != NULL && !flow->heard) removeFlow(flow);
    return;
  }
  if ((packet->flags & SYN) != 0) {
    if (flow != NULL && !flow->heard) removeFlow(flow);
    place = placeOf(packet->source, packet->sourcePort, packet->destinationPort);
    if (*place == NULL) sendSynAck(newFlow(place, packet));
    return;
  }
  if (flow == NULL) return;
  hear(flow);
  if ((int32_t)(packet->acknowledgment - flow->sendUnacknowledged) > 0) {
    flow->sendUnacknowledged = packet->acknowledgment;
    flow->progress = milliseconds();
    if ((int32_t)(flow->sendNext - flow->sendUnacknowledged) < 0) flow->sendNext = flow->sendUnacknowledged;
    if (flow->localPort == PORT_SOURCE && !flow->established) {
      flow->nextSource = sources;
      sources = flow;
    }
    flow->established = 1;
  }
  flow->window = (uint32_t)packet->window << flow->windowScale;
  int length = packet->textLength + ((packet->flags & FIN) != 0);
  if (length == 0) return;
  flow->acknowledgmentOwed = 1;
  if (packet->sequence != flow->receiveNext) return;
  flow->receiveNext += (uint32_t)length;
  if (packet->textLength > 0) answer(flow, packet);
  if ((packet->flags & FIN) != 0) {
    flow->peerFinished = 1;
    if (!flow->finished) sendData(flow, pattern, 0, 1);
  }
}

static void answerBatch(void) {
  for (int i = 0; i < heardCount; i++) {
    struct Flow *flow = heard[i];
    flow->heard = 0;
    if (flow->acknowledgmentOwed) sendAcknowledgment(flow);
    int over = flow->finished && flow->peerFinished && flow->sendUnacknowledged == flow->sendNext;
    if (over) removeFlow(flow);
  }
  heardCount = 0;
}

/** False when the device takes no more. */
static int feedSources(void) {
  for (struct Flow *flow = sources; flow != NULL; flow = flow->nextSource) {
    if (flow->finished) continue;
    if (milliseconds() - flow->progress > STUCK) {
      flow->sendNext = flow->sendUnacknowledged;
      flow->progress = milliseconds();
    }
    if (!sendStream(flow)) return 0;
  }
  return 1;
}

int main(int count, char **arguments) {
  if (count < 4) return 1;
  mtu = atoi(arguments[2]);
  offload = strcmp(arguments[3], "tso") == 0;
  device = openTun(arguments[1], mtu, offload, 0);
  preparePattern();
  printf("ready\n");
  fflush(stdout);
  for (int room = 1;;) {
    struct pollfd wanted = {device, (short)(POLLIN | (room ? 0 : POLLOUT)), 0};
    poll(&wanted, 1, sources != NULL ? STUCK : -1);
    int taken = 0;
    for (; taken < BATCH; taken++) {
      ssize_t length = read(device, slots[taken], SLOT);
      if (length <= 0) break;
      struct Arrival packet;
      if (readPacket(slots[taken], length, &packet)) take(&packet);
    }
    answerBatch();
    room = feedSources();
  }
}
