// A reporter for node's test runner that keeps nothing but the totals, as JSON.

const SUMMARY = /^(pass|fail|cancelled|skipped|todo) (\d+)$/;

/** @param {AsyncIterable<{ type: string, data: { nesting?: number, message?: string } }>} source */
export default async function* counts(source) {
  const totals = { pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  for await (const event of source) {
    if (event.type !== 'test:diagnostic' || event.data.nesting !== 0) continue;
    const match = SUMMARY.exec(event.data.message);
    if (match !== null) totals[match[1]] = Number(match[2]);
  }
  totals.fail += totals.cancelled;
  yield JSON.stringify(totals);
}
