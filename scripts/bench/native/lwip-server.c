// Debian's lwIP as it is built there, behind a TUN: lwip-server NETNS MTU
// One thread reads packets, the library's own thread does everything else; services are on its raw interface.

#include "lwip-server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/tcpip.h"
#include "tun.h"

#define MOST_PARTS 16
/** Packets read before the library has the lock of its core. */
#define BATCH 64
#define LARGEST 65536

static int device;
static struct netif interface;

static err_t sendPacket(struct netif *unused, struct pbuf *packet, const ip4_addr_t *to) {
  (void)unused;
  (void)to;
  struct iovec parts[MOST_PARTS];
  int count = 0;
  for (struct pbuf *part = packet; part != NULL && count < MOST_PARTS; part = part->next)
    parts[count++] = (struct iovec){part->payload, part->len};
  if (writev(device, parts, count) >= 0 || errno != EAGAIN) return ERR_OK;
  // As a driver does: it waits until the queue has room.
  struct pollfd wanted = {device, POLLOUT, 0};
  poll(&wanted, 1, 10);
  return writev(device, parts, count) >= 0 ? ERR_OK : ERR_MEM;
}

static err_t initialize(struct netif *netif) {
  netif->output = sendPacket;
  netif->mtu = *(u16_t *)netif->state;
  netif->name[0] = 'f';
  netif->name[1] = 'w';
  return ERR_OK;
}

/** PBUF_POOL is not safe outside of the library's thread in this build. */
static void readAll(void) {
  static uint8_t bytes[LARGEST];
  for (;;) {
    struct pollfd wanted = {device, POLLIN, 0};
    poll(&wanted, 1, -1);
    struct pbuf *batch[BATCH];
    int count = 0;
    for (; count < BATCH; count++) {
      ssize_t length = read(device, bytes, sizeof bytes);
      if (length <= 0) break;
      batch[count] = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
      if (batch[count] == NULL) abort();
      memcpy(batch[count]->payload, bytes, (size_t)length);
    }
    LOCK_TCPIP_CORE();
    for (int i = 0; i < count; i++)
      if (ip_input(batch[i], &interface) != ERR_OK) pbuf_free(batch[i]);
    UNLOCK_TCPIP_CORE();
  }
}

int main(int count, char **arguments) {
  if (count < 3) return 1;
  static u16_t mtu;
  mtu = (u16_t)atoi(arguments[2]);
  device = openTun(arguments[1], mtu, 0, count > 3 && strcmp(arguments[3], "gro") == 0);
  tcpip_init(NULL, NULL);
  ip4_addr_t address, mask, gateway;
  IP4_ADDR(&address, 10, 9, 0, 2);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 10, 9, 0, 1);
  LOCK_TCPIP_CORE();
  netif_add(&interface, &address, &mask, &gateway, &mtu, initialize, tcpip_input);
  netif_set_default(&interface);
  netif_set_link_up(&interface);
  netif_set_up(&interface);
  startServices(NULL);
  UNLOCK_TCPIP_CORE();
  printf("ready\n");
  fflush(stdout);
  readAll();
}
