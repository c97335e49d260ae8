/**
 * What the bytes of an input do: each step is a byte (five bits say which, three are its argument) and
 * its operands. A table of 32, so that every byte is a step. The corpus and the crashes are written in
 * this language.
 */

import { ByteReader } from './byte-reader.ts';
import { CONFIGURATIONS } from './configurations.ts';
import {
  ACK,
  type FarEnd,
  FIN,
  OPTION_MSS,
  OPTION_SACK_PERMITTED,
  OPTION_TIMESTAMPS,
  OPTION_WINDOW_SCALE,
  PSH,
  RST,
  SHAPE_OPTIONS,
  STACK_ADDRESS,
  SYN,
  URG,
} from './far-end.ts';
import type { Machine } from './machine.ts';
import { completed, fragments, icmp, ipAround, PROTOCOL_TCP } from './packets.ts';
import { BEHAVIOURS, type User } from './user.ts';

/** What a program has chosen and the following steps mean. */
export interface Program {
  readonly machine: Machine;
  readonly input: ByteReader;
  far: FarEnd;
  /** The user that calls; null = the latest. */
  chosen: number | null;
}

type Step = (program: Program, argument: number) => void;

const FLAGS = [ACK, PSH | ACK, SYN | ACK, SYN, FIN | ACK, RST | ACK, RST, FIN | PSH | URG | ACK] as const;
const SIZES = [1, 10, 100, 536, 1460, 5000, 40_000, 200_000] as const;
const SHORT_MS = [0.001, 1, 10, 40, 100, 200, 300, 1000] as const;
const LONG_MS = [3_000, 7_000, 15_000, 30_000, 60_000, 120_000, 600_000, 7_200_000] as const;
const BUFFERS = [1, 1024, 4096, 65_536, 2 ** 20] as const;
const SECONDS = [1e6, 10e6, 100e6] as const;
const PORTS = [7, 9] as const;
const BACKLOGS = [16, 0, 1, 2] as const;
const JUMPS = [1, 100_000, 64_000, -1, 2 ** 31, 2 ** 30, -100_000, 0] as const;
const WINDOWS = [65_535, 0, 1, 100, 1460, 8192, 30_000, 536] as const;
const ICMP_TYPES = [3, 11, 12, 4, 5, 8, 0, 13] as const;
const MTUS = [0, 1, 67, 68, 296, 552, 576, 1006, 1400, 1492, 1500, 65_535] as const;

/** What a SYN of a handshake offers: the bytes of a segment as `FarEnd.segment` reads them. */
const OFFERS: readonly (readonly number[])[] = [
  [SHAPE_OPTIONS, 0, OPTION_MSS, 0],
  [
    SHAPE_OPTIONS,
    0,
    OPTION_MSS | OPTION_WINDOW_SCALE | OPTION_SACK_PERMITTED | OPTION_TIMESTAMPS,
    0,
    7,
    0,
    0,
  ],
  [SHAPE_OPTIONS, 0, OPTION_MSS | OPTION_SACK_PERMITTED, 1],
  [0, 0],
];

function userOf({ machine, chosen }: Program): User | undefined {
  return machine.users[chosen ?? machine.users.length - 1];
}

/** A call of the chosen user on its connection. */
function call(program: Program, what: (user: User, tcb: NonNullable<User['tcb']>) => void): void {
  const user = userOf(program);
  const tcb = user?.tcb ?? null;
  if (user !== undefined && tcb !== null) program.machine.call(() => what(user, tcb));
}

/** A segment of the chosen far end as `input` describes it; zeros describe an honest one. */
function send(program: Program, flags: number, input: ByteReader): void {
  const { machine, far } = program;
  machine.give(far.segment(input, flags, machine.tcbOf(far), machine.milliseconds));
}

function honest(program: Program, flags: number, described: readonly number[] = []): void {
  send(program, flags, new ByteReader(Uint8Array.from(described)));
}

/** One honest segment; the upper half of the operand makes it many, each with a hole of a byte before it. */
function honestStep(program: Program, argument: number): void {
  const operand = program.input.u8();
  honest(program, FLAGS[argument] as number, [0, operand & 15]);
  for (let more = 10 * (operand >> 4); more > 0; more--) {
    program.far.nxt = (program.far.nxt + 1) | 0;
    honest(program, FLAGS[argument] as number, [0, operand & 15]);
  }
}

function handshake(program: Program, argument: number): void {
  const { machine, far } = program;
  far.stackPort = PORTS[argument >> 2] as number;
  if (!machine.listeners.some(({ port }) => port === far.stackPort)) machine.listen(far.stackPort, 16);
  honest(program, SYN, OFFERS[argument & 3]);
  honest(program, ACK);
  const waiting = machine.listeners.find(({ port }) => port === far.stackPort);
  if (waiting !== undefined) machine.call(() => machine.accept(waiting));
}

/** Active from our side, or both at once when the argument says so. */
function connect(program: Program, argument: number): void {
  const { machine, far } = program;
  machine.connect(far, (argument & 4) === 0 ? 0 : 5000);
  if ((argument & 3) === 0) return;
  honest(program, (argument & 3) === 3 ? SYN : SYN | ACK, OFFERS[argument & 3]);
}

const OPTIONS: readonly ((program: Program, user: User, tcb: NonNullable<User['tcb']>) => void)[] = [
  ({ machine, input }, _user, tcb) => machine.stack.tcp.setNoDelay(tcb, (input.u8() & 1) === 1),
  ({ machine, input }, _user, tcb) => machine.stack.tcp.setCork(tcb, (input.u8() & 1) === 1),
  ({ machine, input }, _user, tcb) => {
    const on = (input.u8() & 1) === 1;
    machine.stack.tcp.setKeepAlive(tcb, {
      on,
      idle: input.of(SECONDS),
      interval: input.of(SECONDS),
      count: 3,
    });
  },
  ({ machine, input }, _user, tcb) => machine.stack.tcp.setUserTimeout(tcb, input.of([0, ...SECONDS])),
  ({ machine, input }, _user, tcb) =>
    machine.stack.tcp.setBuffers(tcb, input.of([0, ...BUFFERS]), input.of([0, ...BUFFERS])),
  ({ machine, input }, _user, tcb) => {
    machine.stack.tcp.setTos(tcb, input.u8());
    machine.stack.tcp.setTtl(tcb, 1 + (input.u8() % 255));
  },
  ({ machine }, _user, tcb) => machine.stack.tcp.setQuickAck(tcb),
  ({ machine }, user, tcb) => {
    user.write(3);
    machine.stack.tcp.sendUrgent(tcb);
    machine.stack.tcp.urgentRemaining(tcb);
  },
];

/** To the next deadline, or just before or behind it. */
function toDeadline({ machine }: Program, argument: number): void {
  const { clock } = machine;
  const next = clock.nextDeadline();
  if (next === Infinity) return;
  const to = argument === 0 ? next : argument % 2 === 1 ? next + argument : next - argument;
  machine.advanceTo(Math.max(clock.now, Math.ceil(to)));
}

/** An ICMP message; errors quote one of the packets sent, perhaps damaged. */
function icmpStep({ machine, input, far }: Program, argument: number): void {
  const code = input.u8();
  const rest = input.of(MTUS);
  const which = input.u8();
  const quoted = machine.sent.at(-1 - (which & 15));
  const body = quoted === undefined ? input.block(60) : quoted.slice(0, (which & 0x10) === 0 ? 28 : 548);
  if ((which & 0x20) !== 0) body[input.u8() % Math.max(1, body.length)] ^= input.u8();
  const type = ICMP_TYPES[argument] as number;
  const message = { type, code: code & 15, rest: (code & 0x80) === 0 ? rest : rest << 16, body };
  const built = icmp(STACK_ADDRESS, message);
  if ((which & 0x40) !== 0) new DataView(built.packet.buffer).setUint32(12, far.address);
  machine.give((which & 0x40) !== 0 ? completed(built.packet) : built);
}

function rawTcp({ machine, input, far }: Program, argument: number): void {
  const bytes = input.block(80);
  const view = new DataView(bytes.buffer);
  if (bytes.length >= 4 && argument !== 7) {
    view.setUint16(0, far.port);
    view.setUint16(2, far.stackPort);
  }
  const tcb = machine.tcbOf(far);
  if (bytes.length >= 12 && tcb !== null && (argument & 1) === 0) {
    view.setInt32(4, view.getInt32(4) + tcb.rcv.nxt);
    view.setInt32(8, view.getInt32(8) + tcb.snd.nxt);
  }
  machine.give(ipAround(far.address, STACK_ADDRESS, PROTOCOL_TCP, bytes));
}

/** The latest packet again with one byte changed. */
function mutate({ machine, input }: Program): void {
  const last = machine.given.at(-1);
  if (last === undefined || last.packet.length === 0) return;
  const packet = last.packet.slice();
  packet[input.u16() % packet.length] ^= input.u8();
  machine.give(completed(packet, last.gsoSize));
}

function look({ machine, far }: Program): void {
  const { stack } = machine;
  stack.connections(true);
  stack.connectionBetween(`10.9.0.2:${far.stackPort}`, `10.9.0.1:${far.port}`);
  JSON.stringify(stack.tcp.stats);
  machine.check();
}

function wait({ machine }: Program, milliseconds: number): void {
  machine.advanceTo(machine.clock.now + Math.round(milliseconds * 1000));
}

const STEPS: readonly Step[] = [
  (program) => send(program, program.input.u8(), program.input),
  (program, argument) => send(program, FLAGS[argument] as number, program.input),
  honestStep,
  (program, argument) => {
    program.far = program.machine.farEnds[argument & 3] as FarEnd;
  },
  handshake,
  connect,
  ({ machine }, argument) => machine.listen(PORTS[argument >> 2] as number, BACKLOGS[argument & 3] as number),
  ({ machine }, argument) => {
    const listener = machine.listeners[argument % Math.max(1, machine.listeners.length)];
    if (listener !== undefined) machine.call(() => machine.accept(listener));
  },
  (program, argument) => call(program, (user) => user.write(SIZES[argument] as number)),
  (program, argument) => call(program, (user, tcb) => user.take(tcb, SIZES[argument] as number)),
  (program) => call(program, (_user, tcb) => program.machine.stack.tcp.shutdown(tcb)),
  (program) => call(program, (user) => user.close()),
  (program) => call(program, (_user, tcb) => program.machine.stack.tcp.abort(tcb)),
  (program, argument) => call(program, (user, tcb) => OPTIONS[argument]?.(program, user, tcb)),
  (program, argument) => {
    program.machine.behaviour = BEHAVIOURS[argument] as (typeof BEHAVIOURS)[number];
    const user = userOf(program);
    if (user !== undefined) user.behaviour = program.machine.behaviour;
  },
  (program, argument) => wait(program, SHORT_MS[argument] as number),
  (program, argument) => wait(program, LONG_MS[argument] as number),
  toDeadline,
  (program, argument) => {
    program.far.window = WINDOWS[argument] as number;
    honest(program, ACK);
  },
  icmpStep,
  rawTcp,
  ({ machine, input }) => {
    machine.give(completed(input.block(120)));
  },
  ({ machine, input }, argument) => {
    const last = machine.given.at(-1);
    if (last === undefined) return;
    for (const piece of fragments(last, input.u8(), input.u8() | argument)) machine.give(piece);
  },
  ({ machine }, argument) => {
    const earlier = machine.given.at(-1 - argument);
    if (earlier !== undefined) machine.give(earlier);
  },
  mutate,
  ({ machine }, argument) => machine.hold(argument + 2),
  ({ machine }, argument) => {
    if ((argument & 1) === 1) machine.device.block();
    else machine.call(() => machine.device.unblock());
  },
  ({ machine, input }) => machine.call(() => machine.stack.configure(input.of(CONFIGURATIONS).values)),
  look,
  ({ far }, argument) => far.restart(JUMPS[argument] as number),
  (program, argument) => {
    program.chosen = program.machine.users.length === 0 ? null : argument % program.machine.users.length;
  },
  ({ machine }, argument) => {
    const [listener] = machine.listeners.splice(argument % Math.max(1, machine.listeners.length), 1);
    if (listener !== undefined) machine.call(() => machine.stack.tcp.closeListener(listener));
  },
];

/** The number of a step in the table: for those who write seeds. */
export const STEP = {
  segment: 0,
  flags: 1,
  honest: 2,
  farEnd: 3,
  handshake: 4,
  connect: 5,
  listen: 6,
  accept: 7,
  write: 8,
  read: 9,
  shutdown: 10,
  close: 11,
  abort: 12,
  option: 13,
  behave: 14,
  wait: 15,
  waitLong: 16,
  deadline: 17,
  window: 18,
  icmp: 19,
  rawTcp: 20,
  rawIp: 21,
  fragment: 22,
  repeat: 23,
  mutate: 24,
  hold: 25,
  block: 26,
  configure: 27,
  look: 28,
  restart: 29,
  user: 30,
  closeListener: 31,
} as const;

const NAMES = Object.keys(STEP);

export function stepName(byte: number): string {
  return `${NAMES[byte & 31]} ${byte >> 5}`;
}

/** Carries out one step of the input. */
export function step(program: Program): void {
  const byte = program.input.u8();
  (STEPS[byte & 31] as Step)(program, byte >> 5);
}
