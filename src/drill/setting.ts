/** What a script's options mean, and which of the kernel's switches are known here by another name. */

import { PROFILES, type Profile, parseConfigValue } from '../stack/config.ts';
import { parseAddress } from '../wire/address.ts';
import type { Scanner } from './scanner.ts';
import type { ScriptOption, Setting } from './script.ts';

const DEFAULTS: Setting = {
  localAddress: '192.168.0.1',
  remoteAddress: '192.0.2.1',
  bindPort: 8080,
  connectPort: 8080,
  mtu: 1500,
  tolerance: 4000,
  tick: null,
  profile: 'linux',
  config: {},
};

type Draft = { -readonly [Key in keyof Setting]: Setting[Key] } & { config: Record<string, string> };

/** Headers of IP and TCP without options: what `--mss` leaves out of the MTU. */
const HEADERS = 40;
const LEAST_MTU = 68;

/** Options that a test on a real network needs, and this one does not. */
const WITHOUT_EFFECT = new Set(
  (
    'speed gateway_ip netmask_ip local_linklayer non_fatal persistent_tun_dev wire_client wire_server ' +
    'wire_client_dev wire_server_dev wire_server_ip wire_server_port verbose strict_segments send_omit_free ' +
    'init_scripts dry_run tun_dev debug code_command code_format code_sockopt is_anyip tolerance_percent'
  ).split(' '),
);

type Setter = (draft: Draft, value: string) => string | null;

function inRange(
  key: 'bindPort' | 'connectPort' | 'mtu' | 'tolerance' | 'tick',
  least: number,
  most: number,
): Setter {
  return (draft, value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= least && number <= most)) return `a number between ${least} and ${most}`;
    draft[key] = number;
    return null;
  };
}

function address(key: 'localAddress' | 'remoteAddress'): Setter {
  return (draft, value) => {
    const dotted = value.replace(/\/\d+$/, '');
    if (parseAddress(dotted) === null) return 'an IPv4 address such as 192.0.2.1 (IPv6 is not supported)';
    draft[key] = dotted;
    return null;
  };
}

const SETTERS: Readonly<Record<string, Setter>> = {
  local_ip: address('localAddress'),
  remote_ip: address('remoteAddress'),
  bind_port: inRange('bindPort', 1, 65_535),
  local_port: inRange('bindPort', 1, 65_535),
  connect_port: inRange('connectPort', 1, 65_535),
  mtu: inRange('mtu', LEAST_MTU, 65_535),
  mss: (draft, value) => inRange('mtu', LEAST_MTU, 65_535)(draft, String(Number(value) + HEADERS)),
  tolerance_usecs: inRange('tolerance', 0, 10_000_000),
  tcp_ts_tick_usecs: (draft, value) => {
    const problem = inRange('tick', 0, 1_000_000)(draft, value);
    if (draft.tick === 0) draft.tick = null;
    return problem;
  },
  ip_version: (_, value) => (value === 'ipv4' ? null : 'ipv4: IPv6 is not supported'),
  config: (draft, value) => setConfig(draft, value),
  profile: (draft, value) => setConfig(draft, `profile=${value}`),
};

/** `key=value`; the key `profile` is the profile. */
function setConfig(draft: Draft, assignment: string): string | null {
  const [, key, value] = /^([\w.]+)=(.+)$/.exec(assignment) ?? [];
  if (key === undefined || value === undefined) return 'KEY=VALUE such as congestion=reno';
  if (key === 'profile') {
    if (!(PROFILES as readonly string[]).includes(value)) return `profile=${PROFILES.join(', ')}`;
    draft.profile = value as Profile;
    return null;
  }
  try {
    parseConfigValue(key, value);
  } catch (error) {
    return `a known option: ${(error as Error).message}`;
  }
  draft.config[key] = value;
  return null;
}

/** The setting of a script, and sentences about options without effect. */
export function readOptions(
  scanner: Scanner,
  options: readonly ScriptOption[],
): { setting: Setting; notices: string[] } {
  const draft: Draft = { ...DEFAULTS, config: {} };
  const notices: string[] = [];
  for (const { name, value, offset } of options) {
    const setter = Object.hasOwn(SETTERS, name) ? SETTERS[name] : undefined;
    if (setter === undefined) {
      if (!WITHOUT_EFFECT.has(name)) scanner.fail(`there is no option --${name}`, offset);
      notices.push(`--${name} has no effect`);
      continue;
    }
    const expected = setter(draft, value);
    if (expected !== null)
      scanner.fail(`--${name} expected ${expected}, not ${JSON.stringify(value)}`, offset);
  }
  return { setting: draft, notices };
}
