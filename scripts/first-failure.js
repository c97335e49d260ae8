// A reporter for node's test runner that ends the process at the first test that fails, with the
// test's title as the only output. Without a failure it says how many tests have passed.

/** @param {AsyncIterable<{ type: string, data: { name?: string, skip?: unknown, todo?: unknown } }>} source */
export default async function* firstFailure(source) {
  let passed = 0;
  for await (const { type, data } of source) {
    if (type === 'test:pass' && data.skip === undefined && data.todo === undefined) passed++;
    if (type !== 'test:fail' || data.todo !== undefined) continue;
    // In the test's own process: nothing that is still to come could change the answer.
    process.stdout.write(JSON.stringify({ failed: data.name }));
    process.exit(1);
  }
  yield JSON.stringify({ passed });
}
