// The services of `npm run bench` on the engine's raw interface: no streams, one owner for all connections.

import { CHUNK, CHURN_ANSWER, Checker, HTTP_ANSWER, PORT } from './service.js';

/** Of tcp/events.ts. */
const READABLE = 0x02;
const PEER_CLOSED = 0x04;
const WRITABLE = 0x08;
const CLOSED = 0x20;

const BACKLOG = 4096;
const END_OF_HEADER = '\r\n\r\n';

class RawService {
  constructor(tcp) {
    this.tcp = tcp;
    this.bytes = Buffer.alloc(1 << 16);
  }

  connectionsWaiting(listener) {
    const { tcp } = this;
    for (let tcb = tcp.accept(listener, this); tcb !== null; tcb = tcp.accept(listener, this)) {
      tcp.setNoDelay(tcb, true);
      this.opened(tcb);
    }
  }

  connectionEvents(tcb, events) {
    if ((events & READABLE) !== 0) this.readable(tcb);
    if ((events & WRITABLE) !== 0) this.writable(tcb);
    if ((events & PEER_CLOSED) !== 0) this.tcp.close(tcb);
    if ((events & CLOSED) !== 0) this.closed(tcb);
  }

  read(tcb) {
    return this.tcp.receiveInto(tcb, this.bytes, 0, this.bytes.length);
  }

  opened(_tcb) {}
  writable(_tcb) {}
  closed(_tcb) {}
}

class Echo extends RawService {
  readable(tcb) {
    const got = this.read(tcb);
    this.tcp.send(tcb, this.bytes, 0, got);
  }
}

/** Looks at nothing: the bytes lie in the connection's receive ring, and are taken. */
class Sink extends RawService {
  readable(tcb) {
    this.tcp.discard(tcb, tcb.readable);
  }
}

class CheckedSink extends RawService {
  checkers = new Map();

  readable(tcb) {
    let checker = this.checkers.get(tcb);
    if (checker === undefined) this.checkers.set(tcb, (checker = new Checker()));
    for (let got = this.read(tcb); got > 0; got = this.read(tcb)) checker.take(this.bytes, got);
  }

  connectionEvents(tcb, events) {
    if ((events & READABLE) !== 0) this.readable(tcb);
    if ((events & PEER_CLOSED) === 0) return;
    const answer = Buffer.from(`${this.checkers.get(tcb)?.right ?? 0}\n`);
    this.checkers.delete(tcb);
    this.tcp.send(tcb, answer, 0, answer.length);
    this.tcp.close(tcb);
  }
}

class Source extends RawService {
  sent = new Map();

  opened(tcb) {
    this.sent.set(tcb, 0);
    this.writable(tcb);
  }

  readable(tcb) {
    this.read(tcb);
  }

  writable(tcb) {
    const phase = this.sent.get(tcb);
    if (phase === undefined) return;
    let at = phase;
    for (;;) {
      const took = this.tcp.send(tcb, CHUNK, at, CHUNK.length);
      if (took === 0) break;
      at = (at + took) % CHUNK.length;
    }
    this.sent.set(tcb, at);
  }

  connectionEvents(tcb, events) {
    if ((events & (PEER_CLOSED | CLOSED)) !== 0) this.sent.delete(tcb);
    super.connectionEvents(tcb, events);
  }
}

class Churn extends RawService {
  readable(tcb) {
    this.read(tcb);
    this.tcp.send(tcb, CHURN_ANSWER, 0, CHURN_ANSWER.length);
    this.tcp.close(tcb);
  }
}

/** One request in one segment, as the measuring client sends it. */
class Http extends RawService {
  readable(tcb) {
    const got = this.read(tcb);
    if (this.bytes.latin1Slice(got - END_OF_HEADER.length, got) === END_OF_HEADER)
      this.tcp.send(tcb, HTTP_ANSWER, 0, HTTP_ANSWER.length);
  }
}

const SERVICES = {
  echo: Echo,
  sink: Sink,
  source: Source,
  churn: Churn,
  checkedSink: CheckedSink,
  http: Http,
};

export function serveRaw(tcp) {
  for (const [name, Kind] of Object.entries(SERVICES))
    tcp.listen({ address: 0, port: PORT[name], backlog: BACKLOG, reuseAddress: true }, new Kind(tcp));
}
