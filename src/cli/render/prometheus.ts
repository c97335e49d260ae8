/**
 * `fourwave stats --prometheus`: the text exposition format. Names by Prometheus' convention: what is
 * measured, then its unit, `_total` for what only grows.
 */

import type { Stats } from './stats.ts';

/** Our number → the metric's name and what it says. */
const TOTALS: Readonly<Record<string, readonly [metric: string, help: string]>> = {
  packetsReceived: ['received_packets_total', 'IP packets taken from the device.'],
  bytesReceived: ['received_bytes_total', 'Bytes of these packets, headers included.'],
  packetsSent: ['sent_packets_total', 'IP packets given to the device; a super-packet is one.'],
  bytesSent: ['sent_bytes_total', 'Bytes of these packets, headers included.'],
  segmentsReceived: ['tcp_received_segments_total', 'TCP segments received; a super-packet is many.'],
  segmentsSent: ['tcp_sent_segments_total', 'TCP segments sent; a super-packet is many.'],
  turns: ['turns_total', 'Times that the stack has had something to do.'],
};
const TABLES: Readonly<Record<string, readonly [metric: string, help: string]>> = {
  connections: ['tcp_connections', 'Connections with a control block of their own.'],
  timeWait: ['tcp_time_wait_connections', 'Connections in TIME-WAIT.'],
  synReceived: ['tcp_syn_received_connections', 'Connections in the SYN queues.'],
  orphans: ['tcp_orphaned_connections', 'Connections whose application has closed.'],
  flows: ['tcp_flows', 'Four-tuples in use, in whatever state.'],
  listeners: ['tcp_listeners', 'Ports that are listened on.'],
  timers: ['tcp_timer_rows', 'Connections that may have timers.'],
  memory: ['tcp_buffer_bytes', 'Memory of all send and receive buffers.'],
};
const REASONS = 'verdicts_total';

export function statsPrometheus(stats: Stats): string {
  const lines = [...family(stats.totals, TOTALS, 'counter'), ...family(stats.tables, TABLES, 'gauge')];
  lines.push(...head(REASONS, 'Packets and segments by the reason given for their fate.', 'counter'));
  for (const { name, layer, count } of stats.reasons) {
    lines.push(`fourwave_${REASONS}{reason="${name}",layer="${layer}"} ${count}`);
  }
  return lines.join('\n');
}

function family(
  numbers: Readonly<Record<string, number>>,
  known: Readonly<Record<string, readonly [metric: string, help: string]>>,
  type: 'counter' | 'gauge',
): string[] {
  return Object.entries(numbers).flatMap(([name, value]) => {
    const [metric, help] = known[name] ?? [snakeCase(name) + (type === 'counter' ? '_total' : ''), name];
    return [...head(metric, help, type), `fourwave_${metric} ${value}`];
  });
}

function head(metric: string, help: string, type: string): string[] {
  return [`# HELP fourwave_${metric} ${help}`, `# TYPE fourwave_${metric} ${type}`];
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
