/** Every number that a script names of a packet binds: off by one, the script fails at that line. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runScript } from '../../../src/drill/interpreter.ts';
import { parseScript } from '../../../src/drill/parser.ts';
import type { EventTime, Script, ScriptEvent, TcpLine, TcpOption } from '../../../src/drill/script.ts';

const FOLDER = join(import.meta.dirname, '../../conformance/drill');
/** More than the tolerance, less than what separates two events. */
const TOO_LATE = 5_000;

type Change = readonly [what: string, line: TcpLine, time: EventTime];

function changesOf({ body, time, line: place }: ScriptEvent): Change[] {
  if (body.kind !== 'packet' || body.direction !== 'out' || body.packet.protocol !== 'tcp') return [];
  const line = body.packet;
  const isSyn = line.flags.includes('S');
  const changes: Change[] = [['length', { ...line, length: line.length + 1 }, time]];
  // The number of our first SYN is the script's to choose, and another choice moves what follows.
  if (!isSyn) changes.push(['sequence number', { ...line, seq: (line.seq + 1) >>> 0 }, time]);
  if (line.ack !== null && line.flags.includes('.')) {
    changes.push(['ack', { ...line, ack: (line.ack + 1) >>> 0 }, time]);
  }
  if (line.win !== null) changes.push(['win', { ...line, win: line.win ^ 1 }, time]);
  // One flag of each packet: all have their turn.
  const flag = 'FSRP.UEW'.charAt(place % 8);
  const flags = line.flags.includes(flag) ? line.flags.replace(flag, '') : `${line.flags}${flag}`;
  changes.push([`flag ${flag}`, { ...line, flags }, time]);
  for (const [index, option] of (line.options ?? []).entries()) {
    const other = changedOption(option);
    const options = line.options?.map((each, place) => (place === index ? other : each)) ?? [];
    changes.push([`option ${option.kind}`, { ...line, options }, time]);
  }
  if (line.options !== null)
    changes.push(['more options', { ...line, options: [...line.options, { kind: 'nop' }] }, time]);
  if (time.kind === 'at') changes.push(['time', line, { ...time, start: time.start + TOO_LATE }]);
  return changes;
}

function changedOption(option: TcpOption): TcpOption {
  switch (option.kind) {
    case 'mss':
    case 'wscale':
      return { ...option, value: (option.value ?? 0) + 1 };
    case 'TS':
      return { ...option, ecr: (option.ecr ?? 0) + 1 };
    case 'sack':
      return { ...option, blocks: option.blocks.map(([from, to]) => [from, to + 1]) };
    case 'nop':
      return { kind: 'eol' };
    default:
      return { kind: 'nop' };
  }
}

function withChange(script: Script, event: ScriptEvent, [, packet, time]: Change): Script {
  const body = { kind: 'packet', direction: 'out', packet } as const;
  return {
    ...script,
    events: script.events.map((each) => (each === event ? { ...each, time, body } : each)),
  };
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.pkt'))) {
  test(`${file}: each field of each packet, changed, turns it red at its line`, () => {
    const script = parseScript(readFileSync(join(FOLDER, file), 'utf8'), file);
    assert.equal(runScript(script).failure, null);
    let count = 0;
    for (const event of script.events) {
      for (const change of changesOf(event)) {
        const { failure } = runScript(withChange(script, event, change));
        assert.equal(
          failure?.line,
          event.line,
          `line ${event.line}, ${change[0]}: ${failure?.message ?? 'it passed'}`,
        );
        count++;
      }
    }
    assert.ok(count > 0 || file === 'icmp-unreachable.pkt');
  });
}
