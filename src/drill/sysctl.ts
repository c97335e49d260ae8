/** Command blocks are not run. The switches of the kernel that scripts turn in them are turned here. */

type Translation = (value: string) => Readonly<Record<string, string>>;

const onOff =
  (key: string): Translation =>
  (value) => ({ [key]: value === '0' ? 'off' : 'on' });
const same =
  (key: string, unit = ''): Translation =>
  (value) => ({ [key]: `${value}${unit}` });
const oneOf =
  (key: string, values: Readonly<Record<string, string>>): Translation =>
  (value) =>
    Object.hasOwn(values, value) ? { [key]: values[value] as string } : {};
const sizes =
  (key: string): Translation =>
  (value) => ({ [key]: value.trim().split(/\s+/).join('/') });

const SYSCTLS: Readonly<Record<string, Translation>> = {
  tcp_sack: onOff('sack'),
  tcp_dsack: onOff('dsack'),
  tcp_timestamps: onOff('timestamps'),
  tcp_window_scaling: onOff('wscale'),
  tcp_slow_start_after_idle: onOff('slowStartAfterIdle'),
  tcp_rfc1337: onOff('timeWait.rfc1337'),
  tcp_moderate_rcvbuf: onOff('buffer.autoTuning'),
  tcp_frto: onOff('frto'),
  tcp_recovery: (value) => ({ rack: (Number(value) & 1) === 1 ? 'on' : 'off' }),
  tcp_early_retrans: (value) => ({ tlp: Number(value) >= 3 ? 'on' : 'off' }),
  tcp_ecn: oneOf('ecn', { 0: 'off', 1: 'on', 2: 'server' }),
  tcp_congestion_control: oneOf('congestion', { reno: 'reno', cubic: 'cubic' }),
  tcp_reordering: same('reordering'),
  tcp_syn_retries: same('retries.syn'),
  tcp_synack_retries: same('retries.synAck'),
  tcp_retries2: same('retries.data'),
  tcp_orphan_retries: same('retries.orphan'),
  tcp_keepalive_time: same('keepalive.idle', 's'),
  tcp_keepalive_intvl: same('keepalive.interval', 's'),
  tcp_keepalive_probes: same('keepalive.count'),
  tcp_fin_timeout: same('finWait2', 's'),
  tcp_max_syn_backlog: same('synQueue'),
  tcp_syncookies: oneOf('synCookies', { 0: 'drop', 1: 'cookies', 2: 'always' }),
  tcp_mtu_probing: oneOf('pmtud', { 0: 'rfc1191', 1: 'probing', 2: 'probing' }),
  tcp_rmem: sizes('buffer.receive'),
  tcp_wmem: sizes('buffer.send'),
};

const ASSIGNMENT = /\bnet[./]ipv4[./](\w+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;'"]+))/g;

/** Options of this stack that a command would have changed in the kernel. */
export function configOfCommand(command: string): Record<string, string> {
  const config: Record<string, string> = {};
  for (const [, name, double, single, plain] of command.matchAll(ASSIGNMENT)) {
    const translate = Object.hasOwn(SYSCTLS, name as string) ? SYSCTLS[name as string] : undefined;
    if (translate !== undefined) Object.assign(config, translate(double ?? single ?? (plain as string)));
  }
  return config;
}
