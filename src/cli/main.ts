#!/usr/bin/env node
/** The program `fourwave`. */

// Nothing is imported before the `try`: with few file descriptors left even that fails.
type Errors = typeof import('./errors.ts');

// The reader of our output may leave early (`fourwave log | head`): that is its right.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`fourwave: stdout takes no more (${error.code}): make room, or send it elsewhere\n`);
  process.exit(1);
});
// Nobody is left to tell.
process.stderr.on('error', () => {});

try {
  // Read before anything else: later there may be no descriptor left, or no right to read our own files.
  const errors = await import('./errors.ts');
  process.exitCode = await run().catch((error: unknown) => explain(error, errors));
} catch (error) {
  process.stderr.write(`fourwave: ${reason(error as NodeJS.ErrnoException)}\n`);
  process.exitCode = 1;
}

async function run(): Promise<number | undefined> {
  const alone = process.argv[2] === 'up';
  const { createProgram } = await (alone ? import('./up-program.ts') : import('./program.ts'));
  await createProgram().parseAsync(process.argv);
  return process.exitCode as number | undefined;
}

function explain(error: unknown, { describe, EXIT_OK, EXIT_USAGE, sentence }: Errors): number {
  // Commander has printed its sentence or the help; help that was asked for is no mistake.
  const { code, exitCode } = error as { code?: unknown; exitCode?: unknown };
  if (typeof code === 'string' && code.startsWith('commander.')) return exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  const failure = describe(error);
  process.stderr.write(sentence(failure));
  return failure.exitCode;
}

/** Why not even the sentences could be loaded. */
function reason({ code, message }: NodeJS.ErrnoException): string {
  if (code !== 'EMFILE' && code !== 'ENFILE') return `the program cannot be loaded: ${message}`;
  return `no file descriptor is free (${code}): raise the limit with: ulimit -n 65536`;
}
