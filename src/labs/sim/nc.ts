/** nc in its flavours: what the end of input does, and what the end of the other side. */

import { PosixError } from '../../posix/index.ts';
import { dial, End, listenAt } from '../services/end.ts';
import type { NcOptions } from '../stage.ts';
import { encode } from '../text.ts';
import { type Machine, messageOf, SimProgram } from './program.ts';

type NcFlavour = NonNullable<NcOptions['flavour']>;

/** How a flavour differs from another on the wire. */
interface Habit {
  /** The end of input becomes a FIN. */
  readonly finAtEnd: boolean;
  /** It ends when the peer has finished, although the input has not. */
  readonly leavesWithPeer: boolean;
  /** After either end it waits so long and is gone, ms; null: it does not. */
  readonly lingers: number | null;
}

const HABITS: Readonly<Record<NcFlavour, Habit>> = {
  'nc.openbsd': { finAtEnd: false, leavesWithPeer: false, lingers: null },
  'nc.traditional': { finAtEnd: false, leavesWithPeer: true, lingers: null },
  ncat: { finAtEnd: true, leavesWithPeer: false, lingers: null },
  busybox: { finAtEnd: true, leavesWithPeer: true, lingers: null },
  socat: { finAtEnd: true, leavesWithPeer: false, lingers: 500 },
};

const COMMANDS: Readonly<Record<NcFlavour, string>> = {
  'nc.openbsd': 'nc',
  'nc.traditional': 'nc.traditional',
  ncat: 'ncat',
  busybox: 'busybox nc',
  socat: 'socat -',
};

/** What a person would type. */
export function ncCommand(port: number, options: NcOptions, peer: string): string {
  const { flavour = 'nc.openbsd', listen, keep, localPort, wait, verbose, N } = options;
  if (flavour === 'socat') return `socat - ${listen === true ? `TCP-LISTEN:${port}` : `TCP:${peer}:${port}`}`;
  const words = [
    COMMANDS[flavour],
    ...(listen === true ? ['-l'] : []),
    ...(keep === true ? ['-k'] : []),
    ...(N === true && flavour === 'nc.openbsd' ? ['-N'] : []),
    ...(verbose === true ? ['-v'] : []),
    ...(wait === undefined ? [] : [`-w ${wait}`]),
    ...(localPort === undefined ? [] : [`-p ${localPort}`]),
    ...(listen === true ? [] : [peer]),
    String(port),
  ];
  return words.join(' ');
}

export class Netcat extends SimProgram {
  private readonly options: NcOptions;
  private readonly habit: Habit;
  private socket: End | null = null;
  private listening = -1;
  private inputOver = false;
  /** Typed before there was a connection. */
  private readonly early: Uint8Array[] = [];
  private heard = 0;

  constructor(name: string, port: number, options: NcOptions, machine: Machine) {
    super(name, ncCommand(port, options, machine.peer), machine);
    this.options = options;
    const habit = HABITS[options.flavour ?? 'nc.openbsd'];
    // A listening OpenBSD nc goes when its peer has gone; with -N the end of input is a FIN.
    this.habit = {
      ...habit,
      finAtEnd: habit.finAtEnd || options.N === true,
      leavesWithPeer: habit.leavesWithPeer || options.listen === true,
    };
    try {
      if (options.listen === true) this.listen(port);
      else this.connect(port);
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      this.say(`nc: ${messageOf(error)}`);
      this.end(1);
      return;
    }
    const { input } = options;
    if (input !== undefined) {
      this.takeInput(encode(input));
      this.takeEnd();
    }
  }

  /** Its socket, null before there is one. */
  get connection(): End | null {
    return this.socket;
  }

  protected takeInput(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.socket === null) this.early.push(bytes.slice());
    else this.socket.write(bytes);
  }

  protected takeEnd(): void {
    this.inputOver = true;
    const end = this.socket;
    if (end === null) return;
    if (end.ended) this.leave(0);
    else if (this.habit.finAtEnd) end.shutdown();
    this.linger();
  }

  protected release(): void {
    this.socket?.release();
    if (this.listening >= 0) this.machine.posix.close(this.listening);
    this.listening = -1;
  }

  protected freeze(on: boolean): void {
    if (on) this.socket?.pause();
    else this.socket?.resume();
  }

  private connect(port: number): void {
    const { posix, peer, address } = this.machine;
    const { localPort, wait } = this.options;
    const from = localPort === undefined ? {} : { from: { address, port: localPort } };
    // SO_REUSEADDR is set by what listens, never by what connects.
    this.take(dial(posix, { to: { address: peer, port }, ...from }), false);
    if (wait === undefined) return;
    this.machine.after(wait * 1000, () => {
      if (this.socket?.connected !== false || this.exit !== null) return;
      this.say(`nc: connect to ${peer} port ${port} (tcp) timed out: Operation now in progress`);
      this.end(1);
    });
  }

  private listen(port: number): void {
    const { posix } = this.machine;
    const options = { address: '0.0.0.0', port, reuseAddr: true, backlog: 1 };
    this.listening = listenAt(posix, options, (fd) => {
      if (this.socket !== null && !this.socket.closed) {
        posix.close(fd);
        return;
      }
      if (this.options.keep !== true) {
        posix.close(this.listening);
        this.listening = -1;
      }
      this.take(fd, true);
    });
  }

  private take(fd: number, connected: boolean): void {
    const end = new End(
      this.machine.posix,
      fd,
      {
        connected: () => this.connected(),
        data: (_end, bytes) => {
          this.heard++;
          this.print(bytes);
        },
        ended: () => this.peerEnded(),
        failed: (_end, code) => this.failed(code),
      },
      { connected, wake: this.machine.wake },
    );
    this.socket = end;
    if (this.stopped) end.pause();
    for (const bytes of this.early.splice(0)) end.write(bytes);
    if (this.inputOver && this.habit.finAtEnd) end.shutdown();
    if (connected) this.connected();
    end.start();
  }

  private connected(): void {
    const { wait, verbose } = this.options;
    if (verbose === true) this.say(`Connection to ${this.machine.peer} succeeded!`);
    if (wait !== undefined) this.watchIdle(wait * 1000);
    if (this.inputOver) this.linger();
  }

  /** -w: also a connection on which nothing is heard for so long is given up. */
  private watchIdle(ms: number): void {
    const before = this.heard;
    this.machine.after(ms, () => {
      if (this.exit !== null) return;
      if (this.heard === before) this.leave(0);
      else this.watchIdle(ms);
    });
  }

  private peerEnded(): void {
    if (this.inputOver || this.habit.leavesWithPeer) this.leave(0);
    else this.linger();
  }

  /** What is queued goes out, then the socket is closed and the program ends. */
  private leave(code: number): void {
    const end = this.socket;
    if (end === null || this.exit !== null) return;
    end.close();
    if (this.options.keep === true) {
      this.socket = null;
      return;
    }
    this.end(code);
  }

  private linger(): void {
    const { lingers } = this.habit;
    if (lingers !== null && this.socket?.connected === true) this.machine.after(lingers, () => this.leave(0));
  }

  private failed(code: string): void {
    const opening = this.socket?.connected === false;
    if (opening) this.say(`nc: connect to ${this.machine.peer} failed: ${messageOf(code)}`);
    else if (code === 'ETIMEDOUT') this.say(`nc: ${messageOf(code)}`);
    // OpenBSD's takes a reset for an end and says nothing.
    this.end(opening ? 1 : 0);
  }
}
