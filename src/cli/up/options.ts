/** The arguments of `fourwave up`, checked. */

import type { ServiceName } from '../../apps/services.ts';
import { PROFILES, type Profile, resolveConfig } from '../../stack/config.ts';
import { parseSize } from '../../stack/config-values.ts';
import * as check from '../arguments.ts';
import { notBuilt, usage } from '../errors.ts';

/** As commander gives them. */
export interface UpFlags {
  readonly tun: string;
  readonly address: readonly string[];
  readonly peer: string;
  readonly mtu: string;
  readonly netns?: string;
  readonly device: string;
  readonly offload: string;
  readonly gro?: boolean;
  readonly queues: string;
  readonly steering: string;
  readonly profile: string;
  readonly set: readonly string[];
  readonly msl?: string;
  readonly congestion?: string;
  readonly user?: string;
  readonly linger?: string;
  readonly allowInject?: boolean;
  readonly busyPoll?: boolean;
  readonly services: string;
  readonly www?: string;
  readonly fault: readonly string[];
  readonly seed?: string;
  readonly log?: string;
  readonly pcapng?: string;
  readonly record?: string;
  readonly recordMax: string;
  readonly inspect: string;
  readonly control?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface UpOptions {
  readonly tun: string;
  readonly address: readonly string[];
  readonly peer: check.Prefix;
  readonly mtu: number;
  readonly netns: string | null;
  readonly device: 'tun' | 'tuntap2';
  readonly offload: 'auto' | 'csum' | 'off';
  /** The kernel puts segments together before its TCP looks at them. */
  readonly gro: boolean;
  /** One worker for each, when there are several. */
  readonly queues: number;
  /** How packets find the queue of their flow, when there are several: `ring` leaves the kernel out of it. */
  readonly steering: 'auto' | 'ring';
  readonly profile: Profile;
  readonly config: Readonly<Record<string, string>>;
  readonly user: string | null;
  /** ms that connections get to finish; 0: they are reset. */
  readonly linger: number;
  readonly services: readonly ServiceName[];
  readonly www: string | null;
  /** Lines of the fault language. */
  readonly fault: readonly string[];
  /** Of the faults, and of nothing else. */
  readonly seed: number;
  /** A raw socket on the kernel's side is kept for forged segments. */
  readonly allowInject: boolean;
  readonly log: string | null;
  readonly pcapng: string | null;
  readonly record: string | null;
  /** Bytes of recording at most. */
  readonly recordMax: number;
  /** A core is spent on asking for packets all the time. */
  readonly busyPoll: boolean;
  readonly control: string | null;
  readonly json: boolean;
  readonly quiet: boolean;
}

const DEFAULT_ADDRESS = '10.9.0.2';
const DEFAULT_SEED = 1;
const MAX_QUEUES = 16;
export const DEFAULT_TUN = 'fw0';

/** @throws CliError or ConfigError, before anything is opened */
export function upOptions(flags: UpFlags): UpOptions {
  const address = flags.address.length === 0 ? [DEFAULT_ADDRESS] : flags.address;
  const peer = check.prefix(flags.peer, '--peer');
  const options: UpOptions = {
    tun: check.interfaceName(flags.tun),
    address: address.map((one) => check.address(one, '--address')),
    peer,
    mtu: check.mtu(flags.mtu),
    netns: flags.netns === undefined ? null : check.namespaceName(flags.netns),
    device: check.oneOf(flags.device, '--device', ['tun', 'tuntap2']),
    offload: check.oneOf(flags.offload, '--offload', ['auto', 'csum', 'off']),
    gro: flags.gro === true,
    queues: check.integer(flags.queues, '--queues', 1, MAX_QUEUES),
    steering: check.oneOf(flags.steering, '--steering', ['auto', 'ring']),
    profile: check.oneOf(flags.profile, '--profile', PROFILES),
    config: configOf(flags),
    user: flags.user === undefined ? null : check.named(flags.user, '--user'),
    linger: flags.linger === undefined ? 0 : check.duration(flags.linger, '--linger') / 1000,
    services: check.services(flags.services),
    www: flags.www === undefined ? null : check.named(flags.www, '--www'),
    fault: flags.fault.map((rule) => check.faultLine(rule, '--fault')),
    seed: flags.seed === undefined ? DEFAULT_SEED : check.integer(flags.seed, '--seed', 0, 2 ** 32 - 1),
    allowInject: flags.allowInject === true,
    log: namedOf(flags.log, '--log'),
    pcapng: namedOf(flags.pcapng, '--pcapng'),
    record: namedOf(flags.record, '--record'),
    recordMax: recordMaxOf(flags.recordMax),
    busyPoll: busyPollOf(flags),
    control: flags.control === undefined ? null : check.socketPath(flags.control),
    json: flags.json === true,
    quiet: flags.quiet === true,
  };
  checkAddresses(options);
  checkDevice(flags);
  if (options.record !== null && options.queues > 1)
    throw usage('--record is for one stack: it cannot be together with --queues above 1');
  // The only place that knows which values every option takes.
  resolveConfig(options.profile, options.config);
  refuseUnbuilt(flags);
  return options;
}

function checkAddresses({ address, peer }: UpOptions): void {
  check.hostWithin(peer.address, '--peer', peer);
  address.forEach((one, index) => {
    if (one === peer.address) {
      throw usage(`--peer is the kernel's address and --address ours: both cannot be ${one}`);
    }
    check.hostWithin(one, '--address', peer);
    if (address.indexOf(one) < index) throw usage(`--address ${one} is given twice: once is enough`);
  });
}

/** The package makes its interface by itself, here, and knows one kind. */
function checkDevice(flags: UpFlags): void {
  if (flags.device !== 'tuntap2') return;
  const ignored: [boolean, string][] = [
    [flags.tun !== DEFAULT_TUN, '--tun'],
    [flags.netns !== undefined, '--netns'],
    [flags.user !== undefined, '--user'],
    [flags.allowInject === true, '--allow-inject'],
    [flags.gro === true, '--gro'],
    [Number(flags.queues) > 1, '--queues above 1'],
  ];
  for (const [given, what] of ignored) {
    if (given) throw usage(`${what} is for --device tun: tuntap2 cannot do that`);
  }
}

function configOf(flags: UpFlags): Record<string, string> {
  const values = check.assignments(flags.set);
  if (flags.msl !== undefined) check.assign(values, 'msl', flags.msl);
  if (flags.congestion !== undefined) check.assign(values, 'congestion', flags.congestion);
  return values;
}

function namedOf(text: string | undefined, what: string): string | null {
  return text === undefined ? null : check.named(text, what);
}

/** The header alone takes some. */
const LEAST_RECORDING = 64 * 1024;

function recordMaxOf(text: string): number {
  const bytes = parseSize(text);
  if (bytes === null || bytes < LEAST_RECORDING || bytes > Number.MAX_SAFE_INTEGER) {
    throw usage(`--record-max must be a size of at least 64K, such as 256M, not ${JSON.stringify(text)}`);
  }
  return bytes;
}

function busyPollOf({ busyPoll, device }: UpFlags): boolean {
  if (busyPoll !== true) return false;
  if (device !== 'tun')
    throw usage('--busy-poll reads the TUN itself: it cannot be used with --device tuntap2');
  return true;
}

function refuseUnbuilt(flags: UpFlags): void {
  if (flags.inspect !== 'off') throw notBuilt('--inspect');
}
