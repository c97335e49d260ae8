/** The script's calls: started, asked again while they wait, and judged when they return. */

import { ERRNO, type ErrnoName, PosixError } from '../posix/errno.ts';
import { CallContext, CallError, textOf } from './call-context.ts';
import { type Running, startCall } from './calls.ts';
import { DrillFailure, secondsText } from './failure.ts';
import type { Flows } from './flows.ts';
import type { Setting, SystemCall } from './script.ts';
import type { World } from './world.ts';

/** A call that waits. */
interface Waiting {
  readonly call: SystemCall;
  readonly line: number;
  readonly running: Running;
  /** µs of the script. */
  readonly end: number;
  readonly deadline: number;
  error: Error | null;
}

/** How long the end of a call is waited for beyond its time. */
const PATIENCE = 24 * 3600 * 1_000_000;
const CALLS_THAT_MAKE = new Set(['socket', 'accept', 'accept4']);

export class SocketCalls {
  private readonly world: World;
  private readonly context: CallContext;
  private readonly tolerance: number;
  private waiting: Waiting | null = null;
  /** The call whose failure is being reported. */
  private failed: Waiting | null = null;

  constructor(world: World, flows: Flows, setting: Setting) {
    this.world = world;
    this.tolerance = setting.tolerance;
    this.context = new CallContext(world.posix, flows, setting);
  }

  /** @param end - when it returns, µs of the script; null: at once. */
  start(call: SystemCall, line: number, end: number | null): void {
    const running = startCall(this.context, call);
    const begun = this.world.now;
    const outcome = attempt(running);
    if (outcome !== null) {
      this.judge(call, running, outcome);
      this.checkEnd(call, end);
      return;
    }
    if (end === null) {
      throw new DrillFailure(`${call.name} waits, and the script has no time for its end: write START...END`);
    }
    const deadline = begun + (running.timeout ?? Infinity);
    this.waiting = { call, line, running, end, deadline, error: null };
  }

  /** Something may have changed: asks the call that waits. Never throws: its failure comes with {@link finish}. */
  ask(): void {
    const { waiting } = this;
    if (waiting === null || waiting.error !== null) return;
    try {
      const outcome = attempt(waiting.running) ?? (this.world.now >= waiting.deadline ? 0 : null);
      if (outcome === null) return;
      this.judge(waiting.call, waiting.running, outcome);
      this.checkEnd(waiting.call, waiting.end);
      this.waiting = null;
    } catch (error) {
      waiting.error = error as Error;
    }
  }

  /** When the call that waits ends by itself: time must not jump over it. */
  get deadline(): number {
    const { waiting } = this;
    return waiting === null || waiting.error !== null ? Infinity : waiting.deadline;
  }

  /** Lets the call that waits come to its end. */
  finish(): void {
    const { waiting } = this;
    if (waiting === null) return;
    const over = (): boolean => this.waiting === null || waiting.error !== null;
    const limit = Math.max(waiting.end, this.world.now) + PATIENCE;
    if (!over()) this.world.advanceTo(limit, over);
    if (this.waiting === null) return;
    this.failed = waiting;
    this.waiting = null;
    if (waiting.error !== null) throw waiting.error;
    throw new DrillFailure(
      `${waiting.call.name} should return at ${secondsText(waiting.end)} sec and never did`,
    );
  }

  /** The line of the call that `error` is about, when that is not the line that runs now. */
  lineOf(error: unknown): number | null {
    if (this.failed === null) return null;
    return this.failed.error === null || this.failed.error === error ? this.failed.line : null;
  }

  private checkEnd(call: SystemCall, end: number | null): void {
    const { now } = this.world;
    if (end === null || Math.abs(now - end) <= this.tolerance) return;
    throw new DrillFailure(
      `timing error: expected ${call.name} to return at ${secondsText(end)} sec ` +
        `but it returned at ${secondsText(now)} sec`,
    );
  }

  /** @throws DrillFailure, CallError when the result or what was written is not the script's */
  private judge(call: SystemCall, running: Running, outcome: number | PosixError): void {
    const { result, errno } = call;
    const expected = errno === null ? textOf(result) : `-1 ${errno}`;
    if (outcome instanceof PosixError) {
      const same = errno !== null && ERRNO[errno as ErrnoName] === outcome.errno;
      if (same || (result.kind === 'any' && errno === null)) return;
      throw new DrillFailure(`${call.name} returned -1 ${outcome.code}, not ${expected}`);
    }
    if (!fits(call, outcome)) throw new DrillFailure(`${call.name} returned ${outcome}, not ${expected}`);
    running.check?.();
  }
}

function fits({ name, result, errno }: SystemCall, outcome: number): boolean {
  if (errno !== null) return false;
  if (result.kind === 'any') return true;
  if (result.kind !== 'integer') throw new CallError(`${name} returns a number, not ${textOf(result)}`);
  // The number of a new descriptor is the script's to choose.
  return CALLS_THAT_MAKE.has(name) ? result.value >= 0 : result.value === outcome;
}

/** The result, the error of the socket, or null when the call waits. */
function attempt(running: Running): number | null | PosixError {
  try {
    return running.attempt();
  } catch (error) {
    if (error instanceof PosixError) return error;
    throw error;
  }
}
