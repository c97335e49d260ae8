"""Many connections at once from the kernel's side, held until standard input ends.

    many-clients.py DESTINATION PORT COUNT SOURCE UNDER_WAY

All come from the address SOURCE; UNDER_WAY handshakes at a time. Prints one JSON line when all are established. Each line that it then reads is sent
on as many connections as the number it begins with, spread over all; the answer is how many of these brought it back.
"""

import json
import resource
import select
import socket
import sys
import time

destination, port, count, source, under_way = (convert(word) for convert, word in zip((str, int, int, str, int), sys.argv[1:]))
# From linux/in.h: the port is chosen by connect, when the destination is known.
IP_BIND_ADDRESS_NO_PORT = 24
PATIENCE = 100

most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
epoll = select.epoll()


def begin():
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    client.bind((source, 0))
    client.connect_ex((destination, port))
    epoll.register(client, select.EPOLLOUT | select.EPOLLONESHOT)
    return client


def establish():
    clients, by_number, done, failures = [], {}, 0, {}
    start = time.monotonic()
    while done < count and time.monotonic() - start < PATIENCE:
        while len(clients) < count and len(clients) - done < under_way:
            clients.append(begin())
            by_number[clients[-1].fileno()] = clients[-1]
        for number, _ in epoll.poll(1):
            done += 1
            error = by_number[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                failures[error] = failures.get(error, 0) + 1
    return clients, {"established": done - sum(failures.values()), "failures": failures,
                     "seconds": time.monotonic() - start}


def exchange(clients, line, wanted):
    chosen = clients[:: max(1, len(clients) // wanted)]
    answered = 0
    for client in chosen:
        client.settimeout(20)
        client.sendall(line)
    for client in chosen:
        received = b""
        while len(received) < len(line):
            part = client.recv(len(line) - len(received))
            if not part:
                break
            received += part
        answered += received == line
    return {"asked": len(chosen), "answered": answered}


def leave(clients):
    """A few at a time: more FINs than the TUN's queue holds would be lost, and so many orphans the kernel forgets."""
    for at in range(0, len(clients), under_way):
        leaving = clients[at : at + under_way]
        for client in leaving:
            client.settimeout(60)
            client.shutdown(socket.SHUT_WR)
        for client in leaving:
            while client.recv(4096):
                pass
            client.close()


clients, told = establish()
print(json.dumps(told), flush=True)
for line in sys.stdin.buffer:
    print(json.dumps(exchange(clients, line, int(line.split()[0]))), flush=True)
leave(clients)
