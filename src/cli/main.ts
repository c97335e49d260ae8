#!/usr/bin/env node
/** The program `fourwave`. */

// Nothing is imported before the `try`: with few file descriptors left even that fails.
import type { CliError } from './errors.ts';

// The reader of our output may leave early (`fourwave log | head`): that is its right.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`fourwave: stdout takes no more (${error.code}): make room, or send it elsewhere\n`);
  process.exit(1);
});
// Nobody is left to tell.
process.stderr.on('error', () => {});

try {
  const { createProgram } = await import('./program.ts');
  await createProgram().parseAsync(process.argv);
} catch (error) {
  process.exitCode = await explain(error).catch(() => outOfDescriptors(error));
}

async function explain(error: unknown): Promise<number> {
  const { describe, EXIT_OK, EXIT_USAGE, sentence } = await import('./errors.ts');
  // Commander has printed its sentence or the help; help that was asked for is no mistake.
  const { code, exitCode } = error as { code?: unknown; exitCode?: unknown };
  if (typeof code === 'string' && code.startsWith('commander.')) return exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  const failure: CliError = describe(error);
  process.stderr.write(sentence(failure));
  return failure.exitCode;
}

/** Not even the sentences could be loaded. */
function outOfDescriptors(error: unknown): number {
  process.stderr.write(
    `fourwave: the program cannot be loaded: ${(error as Error).message}: see "ulimit -n"\n`,
  );
  return 1;
}
