/**
 * Goodput of bulk transfers in virtual time, against the table in golden/throughput.json. A cell that has
 * changed for the better is a change, too: `npm run sim -- --golden` writes the table anew.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference, differences, goldenOf, readGolden } from './support/golden.ts';
import { allCells, type Cell, nameOf } from './support/throughput.ts';

const CHEAP = [
  'cubic, 0 % loss, 20 ms, bdp queue, 0 % reordered',
  'cubic, 0 % loss, 100 ms, large queue, 0 % reordered',
  'cubic, 1 % loss, 20 ms, bdp queue, 0 % reordered',
  'cubic, 1 % loss, 100 ms, bdp queue, 0 % reordered',
  'cubic, 1 % loss, 100 ms, bdp queue, 3 % reordered',
  'cubic, 5 % loss, 20 ms, bdp queue, 3 % reordered',
  'cubic, 5 % loss, 300 ms, bdp queue, 0 % reordered',
  'cubic, 10 % loss, 100 ms, bdp queue, 0 % reordered',
  'reno, 1 % loss, 100 ms, bdp queue, 0 % reordered',
  'reno, 5 % loss, 300 ms, bdp queue, 3 % reordered',
];

/** Not yet lost in chance, and few enough losses that the formula knows all of them: Mathis et al., 1997. */
function mathis({ loss, rtt }: Cell): number {
  return (1448 * 8 * Math.sqrt(3 / (2 * (loss / 100)))) / (rtt * 1000);
}

const full = process.env['FOURWAVE_FULL'] === '1';

test(`the throughput table: ${full ? 'all of it' : `${CHEAP.length} of its cells`}`, () => {
  const cells = allCells().filter((cell) => full || CHEAP.includes(nameOf(cell)));
  assert.ok(full || cells.length === CHEAP.length, 'a cell of the short run is not in the table');
  const changed = differences(cells);
  assert.equal(
    changed.length,
    0,
    `\n${changed.join('\n')}\nIf that is meant: npm run sim -- --golden writes the table anew\n`,
  );
});

/** Without losses, with few and many, with and without reordering. */
const WITH_SUPER_PACKETS = [
  'cubic, 0 % loss, 100 ms, large queue, 0 % reordered',
  'cubic, 1 % loss, 20 ms, bdp queue, 0 % reordered',
  'cubic, 5 % loss, 20 ms, bdp queue, 3 % reordered',
  'cubic, 10 % loss, 100 ms, bdp queue, 0 % reordered',
  'reno, 1 % loss, 100 ms, bdp queue, 0 % reordered',
];

test(`a device that takes super-packets and cuts them changes nothing: ${WITH_SUPER_PACKETS.length} cells`, () => {
  const cells = allCells().filter((cell) => WITH_SUPER_PACKETS.includes(nameOf(cell)));
  assert.equal(cells.length, WITH_SUPER_PACKETS.length);
  assert.deepEqual(differences(cells, 'tso4'), []);
});

test('every cell of the table is there, and has a band', () => {
  const golden = readGolden();
  assert.deepEqual(Object.keys(golden), allCells().map(nameOf));
  for (const [name, { goodput, band }] of Object.entries(golden)) {
    assert.ok(goodput > 0 && band >= 0.1 && band < 1, name);
  }
});

test('the table is plausible: 0.1 and 1 % loss give what the response functions of Reno and CUBIC say', () => {
  const golden = readGolden();
  for (const cell of allCells()) {
    if (cell.loss < 0.1 || cell.loss > 1 || cell.queue !== 'bdp') continue;
    const expected = mathis(cell);
    // Where the line, or the queue of a few packets, is the limit, loss is not what decides.
    if (expected > 30) continue;
    const ratio = (golden[nameOf(cell)]?.goodput ?? 0) / expected;
    // RFC 9438 §5.1: CUBIC takes more than Reno where the round trip is long and losses are rare.
    const most = cell.congestion === 'cubic' ? Math.max(1.5, (0.022 * cell.rtt) / cell.loss ** 0.25) : 1.2;
    assert.ok(ratio > 0.75 && ratio < most, `${nameOf(cell)}: ${ratio.toFixed(2)} of Mathis's formula`);
  }
});

test('a cell that is off by more than its band is named, with by how much', () => {
  const counts = { segments: 1, lost: 1, resent: 1, timeouts: 0 };
  const golden = { cell: { goodput: 10, band: 0.1, ...counts } };
  const measured = (goodput: number) => goldenOf({ goodput, error: 0, ...counts });
  assert.equal(difference('cell', measured(10.9), golden), null);
  assert.match(difference('cell', measured(12), golden) ?? '', /^cell: 10 → 12 Mbit\/s, \+20 %/);
  assert.match(difference('cell', measured(8), golden) ?? '', /-20 % \(±10 %\)/);
  assert.match(difference('other', measured(8), golden) ?? '', /not in the file/);
  const band = (error: number, lost: number) => goldenOf({ ...counts, goodput: 10, error, lost }).band;
  assert.deepEqual([band(1, 1000), band(0.01, 1000), band(0.01, 100), band(0, 100)], [0.3, 0.1, 0.15, 0.1]);
});
