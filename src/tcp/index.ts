/** `fourwave/tcp`: the names that the calls and events of `stack.tcp` need. docs/raw-api.md tells how. */

export {
  type Adjustments,
  type KeepAliveOptions,
  type ListenerAdjustments,
  type ListenOptions,
  type OpenOptions,
  ReceivedPiece,
  type TcpEngine,
  type TcpStats,
} from './engine.ts';
export * from './events.ts';
export type { Listener } from './listener.ts';
export type { State } from './state.ts';
export type { Tcb } from './tcb.ts';
