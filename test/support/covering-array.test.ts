import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coveringArray, type Dimensions, fullProduct, pairsOf } from './covering-array.ts';

interface Row {
  readonly tool: string;
  readonly mtu: number;
  readonly loss: boolean;
  readonly option: string;
}

const DIMENSIONS: Dimensions<Row> = {
  tool: ['nc', 'curl', 'ab', 'wrk', 'ssh'],
  mtu: [576, 1500, 9000, 65535],
  loss: [false, true],
  option: ['all', 'none', 'sack'],
};

/** Written anew, so that a mistake of `pairsOf` is not checked against itself. */
function meets(rows: readonly Row[], first: [keyof Row, unknown], second: [keyof Row, unknown]): boolean {
  return rows.some((row) => row[first[0]] === first[1] && row[second[0]] === second[1]);
}

/** The pairs of values that are in no row. */
function missing(rows: readonly Row[]): string[] {
  const names = Object.keys(DIMENSIONS) as (keyof Row)[];
  const found: string[] = [];
  for (const [place, first] of names.entries()) {
    for (const second of names.slice(place + 1)) {
      for (const a of DIMENSIONS[first]) {
        for (const b of DIMENSIONS[second]) {
          const pair = `${first}=${JSON.stringify(a)} ${second}=${JSON.stringify(b)}`;
          if (!meets(rows, [first, a], [second, b])) found.push(pair);
        }
      }
    }
  }
  return found;
}

describe('fullProduct', () => {
  it('has every row once, less those that are excluded', () => {
    const rows = fullProduct(DIMENSIONS);
    assert.equal(rows.length, 5 * 4 * 2 * 3);
    assert.equal(new Set(rows.map((row) => JSON.stringify(row))).size, rows.length);
    assert.deepEqual(rows[0], { tool: 'nc', mtu: 576, loss: false, option: 'all' });
    assert.equal(fullProduct(DIMENSIONS, ({ loss }) => loss).length, 5 * 4 * 3);
  });
});

describe('coveringArray', () => {
  it('every pair of values is in some row, in far fewer rows than there are', () => {
    const rows = coveringArray(DIMENSIONS);
    assert.deepEqual(missing(rows), []);
    // The two largest dimensions alone need 20.
    assert.ok(rows.length >= 20 && rows.length <= 24, `${rows.length} rows`);
    assert.equal(pairsOf(rows[0] as Row).length, 6);
  });

  it('the check finds a pair that is in no row', () => {
    const rows = coveringArray(DIMENSIONS).filter(({ tool, mtu }) => !(tool === 'ab' && mtu === 9000));
    assert.ok(missing(rows).includes('tool="ab" mtu=9000'));
  });

  it('excluded rows are not taken, and all pairs that remain possible are covered', () => {
    const excluded = ({ tool, loss }: Row): boolean => tool === 'wrk' && loss;
    const rows = coveringArray(DIMENSIONS, excluded);
    assert.equal(rows.some(excluded), false);
    assert.deepEqual(missing(rows), ['tool="wrk" loss=true']);
  });

  it('is the same at each call', () => {
    assert.deepEqual(coveringArray(DIMENSIONS), coveringArray(DIMENSIONS));
  });
});
