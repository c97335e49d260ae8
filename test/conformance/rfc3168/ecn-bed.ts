/** Connections that have agreed on explicit congestion notification. */

import assert from 'node:assert/strict';
import type { ConfigValue } from '../../../src/stack/config.ts';
import type { Application } from '../../support/application.ts';
import { type Sent, type Testbed, testbed } from '../../support/peer.ts';
import type { TcpOptions } from '../../support/segment.ts';

export const MSS = 1000;
export const NOT_ECT = 0;
export const ECT_1 = 1;
export const ECT_0 = 2;
export const CE = 3;

/** The ECN field of a packet of the stack. */
export const ecnOf = ({ tos }: Sent): number => tos & 3;

/** A congestion control whose every step can be told in whole numbers, and no timers but RFC 6298's. */
const PLAIN: Record<string, ConfigValue> = {
  congestion: 'reno',
  hystart: 'off',
  pacing: 'off',
  tlp: 'off',
  iw: 10,
  nagle: 'off',
};

export interface EcnConnection {
  readonly bed: Testbed;
  readonly app: Application;
}

export interface EcnOptions {
  readonly config?: Record<string, ConfigValue>;
  /** Of the peer's SYN. */
  readonly syn?: TcpOptions;
  /** TSval of the peer's SYN; every segment of its carries the option, then. */
  readonly tsVal?: number;
  /** Of the handshake, ms: the first sample. Default 0. */
  readonly rtt?: number;
}

/** A passive open, in three segments; nothing is left to be looked at. */
export function ecnConnection({ config = {}, syn = {}, tsVal, rtt = 0 }: EcnOptions = {}): EcnConnection {
  const bed = testbed({ config: { ...PLAIN, ...config } });
  const { peer } = bed;
  bed.listen(7);
  if (tsVal !== undefined) {
    peer.timestamps = true;
    peer.tsOffset = tsVal;
  }
  peer.send({ flags: 'SEC', options: { mss: MSS, ...syn } });
  peer.expect({ flags: 'SAE', ack: 1, tos: 0 });
  bed.advance(rtt);
  peer.send({ flags: 'A' });
  peer.expectNothing();
  const [app] = bed.accepted;
  assert.ok(app);
  return { bed, app };
}

/** The same with SACK, whose recovery is RACK's. */
export function sackConnection(config: Record<string, ConfigValue> = {}, rtt = 0): EcnConnection {
  return ecnConnection({ config, syn: { sackPermitted: true, wscale: 7 }, rtt });
}

export const cwr = ({ flags }: Sent): boolean => flags.includes('C');
/** SND.UNA of the stack, relative. */
export const una = ({ tcb }: Application): number => tcb.snd.una - tcb.snd.iss;

/** ACKs the next `segments` segments one by one, with these flags. */
export function ackEach({ bed, app }: EcnConnection, segments: number, flags: string): void {
  for (let i = 0; i < segments; i++) bed.peer.send({ flags, ack: una(app) + MSS });
}

/** Three duplicate ACKs, which tell of SACKed segments behind the first if the peer has SACK. */
export function threeDuplicates({ bed, app }: EcnConnection, flags = 'A'): void {
  const start = una(app);
  for (let right = 2; right <= 4; right++) {
    const sack = [[start + MSS, start + right * MSS]] as const;
    bed.peer.send({
      flags,
      ack: start,
      ...(app.tcb.handshake.sackAgreed ? { options: { sack } } : {}),
    });
  }
}
