/** What an input chooses among. Limits are small, so that they are reached. */

import type { ConfigValue, Profile } from '../../../src/stack/config.ts';

export interface Configuration {
  readonly profile: Profile;
  readonly offload: 'off' | 'tso4';
  readonly mtu: number;
  readonly values: Readonly<Record<string, ConfigValue>>;
  /** What looks on: the event log, every event of which is told as text; a tape, which is played at the end. */
  readonly watch?: 'log' | 'tape';
}

/** Nobody waits for ever: the leak check at the end needs every connection to be over some day. */
const ENDS = { finWait2: '60s' } as const;

const of = (
  values: Readonly<Record<string, ConfigValue>>,
  more: Partial<Omit<Configuration, 'values'>> = {},
): Configuration => ({
  profile: 'default',
  offload: 'off',
  mtu: 1500,
  ...more,
  values: { ...ENDS, ...values },
});

/** Inputs name these by number: a change here changes what they mean. */
export const CONFIGURATIONS: readonly Configuration[] = [
  of({}),
  of({}, { profile: 'strict' }),
  of({}, { profile: 'linux' }),
  of({}, { offload: 'tso4' }),
  of({ sack: 'off', timestamps: 'off', wscale: 'off', rack: 'off', tlp: 'off', frto: 'off' }),
  of({ 'buffer.total': '64K', 'buffer.receive': '4K', 'buffer.send': '4K', 'buffer.autoTuning': 'off' }),
  of({ 'connections.max': 2, 'orphans.max': 1, synQueue: 1, 'timeWait.max': 1 }),
  of({ synQueue: 1, synCookies: 'always', timestamps: 'off' }),
  of({ synQueue: 1, synCookies: 'drop', 'ack.policy': 'delay', 'ack.stretch': 2 }, { mtu: 576 }),
  of({ ecn: 'on', congestion: 'reno', iw: 'rfc5681', prr: 'off' }),
  of({ rfc5961: 'off', 'timeWait.rfc1337': 'off', 'icmp.hard': 'rfc1122', synFin: 'syn' }),
  of({ keepalive: 'on', 'keepalive.idle': '5s', 'keepalive.interval': '1s', userTimeout: '20s' }),
  of({ 'rto.min': '1ms', 'rto.max': '2s', 'retries.data': 3, 'retries.syn': 1, nagle: 'off' }),
  of({ pacing: 'on', hystart: 'classic', mss: 88, slowStartAfterIdle: 'off' }, { profile: 'linux' }),
  of({ timeWait: 'off', closedPorts: 'drop', pmtud: 'off' }, { mtu: 68 }),
  of({ 'buffer.total': '64K', 'buffer.receive': '4K/32K/64K', 'buffer.send': '32K' }),
  of({}, { watch: 'log' }),
  of({ ecn: 'on', keepalive: 'on', 'keepalive.idle': '10s' }, { watch: 'tape' }),
  of({ 'lab.isn': 'fixed', 'lab.splitSynAck': 'on', 'lab.finWithData': 'on' }),
  of({ pmtud: 'rfc1191', 'timeWait.reuse': 'off', msl: '1s', dsack: 'off' }, { offload: 'tso4', mtu: 9000 }),
];
