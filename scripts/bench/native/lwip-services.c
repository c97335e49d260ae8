// The services of `npm run bench` on lwIP's raw interface.

#include "lwip-server.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/tcp.h"

#define PORT_ECHO 7
#define PORT_SINK 5001
#define PORT_SOURCE 5002
#define PORT_CHURN 5004
#define PORT_HTTP 8080
#define BACKLOG 255
#define PERIOD 251
/** Whole periods, and few enough for one write. */
#define CHUNK (PERIOD * 128)

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nhello, world\n";
static uint8_t pattern[CHUNK + PERIOD];
/** Of a source: bytes sent, modulo PERIOD, as the argument of its callbacks. */
#define PHASE(argument) ((uintptr_t)(argument))

static err_t finish(struct tcp_pcb *pcb) {
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  if (tcp_close(pcb) == ERR_OK) return ERR_OK;
  tcp_abort(pcb);
  return ERR_ABRT;
}

static err_t fill(void *argument, struct tcp_pcb *pcb, u16_t acknowledged) {
  (void)acknowledged;
  uintptr_t phase = PHASE(argument);
  for (;;) {
    u16_t room = tcp_sndbuf(pcb);
    if (room > CHUNK) room = CHUNK;
    if (room == 0 || tcp_write(pcb, pattern + phase, room, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
    phase = (phase + room) % PERIOD;
  }
  tcp_arg(pcb, (void *)phase);
  tcp_output(pcb);
  return ERR_OK;
}

static err_t receive(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error) {
  (void)argument;
  (void)error;
  if (data == NULL) return finish(pcb);
  u16_t length = data->tot_len;
  int over = 0;
  tcp_recved(pcb, length);
  if (pcb->local_port == PORT_ECHO) {
    for (struct pbuf *part = data; part != NULL; part = part->next)
      tcp_write(pcb, part->payload, part->len, TCP_WRITE_FLAG_COPY);
  } else if (pcb->local_port == PORT_CHURN) {
    tcp_write(pcb, pattern, 64, 0);
    over = 1;
  } else if (pcb->local_port == PORT_HTTP) {
    tcp_write(pcb, ANSWER, sizeof ANSWER - 1, 0);
  }
  pbuf_free(data);
  if (over) return finish(pcb);
  if (pcb->local_port != PORT_SINK) tcp_output(pcb);
  return ERR_OK;
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error) {
  (void)argument;
  if (error != ERR_OK || pcb == NULL) return ERR_VAL;
  tcp_arg(pcb, NULL);
  tcp_recv(pcb, receive);
  tcp_nagle_disable(pcb);
  if (pcb->local_port != PORT_SOURCE) return ERR_OK;
  tcp_sent(pcb, fill);
  return fill(NULL, pcb, 0);
}

void startServices(void *unused) {
  (void)unused;
  static const u16_t ports[] = {PORT_ECHO, PORT_SINK, PORT_SOURCE, PORT_CHURN, PORT_HTTP};
  for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i % PERIOD);
  for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
    struct tcp_pcb *pcb = tcp_new();
    if (pcb == NULL || tcp_bind(pcb, IP4_ADDR_ANY, ports[i]) != ERR_OK) abort();
    pcb = tcp_listen_with_backlog(pcb, BACKLOG);
    if (pcb == NULL) abort();
    tcp_accept(pcb, accepted);
  }
}
