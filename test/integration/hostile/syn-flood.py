"""A SYN flood from random sources, as fast as the stack reads, and no faster.

    syn-flood.py INTERFACE DESTINATION PORT COUNT

What a TUN's queue cannot hold the kernel throws away, an honest client's packets too. So that the stack is what is
tested, and not that queue, no more is sent than half of it holds: by the interface's counters, what was sent less what
was read or thrown away. Others send too, which these counters do not tell apart; so the reckoning is set right
whenever the queue shows that it is full, by a loss, or empty, by standing still. Prints what came of it, as JSON.
"""

import json
import random
import socket
import struct
import sys
import time

interface, destination, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
QUEUE = 500
# Seconds without a packet read after which the queue must be empty.
STILL = 0.1

DESTINATION = socket.inet_aton(destination)
# As Linux sends it: MSS, SACK permitted, timestamps, NOP, window scale.
OPTIONS = bytes.fromhex("020405b40402080a00000001000000000103030a")
OFFSET_AND_FLAGS = ((20 + len(OPTIONS)) // 4 << 12) | 0x002
IP_HEADER = struct.Struct("!BBHHHBBH4s4s")
TCP_HEADER = struct.Struct("!HHIIHHHH")
LENGTH = 40 + len(OPTIONS)
WORDS = struct.Struct("!HHHHHH")


def folded(total):
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


FIXED = folded(
    sum(struct.unpack("!2H", DESTINATION))
    + 6
    + LENGTH
    - 20
    + port
    + OFFSET_AND_FLAGS
    + 64240
    + sum(struct.unpack("!10H", OPTIONS))
)


def syn(bits):
    """The packet for 80 random bits: a source that a host may have, its port, its ISN."""
    high = (bits & 0xFFFF) % ((224 - 11) << 8) + (11 << 8)
    if high >> 8 == 127:
        high += 1 << 8
    low, source_port = bits >> 16 & 0xFFFF, (bits >> 32 & 0xFFFF) or 1
    isn = bits >> 48 & 0xFFFFFFFF
    checksum = ~folded(FIXED + high + low + source_port + (isn >> 16) + (isn & 0xFFFF)) & 0xFFFF
    source = (high << 16 | low).to_bytes(4, "big")
    # The kernel fills in the identification and the header checksum.
    return (
        IP_HEADER.pack(0x45, 0, LENGTH, 0, 0x4000, 64, 6, 0, source, DESTINATION)
        + TCP_HEADER.pack(source_port, port, isn, 0, OFFSET_AND_FLAGS, 64240, checksum, 0)
        + OPTIONS
    )


def counter(name):
    file = open(f"/sys/class/net/{interface}/statistics/{name}", "rb", buffering=0)

    def read():
        file.seek(0)
        return int(file.read(32))

    return read


class Queue:
    """How many packets wait on the interface, as far as can be known."""

    def __init__(self):
        self.read, self.dropped = counter("tx_packets"), counter("tx_dropped")
        self.dropped_before = self.dropped()
        self.losses = 0
        self.gone = self.read() + self.dropped()
        self.moved_at = time.monotonic()
        self.waiting = 0

    def room(self):
        """How many more to send now."""
        losses, gone, now = self.dropped() - self.dropped_before, self.read() + self.dropped(), time.monotonic()
        self.waiting -= gone - self.gone
        if gone != self.gone:
            self.gone, self.moved_at = gone, now
        elif now - self.moved_at > STILL:
            self.waiting, self.moved_at = 0, now
        if losses != self.losses:
            self.waiting, self.losses = QUEUE, losses
        self.waiting = max(0, self.waiting)
        return QUEUE // 2 - self.waiting


def flood():
    queue = Queue()
    wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    address = (destination, 0)
    # Seeded: the same sources in every run.
    bits = random.Random(1).getrandbits
    begin = time.monotonic()
    sent = 0
    while sent - queue.losses < count:
        room = queue.room()
        if room <= 0:
            time.sleep(0.0002)
            continue
        for _ in range(room):
            wire.sendto(syn(bits(80)), address)
        sent += room
        queue.waiting += room
    print(json.dumps({"sent": sent, "dropped": queue.losses, "seconds": time.monotonic() - begin}))


flood()
