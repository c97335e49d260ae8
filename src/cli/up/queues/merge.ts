/** What several workers say about their parts, as one stack would say it. */

import type { RuleInfo } from '../../../faults/faults.ts';
import type { ConnectionRecord } from '../../../stack/connection-record.ts';
import type { ReasonCount, Stats } from '../../render/stats.ts';

/** Listeners first, one for each address and port; then connections in the order in which they came. */
export function mergeConnections(parts: readonly (readonly ConnectionRecord[])[]): ConnectionRecord[] {
  const listeners = new Map<string, ConnectionRecord>();
  const connections: ConnectionRecord[] = [];
  for (const record of parts.flat()) {
    if (record.state !== 'LISTEN') {
      connections.push(record);
      continue;
    }
    const other = listeners.get(record.local);
    listeners.set(record.local, other === undefined ? record : sumOfListeners(other, record));
  }
  const order = ({ id }: ConnectionRecord): number => Number(id.slice(1));
  connections.sort((a, b) => order(a) - order(b));
  return [...listeners.values(), ...connections];
}

/** Each worker has its own queues, as with SO_REUSEPORT; the backlog is that of each. */
function sumOfListeners(a: ConnectionRecord, b: ConnectionRecord): ConnectionRecord {
  return {
    ...a,
    recvQ: a.recvQ + b.recvQ,
    synQueue: (a.synQueue ?? 0) + (b.synQueue ?? 0),
    acceptQueue: (a.acceptQueue ?? 0) + (b.acceptQueue ?? 0),
  };
}

/** Sums; listeners are counted once. */
export function mergeStats(parts: readonly Stats[]): Stats {
  const [first] = parts as [Stats];
  const tables = sum(parts.map((part) => part.tables));
  return {
    totals: sum(parts.map((part) => part.totals)),
    tables: {
      ...tables,
      ...('listeners' in tables ? { listeners: first.tables['listeners'] as number } : {}),
    },
    reasons: first.reasons.map((reason: ReasonCount, code) => ({
      ...reason,
      count: parts.reduce((count, part) => count + (part.reasons[code]?.count ?? 0), 0),
    })),
  };
}

function sum(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) total[name] = (total[name] ?? 0) + value;
  }
  return total;
}

/** Every worker has every rule, under the same number; what is left of `times` is for all together. */
export function mergeRules(parts: readonly (readonly RuleInfo[])[]): RuleInfo[] {
  const [first = []] = parts;
  return first.map((rule) => {
    const same = parts.flatMap((part) => part.filter(({ number }) => number === rule.number));
    const hits = same.reduce((sum, { hits }) => sum + hits, 0);
    const over = same.find((one) => one.over !== null)?.over ?? null;
    return { ...rule, hits, over };
  });
}
