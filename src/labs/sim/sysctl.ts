/** Linux's knobs as options of our stack, which stands in for Linux. */

import type { StackOptions } from '../lab.ts';
import { StageError } from '../stage.ts';

type Value = number | string;
type Translate = (value: Value) => StackOptions;

const onOff =
  (key: string): Translate =>
  (value) => ({ [key]: Number(value) === 0 ? 'off' : 'on' });
const plain =
  (key: string): Translate =>
  (value) => ({ [key]: String(value) });
const inSeconds =
  (key: string): Translate =>
  (value) => ({ [key]: `${value}s` });
const sizes =
  (key: string): Translate =>
  (value) => ({ [key]: String(value).trim().split(/\s+/).join('/') });
const nothing: Translate = () => ({});

/** 0 stands for 8 there. */
const ORPHAN_DEFAULT = 8;

const SYSCTLS: Readonly<Record<string, Translate>> = {
  tcp_timestamps: onOff('timestamps'),
  tcp_sack: onOff('sack'),
  tcp_dsack: onOff('dsack'),
  tcp_window_scaling: onOff('wscale'),
  tcp_fin_timeout: inSeconds('finWait2'),
  tcp_orphan_retries: (value) => ({ 'retries.orphan': Number(value) || ORPHAN_DEFAULT }),
  tcp_retries1: nothing,
  tcp_retries2: plain('retries.data'),
  tcp_syn_retries: plain('retries.syn'),
  tcp_synack_retries: plain('retries.synAck'),
  tcp_keepalive_time: inSeconds('keepalive.idle'),
  tcp_keepalive_intvl: inSeconds('keepalive.interval'),
  tcp_keepalive_probes: plain('keepalive.count'),
  tcp_max_tw_buckets: (value) =>
    Number(value) === 0 ? { timeWait: 'off' } : { timeWait: 'on', 'timeWait.max': String(value) },
  tcp_rfc1337: onOff('timeWait.rfc1337'),
  tcp_tw_reuse: nothing,
  tcp_slow_start_after_idle: onOff('slowStartAfterIdle'),
  tcp_congestion_control: plain('congestion'),
  tcp_rmem: sizes('buffer.receive'),
  tcp_wmem: sizes('buffer.send'),
  tcp_moderate_rcvbuf: onOff('buffer.autoTuning'),
  tcp_early_retrans: onOff('tlp'),
  tcp_recovery: onOff('rack'),
  tcp_frto: onOff('frto'),
  tcp_ecn: (value) => ({ ecn: ['off', 'on', 'server'][Number(value)] ?? 'server' }),
  tcp_syncookies: (value) => ({ synCookies: Number(value) === 0 ? 'drop' : 'cookies' }),
  tcp_max_syn_backlog: plain('synQueue'),
  tcp_abort_on_overflow: nothing,
  tcp_syn_linear_timeouts: nothing,
  tcp_mtu_probing: nothing,
  ip_local_port_range: (value) => ({ ports: String(value).trim().split(/\s+/).join('-') }),
};

/** @throws StageError for one that nobody has translated yet */
export function optionsOfSysctls(settings: Readonly<Record<string, Value>>): StackOptions {
  const options: StackOptions[] = Object.entries(settings).map(([key, value]) => {
    const translate = SYSCTLS[key];
    if (translate === undefined) {
      throw new StageError('ENOENT', `the simulated kernel knows no sysctl ${JSON.stringify(key)}`);
    }
    return translate(value);
  });
  return Object.assign({}, ...options) as StackOptions;
}
