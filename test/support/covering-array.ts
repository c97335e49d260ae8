/** Pairwise testing: few rows in which any two values of two dimensions meet. */

/** The values of each column of a row. */
export type Dimensions<Row> = { readonly [Name in keyof Row]: readonly Row[Name][] };

type Excluded<Row> = (row: Row) => boolean;

/** All rows there are, the last dimension changing fastest, but for those that are `excluded`. */
export function fullProduct<Row extends object>(
  dimensions: Dimensions<Row>,
  excluded: Excluded<Row> = () => false,
): Row[] {
  let rows: Partial<Row>[] = [{}];
  for (const [name, values] of Object.entries(dimensions) as [string, readonly unknown[]][]) {
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
  }
  return (rows as Row[]).filter((row) => !excluded(row));
}

/** Names of the pairs of values in a row. */
export function pairsOf(row: object): string[] {
  const cells = Object.entries(row).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return cells.flatMap((first, place) => cells.slice(place + 1).map((second) => `${first} ${second}`));
}

/**
 * Every pair of values that some allowed row has is in one of these. Greedy, always the row with the
 * most pairs that are new, and of these one whose values are rare so far: not the fewest rows there
 * could be, and always the same.
 */
export function coveringArray<Row extends object>(
  dimensions: Dimensions<Row>,
  excluded: Excluded<Row> = () => false,
): Row[] {
  const candidates = fullProduct(dimensions, excluded).map((row) => ({ row, pairs: pairsOf(row) }));
  const open = new Set(candidates.flatMap(({ pairs }) => pairs));
  const chosen: Row[] = [];
  /** How many chosen rows have a value in common with this one, by column. */
  const familiar = (row: Row): number =>
    chosen.reduce((sum, other) => {
      return sum + (Object.keys(row) as (keyof Row)[]).filter((name) => row[name] === other[name]).length;
    }, 0);
  while (open.size > 0) {
    const gains = candidates.map(({ pairs }) => pairs.filter((pair) => open.has(pair)).length);
    const most = Math.max(...gains);
    const best = candidates.filter((_, place) => gains[place] === most);
    const known = best.map(({ row }) => familiar(row));
    const next = best[known.indexOf(Math.min(...known))] as (typeof candidates)[number];
    chosen.push(next.row);
    for (const pair of next.pairs) open.delete(pair);
  }
  return chosen;
}
