/** The other commands' end of the control socket. */

import { connect, type Socket } from 'node:net';
import { basename } from 'node:path';
import { CliError, EXIT_FAILED, EXIT_PRIVILEGE, missing } from '../errors.ts';
import { existingSockets } from './paths.ts';
import { encode, MAX_ANSWER, type Message, messages, type Request } from './protocol.ts';

/** Options that every command with a running stack has. */
export interface ControlOptions {
  readonly control?: string;
}

const NONE = 'no stack is running: start one with "fourwave up"';

/** Connects to the running stack. @throws CliError when there is none, or several and none is named */
export async function openControl(options: ControlOptions): Promise<Socket> {
  if (options.control !== undefined) {
    const named = await dial(options.control);
    if (named instanceof Error) throw refusal(options.control, named);
    return named;
  }
  const open: [string, Socket][] = [];
  let denied: CliError | null = null;
  for (const path of existingSockets()) {
    const socket = await dial(path);
    if (!(socket instanceof Error)) open.push([path, socket]);
    else if (socket.code === 'EACCES') denied = refusal(path, socket);
  }
  const [first, ...others] = open;
  if (first === undefined) throw denied ?? missing(NONE);
  if (others.length === 0) return first[1];
  for (const [, socket] of open) socket.destroy();
  const names = open.map(([path]) => `${basename(path, '.sock')} (--control ${path})`).join(', ');
  throw missing(`several stacks are running, name one: ${names}`);
}

function refusal(path: string, error: NodeJS.ErrnoException): CliError {
  if (error.code === 'EACCES') {
    return new CliError(
      EXIT_PRIVILEGE,
      `the control socket ${path} belongs to another user: run this command as that user or with sudo`,
    );
  }
  return missing(`no stack is running behind ${path} (${error.code ?? error.message})`);
}

/** A connected socket, or why there is none. */
export function dial(path: string): Promise<Socket | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', resolve);
    socket.once('connect', () => {
      socket.removeListener('error', resolve);
      resolve(socket);
    });
  });
}

/** Sends a request and yields what comes back until it is done. @throws CliError of the stack's side */
export async function* converse(
  socket: Socket,
  request: Request,
): AsyncGenerator<Exclude<Message, { error: unknown } | { done: true }>> {
  socket.on('error', () => {});
  socket.write(encode(request));
  for await (const message of messages(socket, MAX_ANSWER)) {
    const { error } = message as { error?: { exit: number; message: string } };
    if (error !== undefined) throw new CliError(error.exit, error.message);
    if ('done' in message) return;
    yield message as Exclude<Message, { error: unknown } | { done: true }>;
  }
  throw new CliError(EXIT_FAILED, 'the stack went away');
}

/** One question, one answer. */
export async function ask<Answer>(
  options: ControlOptions,
  command: string,
  args: Record<string, unknown> = {},
): Promise<Answer> {
  const socket = await openControl(options);
  try {
    for await (const message of converse(socket, { command, arguments: args })) {
      if ('result' in message) return message.result as Answer;
    }
    return undefined as Answer;
  } finally {
    socket.destroy();
  }
}

/** A stream of events, until the stack says it is over. */
export async function follow(
  options: ControlOptions,
  request: Request,
  each: (event: unknown) => void,
): Promise<void> {
  const socket = await openControl(options);
  try {
    for await (const message of converse(socket, request)) {
      if ('event' in message) each(message.event);
    }
  } finally {
    socket.destroy();
  }
}
