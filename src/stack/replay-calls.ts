/** The calls of a recording, made again. */

import type { CallName } from '../tcp/call-tape.ts';
import type { Adjustments, KeepAliveOptions, TcpEngine } from '../tcp/engine.ts';
import type { Tcb } from '../tcp/tcb.ts';
import { RecordingError } from './tape-format.ts';

/** Makes a call on a connection. Returns the bytes that `send` or `receive` took. */
export function performOn(engine: TcpEngine, tcb: Tcb, name: CallName, detail: unknown): number {
  switch (name) {
    case 'send': {
      const bytes = detail as Uint8Array;
      return engine.send(tcb, bytes, 0, bytes.length);
    }
    case 'sendOwned': {
      const bytes = detail as Uint8Array;
      return engine.sendOwned(tcb, bytes, 0, bytes.length);
    }
    case 'receive': {
      const count = Math.min(detail as number, tcb.readable);
      if (count > 0) engine.discard(tcb, count);
      return count;
    }
    case 'shutdown':
      engine.shutdown(tcb);
      return 0;
    case 'close':
      engine.close(tcb);
      return 0;
    case 'abort':
      engine.abort(tcb);
      return 0;
    case 'option':
      performOption(engine, tcb, detail as [string, unknown]);
      return 0;
    default:
      throw new RecordingError(`has a call ${name} that this version does not know`);
  }
}

type SetOption = (engine: TcpEngine, tcb: Tcb, value: unknown) => void;

const OPTIONS: Readonly<Record<string, SetOption>> = {
  shutRead: (engine, tcb) => {
    engine.shutRead(tcb);
  },
  noDelay: (engine, tcb, on) => {
    engine.setNoDelay(tcb, on as boolean);
  },
  cork: (engine, tcb, on) => {
    engine.setCork(tcb, on as boolean);
  },
  keepAlive: (engine, tcb, options) => {
    engine.setKeepAlive(tcb, options as KeepAliveOptions);
  },
  userTimeout: (engine, tcb, timeout) => {
    engine.setUserTimeout(tcb, timeout as number);
  },
  buffers: (engine, tcb, sizes) => {
    const [receive, send] = sizes as [number, number];
    engine.setBuffers(tcb, receive, send);
  },
  tos: (engine, tcb, tos) => {
    engine.setTos(tcb, tos as number);
  },
  ttl: (engine, tcb, ttl) => {
    engine.setTtl(tcb, ttl as number);
  },
  quickAck: (engine, tcb) => {
    engine.setQuickAck(tcb);
  },
  adjust: (engine, tcb, changes) => {
    engine.adjust(tcb, changes as Adjustments);
  },
  urgent: (engine, tcb) => {
    engine.sendUrgent(tcb);
  },
};

function performOption(engine: TcpEngine, tcb: Tcb, [option, value]: [string, unknown]): void {
  const set = Object.hasOwn(OPTIONS, option) ? OPTIONS[option] : undefined;
  if (set === undefined) throw new RecordingError(`sets an option ${option} that this version does not know`);
  set(engine, tcb, value);
}
