/** The program behind a lab's plain sockets: one JSON request a line, each answered when its call returns. */

export const AGENT_SOURCE = String.raw`
import base64, ctypes, errno, glob, json, os, select, socket, struct, sys, threading

lock = threading.Lock()
sockets, readers = {}, {}
SPACE = socket.SOL_SOCKET
TCP = socket.IPPROTO_TCP


def say(message):
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class Reader:
    """Reads whatever comes, unless it is paused."""

    def __init__(self, key, sock, paused):
        self.key, self.sock = key, sock
        self.go, self.over = threading.Event(), False
        # A byte in this pipe: look again.
        self.wake_out, self.wake_in = os.pipe()
        self.resume() if not paused else None
        threading.Thread(target=self.run, daemon=True).start()

    def resume(self):
        self.go.set()

    def pause(self):
        self.go.clear()
        os.write(self.wake_in, b"x")

    def stop(self):
        self.over = True
        self.go.set()
        os.write(self.wake_in, b"x")

    def run(self):
        while not self.over:
            self.go.wait()
            try:
                ready, _, _ = select.select([self.sock, self.wake_out], [], [])
                if self.wake_out in ready:
                    os.read(self.wake_out, 64)
                    continue
                data = self.sock.recv(65536)
            except (OSError, ValueError) as error:
                if not self.over:
                    say({"socket": self.key, "failed": errno.errorcode.get(getattr(error, "errno", 0), "EBADF")})
                return
            if not data:
                say({"socket": self.key, "end": True})
                return
            say({"socket": self.key, "data": base64.b64encode(data).decode()})


def prepare(sock, r):
    sock.setsockopt(SPACE, socket.SO_REUSEADDR, 1)
    if "receiveBuffer" in r:
        sock.setsockopt(SPACE, socket.SO_RCVBUF, r["receiveBuffer"])
    if "sendBuffer" in r:
        sock.setsockopt(SPACE, socket.SO_SNDBUF, r["sendBuffer"])


def configure(sock, r):
    if r.get("noDelay"):
        sock.setsockopt(TCP, socket.TCP_NODELAY, 1)
    alive = r.get("keepAlive")
    if alive:
        for name, value in ((socket.TCP_KEEPIDLE, alive["idle"]), (socket.TCP_KEEPINTVL, alive["interval"]),
                            (socket.TCP_KEEPCNT, alive["count"])):
            sock.setsockopt(TCP, name, int(value))
        sock.setsockopt(SPACE, socket.SO_KEEPALIVE, 1)


listening = {}
settled = threading.Condition()


def settle(key):
    with settled:
        listening[key] = True
        settled.notify_all()


ready = {}


def start(key, sock, r):
    configure(sock, r)
    sockets[key] = sock
    readers[key] = Reader(key, sock, r.get("paused", False))
    ready[key].set()


def finish(key, sock, r):
    """The SYN is out: waits for what becomes of it."""
    select.select([], [sock], [])
    try:
        code = sock.getsockopt(SPACE, socket.SO_ERROR)
    except OSError:
        return
    if code:
        say({"socket": key, "failed": errno.errorcode.get(code, str(code))})
        ready[key].set()
        return
    sock.setblocking(True)
    start(key, sock, r)


def open_(r):
    key = r["socket"]
    ready[key] = threading.Event()
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    prepare(sock, r)
    if "listen" in r:
        try:
            sock.bind((r["kernel"], r["listen"]))
            sock.listen(8)
        finally:
            settle(key)
        sockets[key] = sock
        accepted = sock.accept()[0]
        sock.close()
        start(key, accepted, r)
        return accepted.getsockname()[1]
    if r.get("localPort"):
        sock.bind((r["kernel"], r["localPort"]))
    sockets[key] = sock
    sock.setblocking(False)
    code = sock.connect_ex((r["stack"], r["connect"]))
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, "connect")
    threading.Thread(target=finish, args=(key, sock, r), daemon=True).start()
    return sock.getsockname()[1]


def listening_(r):
    with settled:
        settled.wait_for(lambda: r["socket"] in listening, 5)


def send(r):
    # What is written before the connection is there waits for it.
    ready[r["socket"]].wait()
    sockets[r["socket"]].sendall(base64.b64decode(r["data"]))


def shutdown(r):
    ready[r["socket"]].wait()
    sockets[r["socket"]].shutdown(socket.SHUT_WR)


def end(r):
    if r["socket"] in readers:
        readers[r["socket"]].stop()
    # The reader's own call must be over: a descriptor in use is not closed.
    sock = sockets[r["socket"]]
    return sock


def close(r):
    end(r).close()


def abort(r):
    sock = end(r)
    sock.setsockopt(SPACE, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def pause(r):
    ready[r["socket"]].wait()
    readers[r["socket"]].pause()


def resume(r):
    ready[r["socket"]].wait()
    readers[r["socket"]].resume()


def read(r):
    data = sockets[r["socket"]].recv(r["bytes"])
    say({"socket": r["socket"], "data": base64.b64encode(data).decode()})
    return base64.b64encode(data).decode()


SYS_pidfd_open, SYS_pidfd_getfd = 434, 438
TCP_REPAIR = 19


def forget(_):
    """In repair mode the kernel closes a connection without a word."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.readlink("/proc/self/ns/net")
    found = 0
    for path in glob.glob("/proc/[0-9]*/fd/*"):
        pid, fd = path.split("/")[2], path.split("/")[4]
        try:
            if os.readlink("/proc/%s/ns/net" % pid) != own or not os.readlink(path).startswith("socket:"):
                continue
        except OSError:
            continue
        pidfd = libc.syscall(SYS_pidfd_open, int(pid), 0)
        if pidfd < 0:
            continue
        copy = libc.syscall(SYS_pidfd_getfd, pidfd, int(fd), 0)
        os.close(pidfd)
        if copy < 0:
            continue
        sock = socket.socket(fileno=copy)
        try:
            if sock.type == socket.SOCK_STREAM and sock.family == socket.AF_INET:
                sock.setsockopt(TCP, TCP_REPAIR, 1)
                found += 1
        except OSError:
            pass
        sock.close()
    return found


CALLS = {"open": open_, "listening": listening_, "send": send, "shutdown": shutdown, "close": close,
         "abort": abort, "pause": pause, "resume": resume, "read": read, "forget": forget}


def answer(r):
    reply = {"id": r["id"]}
    try:
        reply["ok"] = CALLS[r["op"]](r)
    except OSError as error:
        reply["error"] = errno.errorcode.get(error.errno, str(error))
    except Exception as error:
        reply["error"] = repr(error)
    say(reply)


for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
`;
