/**
 * Every header field of a segment and of the packet around it, at its boundary values: edits of a
 * segment that an honest peer could send. Used one by one and in pairs by test/conformance/attacks.
 */

import { pattern } from './pattern.ts';
import type { Outgoing, Testbed } from './peer.ts';
import { onesSum } from './segment.ts';

export interface Edit {
  readonly field: string;
  readonly name: string;
  /** In the pairs of an ordinary run; all are in those of a full one. */
  readonly few: boolean;
  /** Of the segment, before it is built. */
  readonly change?: (base: Outgoing, bed: Testbed) => Outgoing;
  /** Of the bytes, before the IP checksum is made right. */
  readonly patch?: (packet: Uint8Array) => void;
  /** Of the bytes at last. */
  readonly spoil?: (packet: Uint8Array) => void;
  /**
   * Whatever else is in the packet, nobody may believe it: IP drops it, TCP drops it, or it is for
   * neither and earns an ICMP error at most.
   */
  readonly refused?: 'by IP' | 'by TCP' | 'by nobody';
}

type Parts = Omit<Edit, 'field' | 'name' | 'few'>;

/** One edit for each value; those in `few` belong to every run. */
function edits<Value>(
  field: string,
  values: readonly Value[],
  few: readonly Value[],
  make: (value: Value) => Parts,
): Edit[] {
  return values.map((value) => ({
    field,
    name: `${field} ${JSON.stringify(value)}`,
    few: few.includes(value),
    ...make(value),
  }));
}

const HALF = 2 ** 31;

/** Sequence numbers around RCV.NXT and the window's right edge, acknowledgments around SND.NXT. */
function numberEdits(): Edit[] {
  const seq = [-HALF, -HALF + 1, -65_536, -2, -1, 0, 1, 2, 100, 65_534, 65_535, 65_536, HALF - 1];
  const ack = [-HALF, -HALF + 1, -65_536, -2, -1, 0, 1, 2, 65_536, HALF - 1];
  return [
    ...edits('seq', seq, [-HALF, -2, -1, 1, 100, 65_535, HALF - 1], (by) => ({
      change: (base, bed) => ({ ...base, seq: bed.peer.nxt + by }),
    })),
    ...edits('ack', ack, [-HALF, -65_536, -1, 0, 1, HALF - 1], (by) => ({
      change: (base, bed) => ({ ...base, ack: bed.peer.rcvNxt + by }),
    })),
  ];
}

function flagEdits(): Edit[] {
  const letters = ['F', 'S', 'R', 'A', 'P', 'U', 'E', 'C'];
  const flags = Array.from({ length: 256 }, (_, bits) =>
    letters.filter((_letter, bit) => ((bits >> bit) & 1) === 1).join(''),
  );
  const others = ['AP', 'FAP', 'AU', 'P', 'U', 'AE', 'AEC', 'SEC', 'FSRAPUEC'];
  const few = flags.filter((word) => /^[FSRA]*$/.test(word) || others.includes(word));
  return edits('flags', flags, few, (word) => ({ change: (base) => ({ ...base, flags: word }) }));
}

function fieldEdits(): Edit[] {
  const offsets = Array.from({ length: 16 }, (_, words) => words);
  return [
    ...edits('window', [0, 1, 0x7fff, 0x8000, 0xffff], [0, 1, 0x8000], (wnd) => ({
      change: (base) => ({ ...base, wnd }),
    })),
    ...edits('urgent pointer', [0, 1, 2, 0x7fff, 0x8000, 0xffff], [0, 1, 0xffff], (up) => ({
      change: (base) => ({ ...base, up, flags: base.flags.includes('U') ? base.flags : `${base.flags}U` }),
    })),
    ...edits('data', [1, 2, 536, 1460], [1, 1460], (data) => ({ change: (base) => ({ ...base, data }) })),
    ...edits('data offset', offsets, [0, 4, 6, 15], (dataOffset) => ({
      change: (base) => ({ ...base, dataOffset }),
      ...(dataOffset < 5 ? { refused: 'by TCP' as const } : {}),
    })),
    ...edits('reserved bits', [1, 2, 4, 8, 15], [15], (bits) => ({
      patch: (packet) => setReserved(packet, bits),
    })),
    ...edits('checksum', [1, 0x8000, 0xfffe], [1], (checksumError) => ({
      change: (base) => ({ ...base, checksumError }),
      refused: 'by TCP',
    })),
    ...edits('source port', [0, 1, 0xffff], [0, 1], (sourcePort) => ({
      change: (base) => ({ ...base, sourcePort }),
      ...(sourcePort === 0 ? { refused: 'by TCP' as const } : {}),
    })),
    ...edits('destination port', [0, 1, 0xffff], [0, 1], (destinationPort) => ({
      change: (base) => ({ ...base, destinationPort }),
      ...(destinationPort === 0 ? { refused: 'by TCP' as const } : {}),
    })),
  ];
}

/** The low nibble beside the data offset; the TCP checksum follows. */
function setReserved(packet: Uint8Array, bits: number): void {
  const tcp = ((packet[0] as number) & 0xf) * 4;
  const view = new DataView(packet.buffer);
  packet[tcp + 12] = (packet[tcp + 12] as number) | bits;
  const sum = view.getUint16(tcp + 16) - (bits << 8);
  view.setUint16(tcp + 16, sum < 0 ? sum + 0xffff : sum);
}

/** An end of list, each known kind cut short, with a length of 0 and 1, and of the right length; 255 as unknown. */
const FEW_OPTIONS = /^[01]?$|^0,255|^(2|3|4|5|8|255)(,[01])?$|^2,4,|^3,3,|^4,2$|^5,(10|34),|^8,10,|^255,6,/;

/** Every option kind with lengths that are right, short, long and absent. Two edits: two options. */
function optionEdits(): Edit[] {
  const all: number[][] = [[], [0], [1], [0, 255, 255, 255], new Array<number>(40).fill(1)];
  for (const kind of [2, 3, 4, 5, 8, 14, 19, 28, 30, 34, 200, 253, 255]) {
    all.push([kind]);
    for (const length of [0, 1, 2, 3, 4, 6, 10, 11, 18, 34, 40, 255]) {
      all.push([kind, length, ...new Array<number>(Math.min(38, Math.max(0, length - 2))).fill(0xff)]);
      all.push([1, 1, kind, length]);
    }
  }
  for (const shift of [0, 14, 15, 255]) all.push([3, 3, shift]);
  for (const mss of [0, 1, 47, 48, 535, 65_535]) all.push([2, 4, mss >> 8, mss & 0xff]);
  const few = all.filter((raw) => FEW_OPTIONS.test(raw.join()));
  return edits('option', all, few, (raw) => ({
    change: (base) => ({ ...base, options: {}, rawOptions: [...(base.rawOptions ?? []), ...raw] }),
  }));
}

/** Big-endian 16 bits into the IP header. */
function put16(at: number, value: number): (packet: Uint8Array) => void {
  return (packet) => new DataView(packet.buffer).setUint16(at, value);
}

function setFirstByte(version: number | null, words: number | null): (packet: Uint8Array) => void {
  return (packet) => {
    const first = packet[0] as number;
    packet[0] = ((version ?? first >> 4) << 4) | (words ?? first & 0xf);
  };
}

function ipEdits(): Edit[] {
  const byIp = { refused: 'by IP' } as const;
  const maybe = (refused: boolean): Parts => (refused ? byIp : {});
  return [
    ...edits('version', [0, 5, 6, 15], [6], (version) => ({
      patch: setFirstByte(version, null),
      ...byIp,
    })),
    ...edits('header length', [0, 1, 4, 5, 6, 15], [0, 4, 6], (words) => ({
      patch: setFirstByte(null, words),
      ...maybe(words < 5),
    })),
    ...edits('total length', [0, 19, 20, 39, 40, 41, 0xffff], [0, 20, 39, 0xffff], (length) => ({
      patch: put16(2, length),
      ...maybe(length < 20 || length === 0xffff),
    })),
    // DF, MF and offsets in units of eight bytes.
    ...edits(
      'fragment',
      [0x2000, 0x2001, 1, 2, 0x1fff, 0x3fff, 0x4000, 0x8000],
      [0x2000, 1, 0x1fff],
      (bits) => ({
        patch: put16(6, bits),
        ...maybe((bits & 0x3fff) !== 0),
      }),
    ),
    ...edits('ttl', [0, 1, 255], [0], (ttl) => ({ change: (base) => ({ ...base, ttl }) })),
    ...edits('type of service', [1, 2, 3, 255], [3], (tos) => ({ change: (base) => ({ ...base, tos }) })),
    ...edits('protocol', [0, 1, 4, 17, 255], [1, 17], (protocol) => ({
      patch: (packet) => packet.fill(protocol, 9, 10),
      refused: 'by nobody',
    })),
    ...edits('IP checksum', [1, 0x8000], [1], (error) => ({
      spoil: (packet) => put16(10, new DataView(packet.buffer).getUint16(10) ^ error)(packet),
      ...byIp,
    })),
    ...addressEdits(),
    ...ipOptionEdits(),
  ];
}

function addressEdits(): Edit[] {
  const martians = [
    '0.0.0.0',
    '127.0.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '10.9.0.255',
    '10.9.0.2',
  ];
  const others = ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '10.9.0.255', '10.9.0.3'];
  return [
    ...edits('source', martians, ['127.0.0.1', '10.9.0.2'], (source) => ({
      change: (base) => ({ ...base, source }),
      refused: 'by IP',
    })),
    ...edits('destination', others, ['224.0.0.1', '10.9.0.3'], (destination) => ({
      change: (base) => ({ ...base, destination }),
      refused: 'by IP',
    })),
  ];
}

function ipOptionEdits(): Edit[] {
  const lists = [
    [1, 1, 1, 0],
    [7, 7, 4, 0, 0, 0, 0, 0],
    [7, 0, 4, 0],
    [7, 1, 4, 0],
    [131, 7, 4, 10, 9, 0, 1, 0],
    [0x94, 4, 0, 0],
    [0x94, 9, 0, 0],
    [1, 1, 1, 7],
  ];
  const few = [lists[0], lists[2], lists[4]] as number[][];
  return edits('IP options', lists, few, (ipOptions) => ({ change: (base) => ({ ...base, ipOptions }) }));
}

/** All of them. */
export const EDITS: readonly Edit[] = [
  ...numberEdits(),
  ...flagEdits(),
  ...fieldEdits(),
  ...optionEdits(),
  ...ipEdits(),
];

/** The packet that `base` becomes. Bytes of data fit their place in the peer's stream. */
export function edited(bed: Testbed, base: Outgoing, chosen: readonly Edit[]): Uint8Array {
  let out = base;
  for (const { change } of chosen) if (change !== undefined) out = change(out, bed);
  // Timestamps take ten bytes of the forty.
  const room = bed.peer.timestamps ? 30 : 40;
  if (out.rawOptions !== undefined) out = { ...out, rawOptions: out.rawOptions.slice(0, room) };
  if (typeof out.data === 'number') {
    const start = (out.seq ?? bed.peer.nxt) - (out.flags.includes('S') ? 0 : 1);
    out = { ...out, data: pattern(start, out.data) };
  }
  const packet = bed.peer.build(out);
  for (const { patch } of chosen) patch?.(packet);
  const header = packet.subarray(0, Math.min(packet.length, ((packet[0] as number) & 0xf) * 4));
  put16(10, 0)(packet);
  put16(10, ~onesSum(header) & 0xffff)(packet);
  for (const { spoil } of chosen) spoil?.(packet);
  return packet;
}
