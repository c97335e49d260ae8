/** OPEN, RFC 9293 §3.10.1: active and passive. */

import { SEQ_ZERO, seqAdd } from '../../base/seq.ts';
import type { TcpContext } from '../context.ts';
import { type ConnectionOwner, type ListenerOwner, TcpError } from '../events.ts';
import { applyConfig, enterTables } from '../lifecycle.ts';
import { Listener } from '../listener.ts';
import { prepareOffer } from '../negotiate.ts';
import { KIND_TIME_WAIT, type Tcb } from '../tcb.ts';
import type { TcpConfig } from '../tcp-config.ts';
import { transition } from '../transitions.ts';

/** An active OPEN. Addresses are int32. */
export interface OpenOptions {
  /** 0 = IP chooses (MUST-44). */
  readonly localAddress: number;
  /** 0 = an ephemeral port. */
  readonly localPort: number;
  readonly peerAddress: number;
  readonly peerPort: number;
  readonly reuseAddress?: boolean;
  /** TCP Fast Open: what is sent before the SYN goes out may travel in it, where `tfo` allows it (RFC 7413). */
  readonly fastOpen?: boolean;
  /** Default: what is configured now. */
  readonly config?: TcpConfig;
}

/** A passive OPEN. */
export interface ListenOptions {
  /** int32; 0 = every address of ours. */
  readonly address: number;
  /** 0 = an ephemeral port. */
  readonly port: number;
  /** Connections that may wait for `accept`. */
  readonly backlog: number;
  /** SO_REUSEADDR: may start while a connection of an older listener, which had it too, is in TIME-WAIT. */
  readonly reuseAddress?: boolean;
  readonly config?: TcpConfig;
}

/**
 * An active OPEN: the block is in SYN-SENT, its SYN goes out in phase 4.
 *
 * @throws TcpError EINVAL, ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE, ENOBUFS
 */
export function openActive(context: TcpContext, options: OpenOptions, owner: ConnectionOwner): Tcb {
  const { peerAddress, peerPort } = options;
  if (peerPort < 1 || peerPort > 0xffff)
    throw new TcpError('EINVAL', 'the port to connect to must be 1 to 65535');
  if (!context.network.isValidDestination(peerAddress)) {
    throw new TcpError('ENETUNREACH', 'connections can only be made to unicast addresses (MUST-46)');
  }
  const localAddress =
    options.localAddress === 0 ? context.network.sourceFor(peerAddress) : options.localAddress;
  if (localAddress === 0 || !context.network.isLocal(localAddress)) {
    throw new TcpError('EADDRNOTAVAIL', 'the local address is not one of this stack');
  }
  const config = options.config ?? context.config;
  if (context.connections >= config.connectionsMax)
    throw new TcpError('ENOBUFS', 'the connection table is full');
  const localPort = chooseLocalPort(context, localAddress, options);

  const tcb = context.newBlock();
  tcb.config = config;
  tcb.owner = owner;
  tcb.id = context.takeId();
  tcb.reuseAddress = options.reuseAddress ?? false;
  tcb.handshake.fastOpenAsked = options.fastOpen === true && mayOpenFast(config);
  tcb.localAddress = localAddress;
  tcb.localPort = localPort;
  tcb.peerAddress = peerAddress;
  tcb.peerPort = peerPort;
  tcb.flow = context.flows.add(localAddress, peerAddress, localPort, peerPort);
  enterTables(context, tcb);
  applyConfig(tcb);
  prepareOffer(tcb);
  tcb.timestamps.offset = context.secrets.timestampOffset(localAddress, peerAddress);
  const fixed = config.labIsn === 'fixed';
  tcb.snd.iss = context.secrets.initialSequence(localAddress, peerAddress, localPort, peerPort, fixed);
  tcb.snd.una = tcb.snd.iss;
  tcb.snd.nxt = tcb.snd.iss;
  tcb.sendBuffer.start = seqAdd(tcb.snd.iss, 1);
  tcb.rcv.nxt = SEQ_ZERO;
  if (context.trace !== null) context.trace.connectionOpened(tcb);
  transition(tcb, 'CLOSED', 'active OPEN', 'SYN-SENT');
  context.markReady(tcb);
  return tcb;
}

function mayOpenFast(config: TcpConfig): boolean {
  return config.tfo === 'client' || config.tfo === 'on';
}

function chooseLocalPort(context: TcpContext, localAddress: number, options: OpenOptions): number {
  const { peerAddress, peerPort } = options;
  if (options.localPort === 0) return ephemeralPort(context, localAddress, options);
  const taken = context.flows.find(localAddress, peerAddress, options.localPort, peerPort);
  if (taken >= 0) throw new TcpError('EADDRNOTAVAIL', 'this connection exists already, or is in TIME-WAIT');
  const { siblings } = context;
  if (siblings !== null && !siblings.owns(localAddress, peerAddress, options.localPort, peerPort))
    throw new TcpError('EADDRNOTAVAIL', 'a flow from this port to this peer belongs to another queue');
  return options.localPort;
}

/** RFC 6056 §3.3.4: from a place that the destination's own key and counter give, the next free port (C20). */
function ephemeralPort(context: TcpContext, localAddress: number, options: OpenOptions): number {
  const { ephemeralFirst, ephemeralLast } = options.config ?? context.config;
  const count = ephemeralLast - ephemeralFirst + 1;
  const { peerAddress, peerPort } = options;
  const { siblings } = context;
  for (let tries = 0; tries < count; tries++) {
    const next = context.secrets.nextSourcePort(localAddress, peerAddress, peerPort);
    const port = ephemeralFirst + (next % count);
    if (context.listeners.hasPort(port)) continue;
    if (siblings !== null && !siblings.owns(localAddress, peerAddress, port, peerPort)) continue;
    if (context.flows.find(localAddress, peerAddress, port, peerPort) < 0) return port;
  }
  throw new TcpError('EADDRNOTAVAIL', 'every local port toward this peer is in use or in TIME-WAIT');
}

/**
 * A passive OPEN.
 *
 * @throws TcpError EADDRINUSE, EADDRNOTAVAIL, EINVAL
 */
export function openPassively(context: TcpContext, options: ListenOptions, owner: ListenerOwner): Listener {
  const { address } = options;
  if (options.port < 0 || options.port > 0xffff) throw new TcpError('EINVAL', 'a port is 0 to 65535');
  if (address !== 0 && !context.network.isLocal(address)) {
    throw new TcpError('EADDRNOTAVAIL', 'the address to listen on is not one of this stack');
  }
  const port = options.port === 0 ? freeListeningPort(context, address) : options.port;
  const reuse = options.reuseAddress ?? true;
  if (context.listeners.conflicts(address, port))
    throw new TcpError('EADDRINUSE', 'another listener has this port');
  if (portIsHeld(context, address, port, reuse)) {
    throw new TcpError(
      'EADDRINUSE',
      'a connection on this port was left without SO_REUSEADDR on both listeners',
    );
  }
  const config = options.config ?? context.config;
  const listener = new Listener(context.nextListener++, address, port, config, context.trace);
  listener.backlog = options.backlog;
  listener.reuseAddress = reuse;
  listener.owner = owner;
  context.listeners.add(listener);
  transition(listener, 'CLOSED', 'passive OPEN', 'LISTEN');
  return listener;
}

function freeListeningPort(context: TcpContext, address: number): number {
  const { ephemeralFirst, ephemeralLast } = context.config;
  const count = ephemeralLast - ephemeralFirst + 1;
  const held = heldPorts(context, address);
  for (let tries = 0; tries < count; tries++) {
    const port = ephemeralFirst + (context.nextPort++ % count);
    if (!context.listeners.hasPort(port) && held[port] === 0) return port;
  }
  throw new TcpError('EADDRINUSE', 'no port is free to listen on');
}

/** One pass over all connections, however many ports are asked about: 1 where a listener may not be. */
function heldPorts(context: TcpContext, address: number): Uint8Array {
  const held = new Uint8Array(0x10000);
  const { flows } = context;
  for (let flow = 0; flow < flows.limit; flow++) {
    if (holds(context, flow, address, false)) held[flows.localPort(flow)] = 1;
  }
  return held;
}

/**
 * Linux's rule: a connection that is left on the port, in TIME-WAIT or open, forbids a new listener
 * unless both it (inherited from its own socket) and the new one have SO_REUSEADDR.
 */
function portIsHeld(context: TcpContext, address: number, port: number, reuse: boolean): boolean {
  const { flows } = context;
  for (let flow = 0; flow < flows.limit; flow++) {
    if (flows.isUsed(flow) && flows.localPort(flow) === port && holds(context, flow, address, reuse))
      return true;
  }
  return false;
}

function holds(context: TcpContext, flow: number, address: number, reuse: boolean): boolean {
  const { flows } = context;
  if (!flows.isUsed(flow) || (address !== 0 && flows.localAddress(flow) !== address)) return false;
  return flowForbids(context, flow, reuse);
}

function flowForbids(context: TcpContext, flow: number, reuse: boolean): boolean {
  const index = context.flows.indexOf(flow);
  if (context.flows.kindOf(flow) === KIND_TIME_WAIT) return !reuse || !context.timeWait.reuseOf(index);
  const tcb = context.blocks[index];
  // An active OPEN from this port does not forbid to listen on it (MUST-42).
  if (tcb?.passive === false) return false;
  return !reuse || tcb?.reuseAddress === false;
}
