"""Socket calls in the kernel, one JSON request a line, each answered when its call returns.

A request is {"id": n, "op": name, ...}; the answer is {"id": n, "ok": value} or {"id": n, "error": "ECONNRESET"}.
"""

import errno
import json
import socket
import struct
import sys
import threading

sockets = {}
lock = threading.Lock()
made = 0


def keep(sock):
    global made
    with lock:
        made += 1
        sockets[made] = sock
        return made


def fresh(request):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if request.get("reuse", True):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for level, name, value in request.get("options", []):
        sock.setsockopt(getattr(socket, level), getattr(socket, name), value)
    return sock


def listen(request):
    sock = fresh(request)
    try:
        sock.bind((request["address"], request["port"]))
        sock.listen(request.get("backlog", 8))
    except OSError:
        sock.close()
        raise
    return keep(sock)


def accept(request):
    return keep(sockets[request["socket"]].accept()[0])


def connect(request):
    sock = fresh(request)
    try:
        if request.get("from"):
            sock.bind((request["address"], request["from"]))
        sock.connect((request["peer"], request["port"]))
    except OSError:
        sock.close()
        raise
    return keep(sock)


def send(request):
    return sockets[request["socket"]].send(request["text"].encode("latin1"))


def fill(request):
    sockets[request["socket"]].sendall(b"x" * request["bytes"])
    return request["bytes"]


def receive(request):
    return sockets[request["socket"]].recv(request["most"]).decode("latin1")


def shutdown(request):
    sockets[request["socket"]].shutdown(socket.SHUT_WR)


def close(request):
    sockets.pop(request["socket"]).close()


def abort(request):
    sock = sockets.pop(request["socket"])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def option(request):
    sock = sockets[request["socket"]]
    sock.setsockopt(getattr(socket, request["level"]), getattr(socket, request["name"]), request["value"])


def port(request):
    return sockets[request["socket"]].getsockname()[1]


OPERATIONS = {
    call.__name__: call
    for call in (listen, accept, connect, send, fill, receive, shutdown, close, abort, option, port)
}


def answer(request):
    reply = {"id": request["id"]}
    try:
        reply["ok"] = OPERATIONS[request["op"]](request)
    except OSError as error:
        reply["error"] = errno.errorcode.get(error.errno, str(error))
    with lock:
        print(json.dumps(reply), flush=True)


for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
