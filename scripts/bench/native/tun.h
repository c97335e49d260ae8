// Opens a TUN interface in a namespace, configured, with or without the virtio header.
#ifndef BENCH_TUN_H
#define BENCH_TUN_H

/** Bytes of struct virtio_net_hdr in front of each packet when `offload` was asked for. */
#define VNET 10

/** `fw0` in namespace `netns` with 10.9.0.1/24; non-blocking. Exits when it cannot. */
int openTun(const char *netns, int mtu, int offload, int gather);

#endif
