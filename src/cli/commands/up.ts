/** `fourwave up`: opens the TUN and runs the stack in the foreground. */

import type { Command } from 'commander';
import { openFilesAllowed } from '../capability.ts';
import { CliError, EXIT_FAILED } from '../errors.ts';
import { DEFAULT_TUN, type UpFlags, upOptions } from '../up/options.ts';

const collect = (value: string, previous: readonly string[]): string[] => [...previous, value];

export function addUp(program: Command): void {
  program
    .command('up')
    .description('open a TUN interface and run the stack behind it, in the foreground')
    .option('--tun <name>', 'name of the interface', DEFAULT_TUN)
    .option('--address <address>', "the stack's address (default: 10.9.0.2); may be repeated", collect, [])
    .option('--peer <prefix>', "the kernel's address and the subnet", '10.9.0.1/24')
    .option('--mtu <bytes>', 'largest packet', '1500')
    .option('--netns <name>', 'open the interface in this network namespace')
    .option('--device <kind>', 'tun or tuntap2', 'tun')
    .option('--offload <mode>', 'auto, csum (no super-packets), or off: each packet as on a wire', 'auto')
    .option('--gro', 'the kernel may put segments together before it looks: for speed without offload')
    .option('--queues <n>', 'queues of the interface, each with a worker of its own', '1')
    .option('--steering <how>', 'auto, or ring: workers sort the packets, not the kernel', 'auto')
    .option('--profile <profile>', 'default, strict or linux', 'default')
    .option(
      '--set <key=value>',
      'an option of the stack ("fourwave config" lists them); may be repeated',
      collect,
      [],
    )
    .option('--msl <duration>', 'maximum segment lifetime: TIME-WAIT lasts twice this')
    .option('--congestion <name>', 'cubic or reno')
    .option('--user <name>', 'the user to become once the interface is open')
    .option('--linger <duration>', 'time that connections get to finish when the stack stops')
    .option('--allow-inject', 'keep a raw socket for forged segments')
    .option('--busy-poll', 'poll instead of sleeping')
    .option('--services <list>', 'all, none, or names with commas', 'all')
    .option('--www <dir>', 'directory of files that http serves')
    .option('--fault <rule>', 'a fault rule; may be repeated', collect, [])
    .option('--seed <n>', 'seed of the faults')
    .option('--log <file>', 'write the event log, one JSON object a line')
    .option('--pcapng <file>', 'write a capture')
    .option('--record <file>', 'write a recording for "fourwave replay"')
    .option('--record-max <size>', 'where a recording ends, while the stack goes on', '256M')
    .option('--inspect <address>', 'address of the web page: not built yet', 'off')
    .option('--control <path>', 'path of the control socket')
    .option('--json', 'print JSON and nothing else')
    .option('--quiet', 'say only what goes wrong')
    .action(async (flags: UpFlags) => {
      const options = upOptions(flags);
      requireDescriptors();
      // Loaded only here: the other commands need neither the stack nor the addon.
      const { openDevice, openInterface } = await import('../up/device.ts');
      if (options.queues > 1) {
        const { runQueues } = await import('../up/queues/run.ts');
        process.exitCode = await runQueues(options, openInterface(options));
      } else {
        const device = await openDevice(options);
        const { runUp } = await import('../up/run.ts');
        process.exitCode = await runUp(options, device);
      }
      // Nothing is left that could matter; a stream that hangs must not hold the process.
      process.exit();
    });
}

/** While it loads, and for itself, its log and the clients of its control socket. */
const DESCRIPTORS = 128;

/** With too few Node would not find its own packages, and say only that. */
function requireDescriptors(): void {
  const allowed = openFilesAllowed();
  if (allowed >= DESCRIPTORS) return;
  const few = `only ${allowed} files may be open at a time and the stack needs ${DESCRIPTORS}`;
  throw new CliError(EXIT_FAILED, `${few}: raise the limit with: ulimit -n 65536`);
}
