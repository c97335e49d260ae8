/** Every option: key, fields, kind of value, defaults of the three profiles, RFC and what it does. */

import type { TcpConfig } from '../tcp/tcp-config.ts';
import {
  ConfigError,
  type ConfigValue,
  choice,
  type FieldValue,
  nearest,
  numeric,
  onOff,
  portRange,
  sizes,
  type ValueKind,
  valueText,
} from './config-values.ts';

export { ConfigError, type ConfigValue } from './config-values.ts';

export const PROFILES = ['default', 'strict', 'linux'] as const;
/** `strict` keeps to the letter of the RFCs, `linux` to what Linux does. */
export type Profile = (typeof PROFILES)[number];

/** One row of the table. */
export interface ConfigOption {
  readonly key: string;
  /** The fields that it sets, in the order of the kind's values. */
  readonly fields: readonly (keyof TcpConfig)[];
  readonly kind: ValueKind;
  /** One default for all profiles, or three in the order of {@link PROFILES}. As people write it. */
  readonly defaults: string | readonly [string, string, string];
  /** In the house form `RFC nnnn §s`; empty where no RFC speaks of it. */
  readonly rfc: string;
  /** One sentence. */
  readonly text: string;
}

/** A key with its present value: what `fourwave config --json` prints. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
  readonly unit: string;
  readonly default: string;
  readonly rfc: string;
  readonly text: string;
}

const YEAR = 365 * 24 * 3600 * 1e6;
const time = (least: number, words: Readonly<Record<string, number>> = {}): ValueKind =>
  numeric('ms', least, YEAR, words);
const count = (least: number, most: number): ValueKind => numeric('count', least, most);
const bufferSizes = sizes(1024, 1024 ** 3);
const retries = count(0, 255);
const records = count(1, 10_000_000);
const MILLISECOND = 1000;

// biome-ignore format: table
export const CONFIG_OPTIONS: readonly ConfigOption[] = [
  { key: 'msl', fields: ['msl'], kind: time(MILLISECOND), defaults: ['30s', '2m', '30s'], rfc: 'RFC 9293 §3.4.2', text: 'maximum segment lifetime; TIME-WAIT lasts twice this' },
  { key: 'timeWait', fields: ['timeWait'], kind: onOff(), defaults: 'on', rfc: 'RFC 9293 §3.6.1', text: 'keep the TIME-WAIT state (off is for labs: it lets old segments into new connections)' },
  { key: 'timeWait.rfc1337', fields: ['timeWaitRfc1337'], kind: onOff(), defaults: ['on', 'on', 'off'], rfc: 'RFC 1337 §3', text: 'ignore resets in TIME-WAIT' },
  { key: 'timeWait.reuse', fields: ['timeWaitReuse'], kind: choice('off', 'isn', 'timestamps', 'both'), defaults: ['both', 'off', 'both'], rfc: 'RFC 6191 §2', text: 'what lets a new SYN take the place of a TIME-WAIT state' },
  { key: 'timeWait.max', fields: ['timeWaitMax'], kind: records, defaults: ['262144', '1048576', '131072'], rfc: 'RFC 9293 §3.6.1', text: 'TIME-WAIT states kept; beyond it the oldest leaves' },
  { key: 'finWait2', fields: ['finWait2'], kind: time(MILLISECOND, { off: Infinity }), defaults: ['60s', 'off', '60s'], rfc: 'RFC 9293 §3.6', text: 'how long FIN-WAIT-2 lasts when nobody reads any more' },

  { key: 'rto.initial', fields: ['rtoInitial'], kind: time(MILLISECOND), defaults: '1s', rfc: 'RFC 6298 §2', text: 'retransmission timeout before the first round-trip sample' },
  { key: 'rto.min', fields: ['rtoMin'], kind: time(MILLISECOND), defaults: ['200ms', '1s', '200ms'], rfc: 'RFC 6298 §2', text: 'least retransmission timeout, applied as rto.floor says' },
  { key: 'rto.max', fields: ['rtoMax'], kind: time(MILLISECOND), defaults: '2m', rfc: 'RFC 6298 §2', text: 'most that the retransmission timeout backs off to' },
  { key: 'rto.floor', fields: ['rtoFloor'], kind: choice('variance', 'whole'), defaults: ['variance', 'whole', 'variance'], rfc: 'RFC 6298 §2', text: 'variance: RTO = SRTT + max(rto.min, 4·RTTVAR); whole: RTO ≥ rto.min' },
  { key: 'retries.syn', fields: ['retriesSyn'], kind: retries, defaults: ['8', '8', '6'], rfc: 'RFC 9293 §3.8.3', text: 'SYNs sent again before an active open fails' },
  { key: 'retries.synAck', fields: ['retriesSynAck'], kind: retries, defaults: ['5', '8', '5'], rfc: 'RFC 9293 §3.8.3', text: 'SYN,ACKs sent again before a passive open is given up' },
  { key: 'retries.data', fields: ['retriesData'], kind: retries, defaults: '15', rfc: 'RFC 9293 §3.8.3', text: 'timeouts in a row before a connection fails (R2)' },
  { key: 'retries.orphan', fields: ['retriesOrphan'], kind: retries, defaults: '8', rfc: 'RFC 9293 §3.8.3', text: 'the same for a connection that the application has closed' },

  { key: 'ack.delay', fields: ['ackDelay'], kind: numeric('ms', 0, 499_999), defaults: ['40ms', '200ms', '40ms'], rfc: 'RFC 9293 §3.8.6.3', text: 'longest time an ACK waits for company; below 500 ms' },
  { key: 'ack.policy', fields: ['ackPolicy'], kind: choice('quick-start', 'delay'), defaults: ['quick-start', 'delay', 'quick-start'], rfc: 'RFC 5681 §4.2', text: 'quick-start: the first segments are acknowledged one by one; delay: every second one from the start' },
  { key: 'ack.stretch', fields: ['ackStretch'], kind: numeric('segments', 1, 64, { turn: 0 }), defaults: ['turn', '2', 'turn'], rfc: 'RFC 5681 §4.2', text: 'segments that one ACK covers at most; turn: one ACK for a batch that came together' },

  { key: 'iw', fields: ['initialWindow'], kind: numeric('segments', 1, 1000, { rfc5681: 0 }), defaults: ['10', 'rfc5681', '10'], rfc: 'RFC 6928 §2', text: 'initial congestion window in segments; rfc5681: 2 to 4 by the formula there' },
  { key: 'congestion', fields: ['congestion'], kind: choice('cubic', 'reno'), defaults: ['cubic', 'reno', 'cubic'], rfc: 'RFC 9438 §4', text: 'congestion control' },
  { key: 'hystart', fields: ['hystart'], kind: choice('off', 'classic', '++'), defaults: ['++', 'off', 'classic'], rfc: 'RFC 9406 §4', text: 'how slow start ends before the first loss' },
  { key: 'sack', fields: ['sack'], kind: onOff(), defaults: 'on', rfc: 'RFC 2018 §2', text: 'selective acknowledgements' },
  { key: 'dsack', fields: ['dsack'], kind: onOff(), defaults: ['on', 'off', 'on'], rfc: 'RFC 2883 §4', text: 'report duplicates in SACK blocks' },
  { key: 'rack', fields: ['rack'], kind: onOff(), defaults: ['on', 'off', 'on'], rfc: 'RFC 8985 §6', text: 'detect losses by time' },
  { key: 'tlp', fields: ['tlp'], kind: onOff(), defaults: ['on', 'off', 'on'], rfc: 'RFC 8985 §7', text: 'probe for a lost tail before the retransmission timeout' },
  { key: 'prr', fields: ['prr'], kind: onOff(), defaults: ['on', 'off', 'on'], rfc: 'RFC 9937 §6', text: 'reduce the window proportionally during recovery' },
  { key: 'frto', fields: ['frto'], kind: onOff(), defaults: ['on', 'off', 'on'], rfc: 'RFC 5682 §2', text: 'detect spurious retransmission timeouts' },
  { key: 'reordering', fields: ['reordering'], kind: count(1, 300), defaults: '3', rfc: 'RFC 5681 §3.2', text: 'duplicate ACKs that mean a loss' },
  { key: 'timestamps', fields: ['timestamps'], kind: onOff(), defaults: 'on', rfc: 'RFC 7323 §3', text: 'the timestamps option, and PAWS with it' },
  { key: 'wscale', fields: ['windowScale'], kind: onOff(), defaults: 'on', rfc: 'RFC 7323 §2', text: 'the window scale option' },
  { key: 'ecn', fields: ['ecn'], kind: choice('off', 'server', 'on'), defaults: ['server', 'off', 'server'], rfc: 'RFC 3168 §6.1', text: 'explicit congestion notification; server: only when the peer asks' },
  { key: 'tfo', fields: ['tfo'], kind: choice('off', 'client', 'server', 'on'), defaults: 'off', rfc: 'RFC 7413 §4', text: 'TCP Fast Open: data in the SYN, for which the server shows a cookie; it may be delivered twice' },
  { key: 'tfo.queue', fields: ['tfoQueue'], kind: count(0, 65_535), defaults: '256', rfc: 'RFC 7413 §5.1', text: 'fast opens of a listener whose handshake is not complete; beyond it data in a SYN is ignored' },
  { key: 'pacing', fields: ['pacing'], kind: onOff(), defaults: 'off', rfc: 'RFC 9438 §5', text: 'spread segments over the round-trip time' },
  { key: 'slowStartAfterIdle', fields: ['slowStartAfterIdle'], kind: onOff(), defaults: 'on', rfc: 'RFC 5681 §4.1', text: 'start slowly again after an idle RTO' },
  { key: 'push', fields: ['push'], kind: choice('queue', 'burst'), defaults: 'queue', rfc: 'RFC 9293 §3.9.1.2', text: 'where PSH is: on the last segment of what is queued; or of every burst too, for a receiver that gathers segments (GRO)' },
  { key: 'nagle', fields: ['nagle'], kind: onOff(), defaults: 'on', rfc: 'RFC 9293 §3.7.4', text: 'hold back small segments while data is unacknowledged' },

  { key: 'buffer.receive', fields: ['bufferReceiveMin', 'bufferReceiveStart', 'bufferReceiveMax'], kind: bufferSizes, defaults: ['4K/128K/6M', '128K', '4K/128K/6M'], rfc: 'RFC 9293 §3.8.6', text: 'receive buffer: min/start/max' },
  { key: 'buffer.send', fields: ['bufferSendMin', 'bufferSendStart', 'bufferSendMax'], kind: bufferSizes, defaults: ['4K/128K/4M', '128K', '4K/16K/4M'], rfc: 'RFC 9293 §3.8.6', text: 'send buffer: min/start/max' },
  { key: 'buffer.autoTuning', fields: ['bufferAutoTuning'], kind: onOff(), defaults: ['on', 'off', 'on'], rfc: '', text: 'buffers grow from start to max as the connection needs' },
  { key: 'buffer.total', fields: ['bufferTotal'], kind: numeric('bytes', 64 * 1024, 1024 ** 4), defaults: '512M', rfc: '', text: 'all buffers of all connections together' },

  { key: 'rfc5961', fields: ['rfc5961'], kind: onOff(), defaults: 'on', rfc: 'RFC 5961 §3', text: 'defences against blind attacks: challenge ACKs, stricter ACK check' },
  { key: 'challengeAck.limit', fields: ['challengeAckLimit'], kind: count(1, 100_000), defaults: '10', rfc: 'RFC 5961 §7', text: 'challenge ACKs for each connection and second' },
  { key: 'synQueue', fields: ['synQueue'], kind: count(1, 1_000_000), defaults: '1024', rfc: 'RFC 4987 §3.3', text: 'half-open connections that a listener keeps' },
  { key: 'synCookies', fields: ['synCookies'], kind: choice('cookies', 'drop', 'always'), defaults: ['cookies', 'drop', 'cookies'], rfc: 'RFC 4987 §3.6', text: 'what happens to a SYN when that queue is full; always: never keep any' },

  { key: 'keepalive', fields: ['keepAlive'], kind: onOff(), defaults: 'off', rfc: 'RFC 9293 §3.8.4', text: 'probe idle connections' },
  { key: 'keepalive.idle', fields: ['keepAliveIdle'], kind: time(MILLISECOND), defaults: '2h', rfc: 'RFC 9293 §3.8.4', text: 'idle time before the first probe' },
  { key: 'keepalive.interval', fields: ['keepAliveInterval'], kind: time(MILLISECOND), defaults: '75s', rfc: 'RFC 9293 §3.8.4', text: 'time between probes' },
  { key: 'keepalive.count', fields: ['keepAliveCount'], kind: count(1, 127), defaults: '9', rfc: 'RFC 9293 §3.8.4', text: 'unanswered probes before the connection fails' },
  { key: 'userTimeout', fields: ['userTimeout'], kind: time(MILLISECOND, { off: 0 }), defaults: 'off', rfc: 'RFC 9293 §3.8.3', text: 'how long sent data may stay unacknowledged; off: by retries.data' },

  { key: 'icmp.hard', fields: ['icmpHard'], kind: choice('opening', 'rfc1122'), defaults: ['opening', 'rfc1122', 'opening'], rfc: 'RFC 5927 §5.2', text: 'which ICMP errors end a connection; opening: only in SYN-SENT and SYN-RECEIVED' },
  { key: 'pmtud', fields: ['pmtud'], kind: choice('off', 'rfc1191', 'probing'), defaults: ['probing', 'rfc1191', 'rfc1191'], rfc: 'RFC 1191 §3', text: 'path MTU discovery; probing: also when ICMP is lost' },
  { key: 'closedPorts', fields: ['closedPorts'], kind: choice('reset', 'drop'), defaults: 'reset', rfc: 'RFC 9293 §3.10.7.1', text: 'what a segment to a closed port earns' },
  { key: 'synFin', fields: ['synFin'], kind: choice('syn', 'drop'), defaults: ['drop', 'syn', 'drop'], rfc: 'RFC 9293 §3.10.7.2', text: 'what happens to a SYN with FIN; syn: it opens, the FIN is ignored' },
  { key: 'ttl', fields: ['ttl'], kind: count(1, 255), defaults: '64', rfc: 'RFC 1122 §3.2.1.7', text: 'time to live of what we send' },
  { key: 'tos', fields: ['tos'], kind: count(0, 255), defaults: '0', rfc: 'RFC 1122 §3.2.1.6', text: 'type of service of what we send' },
  { key: 'mss', fields: ['mss'], kind: numeric('bytes', 88, 65_495, { auto: 0 }), defaults: 'auto', rfc: 'RFC 9293 §3.7.1', text: 'largest segment to offer; auto: from the MTU' },
  { key: 'ports', fields: ['ephemeralFirst', 'ephemeralLast'], kind: portRange(), defaults: ['32768-60999', '49152-65535', '32768-60999'], rfc: 'RFC 6056 §3.2', text: 'ports for active opens' },
  { key: 'connections.max', fields: ['connectionsMax'], kind: records, defaults: '65536', rfc: 'RFC 4987 §3.3', text: 'connections, TIME-WAIT and half-open ones not counted' },
  { key: 'orphans.max', fields: ['orphansMax'], kind: records, defaults: '8192', rfc: 'RFC 9293 §3.8.3', text: 'connections that no application holds any more' },

  { key: 'lab.handshake', fields: ['labHandshake'], kind: choice('three-way', 'two-way'), defaults: 'three-way', rfc: 'RFC 9293 §3.5', text: 'for labs: two-way believes the SYN alone' },
  { key: 'lab.isn', fields: ['labIsn'], kind: choice('keyed', 'fixed'), defaults: 'keyed', rfc: 'RFC 9293 §3.4.1', text: 'for labs: fixed initial sequence numbers' },
  { key: 'lab.splitSynAck', fields: ['labSplitSynAck'], kind: onOff(), defaults: 'off', rfc: 'RFC 9293 §3.5', text: 'for labs: answer a SYN with an ACK and a SYN apart' },
  { key: 'lab.finWithData', fields: ['labFinWithData'], kind: onOff(), defaults: 'off', rfc: 'RFC 9293 §3.6', text: 'for labs: the last data waits for the FIN, so that one segment carries both' },
];

const optionsByKey: ReadonlyMap<string, ConfigOption> = new Map(
  CONFIG_OPTIONS.map((option) => [option.key, option]),
);

/** The option called `key`. @throws ConfigError with the nearest key when there is none. */
export function configOption(key: string): ConfigOption {
  const option = optionsByKey.get(key);
  if (option !== undefined) return option;
  const guess = nearest(key, [...optionsByKey.keys()]);
  const hint = guess === null ? 'see "fourwave config" for all' : `did you mean "${guess}"?`;
  throw new ConfigError(key, `There is no option ${JSON.stringify(key)}: ${hint}`);
}

/**
 * The values of the option's fields: µs, bytes, counts, switches, words.
 * @throws ConfigError, one sentence that names the key, what was wrong and what is allowed.
 */
export function parseConfigValue(key: string, value: ConfigValue): FieldValue[] {
  const option = configOption(key);
  const parsed = option.kind.parse(valueText(option.kind, value));
  if (parsed !== null) return parsed;
  const given = typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw new ConfigError(key, `${option.key} must be ${option.kind.allowed}, not ${given}`);
}

/** The option's present value, as people write it. */
export function formatConfigValue(key: string, config: TcpConfig): string {
  const option = configOption(key);
  return option.kind.format(option.fields.map((field) => config[field]));
}

/** The default of an option in a profile, as people write it. */
export function defaultValue(option: ConfigOption, profile: Profile): string {
  return typeof option.defaults === 'string'
    ? option.defaults
    : (option.defaults[PROFILES.indexOf(profile)] as string);
}

/** A new configuration: `base` with some options changed. @throws ConfigError; then nothing is changed. */
export function applyConfig(base: TcpConfig, values: Readonly<Record<string, ConfigValue>>): TcpConfig {
  const fields: Partial<Record<keyof TcpConfig, FieldValue>> = { ...base };
  for (const [key, value] of Object.entries(values)) {
    const parsed = parseConfigValue(key, value);
    configOption(key).fields.forEach((field, index) => {
      fields[field] = parsed[index] as FieldValue;
    });
  }
  const config = fields as unknown as TcpConfig;
  checkTogether(config);
  return Object.freeze(config);
}

/** The configuration of a profile with some options changed. @throws ConfigError */
export function resolveConfig(
  profile: Profile = 'default',
  values: Readonly<Record<string, ConfigValue>> = {},
): TcpConfig {
  if (!PROFILES.includes(profile)) {
    throw new ConfigError(
      'profile',
      `profile must be ${PROFILES.slice(0, -1).join(', ')} or linux, not ${JSON.stringify(profile)}`,
    );
  }
  const defaults = Object.fromEntries(
    CONFIG_OPTIONS.map((option) => [option.key, defaultValue(option, profile)]),
  );
  return applyConfig({} as TcpConfig, { ...defaults, ...values });
}

/** Every option with its present value, in the order of the table. */
export function configEntries(config: TcpConfig, profile: Profile = 'default'): ConfigEntry[] {
  return CONFIG_OPTIONS.map((option) => ({
    key: option.key,
    value: formatConfigValue(option.key, config),
    unit: option.kind.unit,
    default: defaultValue(option, profile),
    rfc: option.rfc,
    text: option.text,
  }));
}

/** What no option can see alone. */
function checkTogether(config: TcpConfig): void {
  const most = formatConfigValue('rto.max', config);
  for (const [key, value] of [
    ['rto.min', config.rtoMin],
    ['rto.initial', config.rtoInitial],
  ] as const) {
    if (value <= config.rtoMax) continue;
    throw new ConfigError(
      key,
      `${key} (${formatConfigValue(key, config)}) must not be above rto.max (${most})`,
    );
  }
}
