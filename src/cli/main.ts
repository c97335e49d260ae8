#!/usr/bin/env node
/** The program `fourwave`. */

import { CommanderError } from 'commander';
import { describe, EXIT_OK, EXIT_USAGE, sentence } from './errors.ts';
import { createProgram } from './program.ts';

// The reader of our output may leave early (`fourwave log | head`): that is its right.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_OK);
});

try {
  await createProgram().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its sentence or the help; help that was asked for is no mistake.
    process.exitCode = error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  } else {
    const failure = describe(error);
    process.stderr.write(sentence(failure));
    process.exitCode = failure.exitCode;
  }
}
