/**
 * The applications of a recording in a run that goes another way: each connection's calls in their
 * order, and each waits until it can do what it did. They read what they read, write what they wrote,
 * and close when they have done so and the peer has closed if it had then.
 */

import type { ConfigValue } from '../stack/config.ts';
import { performOn } from '../stack/replay-calls.ts';
import type { Stack } from '../stack/stack.ts';
import type { ListenerAdjustments, ListenOptions, OpenOptions } from '../tcp/engine.ts';
import type { ConnectionOwner, ListenerOwner } from '../tcp/events.ts';
import type { Listener } from '../tcp/listener.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { endsOf, type UserCall } from './user-call.ts';

const NOBODY: ConnectionOwner & ListenerOwner = { connectionEvents() {}, connectionsWaiting() {} };

interface Task extends UserCall {
  /** Bytes still to be read or written. */
  left: number;
}

export class Users {
  private readonly stack: Stack;
  private readonly listeners = new Map<number, Listener>();
  private readonly connections = new Map<string, Tcb>();
  /** By both ends of the connection. */
  private readonly tasks = new Map<string, Task[]>();

  constructor(stack: Stack) {
    this.stack = stack;
  }

  call(call: UserCall): void {
    if (call.refused) return;
    try {
      this.begin(call);
    } catch (error) {
      this.tolerate(error);
    }
  }

  /** What waited and can be done now. */
  goOn(): void {
    for (const [ends, tasks] of this.tasks) {
      this.acceptAll();
      const tcb = this.connections.get(ends);
      if (tcb !== undefined) this.work(tcb, tasks);
      if (tasks.length === 0) this.tasks.delete(ends);
    }
  }

  private begin(call: UserCall): void {
    const { tcp } = this.stack;
    switch (call.name) {
      case 'listen': {
        const listener = tcp.listen(call.detail as ListenOptions, NOBODY);
        this.listeners.set(listener.port, listener);
        return;
      }
      case 'closeListener': {
        const listener = this.listeners.get(call.port);
        this.listeners.delete(call.port);
        if (listener !== undefined) tcp.closeListener(listener);
        return;
      }
      case 'adjustListener': {
        const listener = this.listeners.get(call.port);
        if (listener !== undefined) tcp.adjustListener(listener, call.detail as ListenerAdjustments);
        return;
      }
      case 'connect': {
        const tcb = tcp.connect(call.detail as OpenOptions, NOBODY);
        if (call.ends !== null) this.connections.set(call.ends, tcb);
        return;
      }
      case 'accept':
        this.acceptAll();
        return;
      case 'configure':
        this.stack.configure(call.detail as Record<string, ConfigValue>);
        return;
      case 'closeEverything':
        void this.stack.close();
        return;
      default:
        this.add(call);
    }
  }

  private add(call: UserCall): void {
    if (call.ends === null) return;
    const tasks = this.tasks.get(call.ends) ?? [];
    tasks.push({ ...call, left: call.bytes });
    this.tasks.set(call.ends, tasks);
    const tcb = this.connections.get(call.ends);
    if (tcb !== undefined) this.work(tcb, tasks);
    if (tasks.length === 0) this.tasks.delete(call.ends);
  }

  private acceptAll(): void {
    for (const listener of this.listeners.values()) {
      while (listener.acceptQueue.length > 0) {
        const tcb = this.stack.tcp.accept(listener, NOBODY);
        if (tcb !== null) this.connections.set(endsOf(tcb), tcb);
      }
    }
  }

  private work(tcb: Tcb, tasks: Task[]): void {
    for (let task = tasks[0]; task !== undefined; task = tasks[0]) {
      try {
        if (!this.isDone(tcb, task)) return;
      } catch (error) {
        this.tolerate(error);
      }
      tasks.shift();
    }
  }

  private isDone(tcb: Tcb, task: Task): boolean {
    const { tcp } = this.stack;
    const over = tcb.state === 'CLOSED';
    switch (task.name) {
      case 'receive':
        task.left -= task.left === 0 ? 0 : performOn(tcp, tcb, 'receive', task.left);
        return task.left === 0 || over;
      case 'send': {
        const bytes = task.detail as Uint8Array;
        if (task.left > 0) {
          task.left -= performOn(tcp, tcb, 'send', bytes.subarray(task.bytes - task.left, task.bytes));
        }
        return task.left === 0 || over;
      }
      default:
        if (task.peerClosed && !tcb.peerClosed && !over) return false;
        performOn(tcp, tcb, task.name, task.detail);
        return true;
    }
  }

  /** What the stack refuses now it refuses. */
  private tolerate(error: unknown): void {
    const { name } = error as Error;
    if (name !== 'TcpError' && name !== 'ConfigError') throw error;
  }
}
