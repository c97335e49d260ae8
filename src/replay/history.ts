/** One connection of a recording, as a script can tell it. */

import { completeTcpChecksum } from '../device/complete-checksum.ts';
import { splitSuperPacket } from '../device/split-super-packet.ts';
import type { History, HistoryCall, HistoryTurn } from '../drill/history.ts';
import { configEntries } from '../stack/config.ts';
import { type Difference, type DoneCall, Replay } from '../stack/replay.ts';
import type { ListenOptions } from '../tcp/engine.ts';
import type { LogEvent } from '../trace/log-event.ts';
import { TraceRecorder } from '../trace/recorder.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { CHECKSUM_PARTIAL, type Packet } from '../wire/packet.ts';
import { endsOf } from './user-call.ts';

interface Ends {
  readonly localAddress: number;
  readonly localPort: number;
  readonly peerAddress: number;
  readonly peerPort: number;
}

/** A connection of the recording. */
interface Opened extends Ends {
  readonly conn: string;
  readonly passive: boolean;
  /** The turn in which it was opened. */
  readonly turn: number;
}

interface Call extends HistoryCall {
  /** Of its connection. */
  readonly ends: string | null;
}

interface Turn {
  time: number;
  readonly arrived: Uint8Array[];
  readonly calls: Call[];
  readonly sent: Uint8Array[];
}

const TCP = 6;
const OVER: ReadonlySet<string> = new Set(['CLOSED', 'TIME-WAIT', 'FIN-WAIT-2', 'CLOSING']);

/** A recording that has been run once, with everything that scripts can say. */
export class Histories {
  readonly connections: Opened[] = [];
  difference: Difference | null = null;
  private readonly turns: Turn[] = [];
  private readonly backlogs = new Map<number, number>();
  private readonly replay: Replay;
  private turn = emptyTurn();
  private closing = false;

  /** @throws RecordingError */
  constructor(recording: Uint8Array) {
    this.replay = new Replay(recording, {
      onArrival: (packet) => this.arrived(packet),
      onPacket: (packet) => {
        if (packet[9] === TCP) completeTcpChecksum(packet);
        this.turn.sent.push(packet);
      },
      onCall: (call) => this.called(call),
      log: (clock, { log }) => {
        const recorder = new TraceRecorder({ ...log, clock });
        recorder.onEvent = () => this.event(recorder.latest);
        return recorder;
      },
    });
    this.run();
  }

  /** The history of a connection by its name. Null when there is none. */
  of(conn: string, title: string): History | null {
    const opened = this.connections.find((one) => one.conn === conn);
    if (opened === undefined) return null;
    const next = this.connections.find((one) => one.turn > opened.turn && endsOf(one) === endsOf(opened));
    const turns = this.turns.slice(opened.turn, next?.turn);
    const { run } = this.replay;
    return {
      title,
      localAddress: formatAddress(opened.localAddress),
      localPort: opened.localPort,
      remoteAddress: formatAddress(opened.peerAddress),
      remotePort: opened.peerPort,
      mtu: run.mtu,
      backlog: opened.passive ? (this.backlogs.get(opened.localPort) ?? 1) : null,
      config: Object.fromEntries(
        configEntries(run.config)
          .filter((entry) => entry.value !== entry.default)
          .map(({ key, value }) => [key, value]),
      ),
      turns: turns.map((turn) => only(turn, opened)).filter((turn) => !isEmpty(turn)),
    };
  }

  private run(): void {
    const { replay } = this;
    const { counters } = replay.stack;
    for (let turns = counters.turns; !this.closing; turns = counters.turns) {
      const more = replay.step();
      // Calls between turns are answered by the next turn.
      if (counters.turns > turns) {
        this.turn.time = replay.began;
        this.turns.push(this.turn);
        this.turn = emptyTurn();
      }
      if (!more) break;
    }
    this.difference = replay.difference;
  }

  private arrived({ bytes, start, end, gsoSize, checksum }: Packet): void {
    const packet = bytes.slice(start, end);
    if (packet[9] !== TCP) return;
    if (checksum === CHECKSUM_PARTIAL) completeTcpChecksum(packet);
    if (gsoSize > 0) this.turn.arrived.push(...splitSuperPacket(packet, gsoSize));
    else this.turn.arrived.push(packet);
  }

  private called({ name, detail, bytes, tcb, refused }: DoneCall): void {
    if (name === 'closeEverything') this.closing = true;
    if (refused) return;
    // Nothing is left to shut: a descriptor would say ENOTCONN.
    if (name === 'shutdown' && (tcb === null || OVER.has(tcb.state))) return;
    if (name === 'listen') {
      const { port, backlog } = detail as ListenOptions;
      this.backlogs.set(port, backlog);
    }
    this.turn.calls.push({ name, detail, bytes, ends: tcb === null ? null : endsOf(tcb) });
  }

  private event(event: LogEvent | undefined): void {
    if (event?.ev !== 'conn:opened') return;
    const { local, peer, role } = event.data as { local: string; peer: string; role: string };
    const [ours, theirs] = [endpoint(local), endpoint(peer)];
    const ends = { localAddress: ours[0], localPort: ours[1], peerAddress: theirs[0], peerPort: theirs[1] };
    this.connections.push({
      conn: event.conn ?? '',
      passive: role === 'passive',
      turn: this.turns.length,
      ...ends,
    });
  }
}

function emptyTurn(): Turn {
  return { time: 0, arrived: [], calls: [], sent: [] };
}

function isEmpty({ arrived, calls, sent }: HistoryTurn): boolean {
  return arrived.length + calls.length + sent.length === 0;
}

function endpoint(text: string): [number, number] {
  const colon = text.lastIndexOf(':');
  return [parseAddress(text.slice(0, colon)) ?? 0, Number(text.slice(colon + 1))];
}

/** What of a turn is about one connection. */
function only(turn: Turn, ends: Ends): HistoryTurn {
  const key = endsOf(ends);
  return {
    time: turn.time,
    arrived: turn.arrived.filter((bytes) => packetEnds(bytes, true) === key),
    calls: turn.calls.filter((call) => call.ends === key),
    sent: turn.sent.filter((bytes) => packetEnds(bytes, false) === key),
  };
}

function packetEnds(bytes: Uint8Array, inbound: boolean): string | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = ((bytes[0] as number) & 15) * 4;
  if (bytes[9] !== TCP || bytes.length < at + 20) return null;
  const source = { address: view.getInt32(12), port: view.getUint16(at) };
  const destination = { address: view.getInt32(16), port: view.getUint16(at + 2) };
  const [local, peer] = inbound ? [destination, source] : [source, destination];
  return endsOf({
    localAddress: local.address,
    localPort: local.port,
    peerAddress: peer.address,
    peerPort: peer.port,
  });
}
