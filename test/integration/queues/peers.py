"""The kernel's side of the tests of several queues: many sockets in one program, and forged packets.

  peers.py echo ADDRESS PORT COUNT SECONDS   connections that all speak, are idle for SECONDS, and speak again
  peers.py chat ADDRESS PORT COUNT SECONDS   connections that speak all the time; says how many were lost
  peers.py leave ADDRESS PORT COUNT          connections that are closed on this side, and waited for by nobody
  peers.py churn ADDRESS PORT COUNT          one after another: connect, a request, its answer, close
  peers.py serve PORT                        an echo server
  peers.py fragments ADDRESS PORT COUNT      connections from an address that nobody has; text comes in fragments
  peers.py refuse ADDRESS PORT               answers SYNs to an address that nobody has with ICMP errors

Prints what went right; dies of what went wrong.
"""

import select
import selectors
import socket
import struct
import sys
import time

NOBODY = '10.9.0.77'
KERNEL = '10.9.0.1'
DEVICE = 'fw0'


def echo_once(connection, text):
    connection.sendall(text)
    got = b''
    while len(got) < len(text):
        more = connection.recv(len(text) - len(got))
        assert more, 'the stack has closed'
        got += more
    assert got == text, got


def echo(address, port, count, seconds):
    connections = [socket.create_connection((address, port), 5) for _ in range(count)]
    for number, connection in enumerate(connections):
        echo_once(connection, b'first %d' % number)
    print('open', flush=True)
    time.sleep(seconds)
    for number, connection in enumerate(connections):
        echo_once(connection, b'second %d ' % number * 500)
    for connection in connections:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b'', 'text after the end'
    print('echoed', count)


def chat(address, port, count, seconds):
    connections = [socket.create_connection((address, port), 5) for _ in range(count)]
    print('open', flush=True)
    end = time.monotonic() + seconds
    lost = 0
    ended = False
    while time.monotonic() < end and not ended:
        for connection in list(connections):
            try:
                connection.settimeout(5)
                echo_once(connection, b'still here')
            except OSError:
                connections.remove(connection)
                lost += 1
        print('round', flush=True)
        # Whoever has nothing more to see closes our input.
        ended = select.select([sys.stdin], [], [], 0.2)[0] != []
    print('lost', lost)


def leave(address, port, count):
    connections = [socket.create_connection((address, port), 5) for _ in range(count)]
    for connection in connections:
        connection.close()
    print('left', count)


def churn(address, port, count):
    for number in range(count):
        with socket.create_connection((address, port), 5) as connection:
            echo_once(connection, b'request %d' % number)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b'', 'text after the end'
    print('served', count)


def serve(port):
    server = socket.create_server(('0.0.0.0', port), backlog=64)
    waiting = selectors.DefaultSelector()
    waiting.register(server, selectors.EVENT_READ)
    print('listening', flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is server:
                waiting.register(server.accept()[0], selectors.EVENT_READ)
                continue
            text = key.fileobj.recv(65536)
            key.fileobj.sendall(text)
            if not text:
                waiting.unregister(key.fileobj)
                key.fileobj.close()


# ── Forged packets ───────────────────────────────────────────────────────────────────────────────


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip(source, destination, protocol, payload, number=0, fragment=0):
    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    return header[:10] + struct.pack('!H', checksum(header)) + header[12:] + payload


def tcp(source, destination, ports, seq, ack, flags, text=b''):
    segment = struct.pack('!HHIIBBHHH', *ports, seq, ack, 5 << 4, flags, 8192, 0, 0) + text
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack('!BBH', 0, 6, len(segment))
    return segment[:16] + struct.pack('!H', checksum(pseudo + segment)) + segment[18:]


class Wire:
    """What the stack sends, and what nobody sends to it."""

    def __init__(self):
        self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.out.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, DEVICE.encode())
        self.into = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.into.bind((DEVICE, 0x0800))
        self.into.settimeout(5)

    def send(self, packet, to):
        self.out.sendto(packet, (to, 0))

    def tcp(self, port, source):
        """The next segment of the stack to a port of NOBODY or from `source`."""
        while True:
            packet = self.into.recv(65536)
            if packet[9] != 6 or packet[12:16] != socket.inet_aton(source):
                continue
            from_port, to_port, seq, ack, _, flags = struct.unpack('!HHIIBB', packet[20:34])
            if to_port != port:
                continue
            assert not flags & 4, 'a reset'
            length = struct.unpack('!H', packet[2:4])[0] - 20 - (packet[32] >> 4) * 4
            end = 20 + (packet[32] >> 4) * 4
            return from_port, seq, ack, flags, packet[end:end + length], packet


def fragments(address, port, count):
    wire = Wire()
    for number in range(count):
        own = 30000 + number
        ports = (own, port)
        wire.send(ip(NOBODY, address, 6, tcp(NOBODY, address, ports, 1000, 0, 2)), address)
        _, seq, _, flags, _, _ = wire.tcp(own, address)
        assert flags & 18 == 18, 'no SYN,ACK'
        wire.send(ip(NOBODY, address, 6, tcp(NOBODY, address, ports, 1001, seq + 1, 16)), address)
        text = b'%040d' % number
        segment = tcp(NOBODY, address, ports, 1001, seq + 1, 24, text)
        # The first has the whole header; later the rest.
        wire.send(ip(NOBODY, address, 6, segment[40:], 500 + number, 40 // 8), address)
        wire.send(ip(NOBODY, address, 6, segment[:40], 500 + number, 0x2000), address)
        got = b''
        while not got:
            _, _, ack, _, got, _ = wire.tcp(own, address)
        assert got == text, got
        assert ack == 1001 + len(text), ack
        end = seq + 1 + len(text)
        wire.send(ip(NOBODY, address, 6, tcp(NOBODY, address, ports, 1041, end, 17)), address)
        flags = 0
        while not flags & 1:
            _, _, _, flags, _, _ = wire.tcp(own, address)
        wire.send(ip(NOBODY, address, 6, tcp(NOBODY, address, ports, 1042, end + 1, 16)), address)
    print('answered', count)


def refuse(address, port):
    wire = Wire()
    print('listening', flush=True)
    while True:
        _, _, _, flags, _, packet = wire.tcp(port, address)
        if flags & 2:
            body = struct.pack('!BBHI', 3, 3, 0, 0) + packet[:28]
            message = body[:2] + struct.pack('!H', checksum(body)) + body[4:]
            wire.send(ip(KERNEL, address, 1, message), address)


if __name__ == '__main__':
    {'echo': echo, 'chat': chat, 'leave': leave, 'churn': churn, 'serve': serve, 'fragments': fragments, 'refuse': refuse}[sys.argv[1]](
        *[int(word) if word.isdigit() else word for word in sys.argv[2:]])
