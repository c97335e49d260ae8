/** Time that moves only when it is told to: for tests, simulators and embedders that own the clock. */

import { type Clock, NEVER } from './clock.ts';

/** What runs on a virtual clock: a stack, a simulated world. */
export interface ClockUser {
  /**
   * Absolute µs at which `runDue` wants to be called next, or NEVER. A time that is not after
   * `clock.now` means "something waits to be done now".
   */
  nextDeadline(): number;
  /** Does what is due at `clock.now`. It is called again until nothing is. */
  runDue(): void;
}

/** Rounds without time moving on after which a run is taken to be a loop. */
const ENDLESS_ROUNDS = 100_000;

/**
 * A clock shared by any number of stacks. `advanceTo` stops at every deadline of every user in due
 * order; at each stop all users are run, in the order of their registration, until nothing is due.
 */
export class VirtualClock implements Clock {
  /** µs. Moves only in {@link advanceTo}. */
  now: number;

  private readonly users: ClockUser[] = [];
  private settling = false;
  private advancing = false;

  constructor(start = 0) {
    if (!(start >= 0 && start < Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`a virtual clock starts between 0 and 2^53 µs, not at ${start}`);
    }
    this.now = start;
  }

  /** Runs `user` from now on. Registering twice is once. */
  register(user: ClockUser): void {
    if (!this.users.includes(user)) this.users.push(user);
  }

  /** Forgets `user`; nothing happens when it is not registered. */
  unregister(user: ClockUser): void {
    const place = this.users.indexOf(user);
    if (place >= 0) this.users.splice(place, 1);
  }

  /** The earliest deadline of all users, or NEVER; not before now. */
  nextDeadline(): number {
    return Math.max(this.earliest(), this.now);
  }

  /**
   * Runs all users until nothing is due now. Inside a run it does nothing: the run that is under
   * way goes on until nothing is due.
   *
   * @throws Error when a hundred thousand rounds at one moment have not been enough.
   */
  settle(): void {
    if (this.settling) return;
    this.settling = true;
    try {
      let rounds = 0;
      while (this.runRound()) {
        if (++rounds >= ENDLESS_ROUNDS) {
          throw new Error(
            `the virtual clock stands still at ${this.now} µs: something is due again and again`,
          );
        }
      }
    } finally {
      this.settling = false;
    }
  }

  /**
   * Lets time pass until `time` (absolute µs), stopping at each deadline on the way.
   *
   * @throws RangeError when `time` is in the past or no time at all.
   */
  advanceTo(time: number): void {
    if (!(time >= this.now && time < Infinity)) {
      throw new RangeError(`cannot advance the virtual clock from ${this.now} to ${time} µs`);
    }
    if (this.advancing || this.settling) {
      throw new Error('advanceTo was called from inside a turn: only the outside moves the clock');
    }
    this.advancing = true;
    try {
      this.settle();
      for (let next = this.earliest(); next <= time; next = this.earliest()) {
        if (next > this.now) this.now = next;
        this.settle();
      }
      this.now = time;
    } finally {
      this.advancing = false;
    }
  }

  /** Lets `duration` µs pass. */
  advanceBy(duration: number): void {
    this.advanceTo(this.now + duration);
  }

  /** One look at every user; true when something was due. */
  private runRound(): boolean {
    let ran = false;
    for (let i = 0; i < this.users.length; i++) {
      const user = this.users[i] as ClockUser;
      if (user.nextDeadline() <= this.now) {
        user.runDue();
        ran = true;
      }
    }
    return ran;
  }

  private earliest(): number {
    let earliest = NEVER;
    for (let i = 0; i < this.users.length; i++) {
      const deadline = (this.users[i] as ClockUser).nextDeadline();
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }
}

/** A virtual clock that stands at `start` µs. */
export function virtualClock(start = 0): VirtualClock {
  return new VirtualClock(start);
}
