#ifndef BENCH_BLASTER_H
#define BENCH_BLASTER_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define PORT_ECHO 7
#define PORT_SOURCE 5002
#define PORT_CHURN 5004
#define PORT_HTTP 8080
#define HTTP_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nhello, world\n"
/** Position n of every stream holds n % PERIOD. */
#define PERIOD 251

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/** Addresses and ports in network order, all else in host order. */
struct Flow {
  uint32_t address, local;
  uint16_t peerPort, localPort;
  uint32_t receiveNext, sendNext, sendUnacknowledged, window;
  uint16_t mss;
  uint8_t windowScale, established, heard, acknowledgmentOwed, finished, peerFinished;
  /** When something was acknowledged last, ms. */
  long progress;
  struct Flow *nextSource;
};

/** A received segment. */
struct Arrival {
  uint32_t source, destination;
  uint16_t sourcePort, destinationPort;
  uint32_t sequence, acknowledgment;
  uint16_t window;
  uint8_t flags;
  const uint8_t *options;
  int optionsLength;
  const uint8_t *text;
  int textLength;
};

extern int offload;
extern int mtu;
extern uint8_t pattern[];

void preparePattern(void);
int writePacket(struct iovec *parts, int count);
/** False for what is no whole TCP segment with a right sum. */
int readPacket(uint8_t *bytes, ssize_t length, struct Arrival *packet);
void readSynOptions(const struct Arrival *packet, struct Flow *flow);
void sendSynAck(struct Flow *flow);
void sendAcknowledgment(struct Flow *flow);
void sendData(struct Flow *flow, const void *text, int length, int finish);
/** As much of the pattern as the peer's window takes; false when the device takes no more. */
int sendStream(struct Flow *flow);

#endif
