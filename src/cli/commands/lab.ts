/** `fourwave lab list|run|check|verify|new|shell|doctor`: hands-on labs. */

import type { Command } from 'commander';
import { connectionId, duration, integer, named } from '../arguments.ts';
import { EXIT_MISSING, EXIT_PRIVILEGE } from '../errors.ts';
import { languageOf } from '../labs/language.ts';
import { askedMode, type ModeFlags, refuseMode } from '../labs/modes.ts';
import { print, printJson } from '../terminal.ts';
import { withControl } from './common.ts';
import { checkLine } from './doctor.ts';

interface LanguageFlag {
  readonly lang?: string;
}

export function addLab(program: Command): void {
  const lab = program
    .command('lab')
    .description('hands-on labs: every question answered by a real connection');
  addList(lab);
  addRun(lab);
  addCheck(lab);
  addVerify(lab);
  addNew(lab);
  addLabShell(lab);
  addLabDoctor(lab);
}

function withLanguage(command: Command): Command {
  return command.option('--lang <language>', 'en or zh (default: what LANG says)');
}

function withModes(command: Command): Command {
  return command
    .option('--sim', 'in the simulator: virtual time, no privileges')
    .option('--real', 'with the kernel and real programs, in a namespace of its own');
}

function addList(lab: Command): void {
  withLanguage(lab.command('list'))
    .description('all labs: title, level, what they need, minutes, how your last run ended')
    .option('--json', 'print JSON and nothing else')
    .action(async (flags: LanguageFlag & { json?: boolean }) => {
      const language = languageOf(flags.lang);
      const { LABS } = await import('../labs/catalogue.ts');
      const { listCommand } = await import('../labs/list-command.ts');
      listCommand(LABS, flags.json === true, language);
    });
}

interface RunFlags extends ModeFlags, LanguageFlag {
  readonly auto?: boolean;
  readonly keep?: boolean;
  readonly patience: string;
}

function addRun(lab: Command): void {
  withLanguage(withModes(lab.command('run')))
    .description('do a lab: what to type, your prediction, what happens, and why')
    .argument('<id>', 'a lab such as close/four-waves')
    .option('--auto', 'type for me')
    .option('--keep', 'leave the stack and its namespace open afterwards, until Ctrl-C')
    .option('--patience <duration>', 'how long you are waited for', '30m')
    .action(async (id: string, flags: RunFlags) => {
      const asked = askedMode(flags);
      const language = languageOf(flags.lang);
      const patience = duration(flags.patience, '--patience') / 1000;
      const { findLab } = await import('../labs/catalogue.ts');
      const chosen = findLab(id);
      const mode = asked ?? chosen.only?.stage ?? 'real';
      refuseMode(chosen, mode);
      const { runCommand } = await import('../labs/run-command.ts');
      const options = { mode, language, patience, auto: flags.auto === true, keep: flags.keep === true };
      process.exit(await interruptible(() => runCommand(chosen, options)));
    });
}

interface CheckFlags extends ModeFlags, LanguageFlag {
  readonly auto?: boolean;
  readonly json?: boolean;
  readonly jobs: string;
}

function addCheck(lab: Command): void {
  withLanguage(withModes(lab.command('check')))
    .description('run the checks of labs: all, a group, or some')
    .argument('[id...]', 'labs or groups (default: all)')
    .option('--auto', 'type for me: a check always does')
    .option('--jobs <n>', 'labs at a time, with --real', '3')
    .option('--json', 'print JSON and nothing else')
    .action(async (ids: string[], flags: CheckFlags) => {
      const mode = askedMode(flags) ?? 'sim';
      const language = languageOf(flags.lang);
      const jobs = integer(flags.jobs, '--jobs', 1, 32);
      const { chosenLabs } = await import('../labs/catalogue.ts');
      const labs = chosenLabs(ids);
      const { checkCommand } = await import('../labs/check-command.ts');
      const options = { mode, jobs, language, json: flags.json === true };
      process.exit(await interruptible(() => checkCommand(labs, options)));
    });
}

function addVerify(lab: Command): void {
  withLanguage(lab.command('verify'))
    .description('judge a saved log once more')
    .argument('<file>', 'a log that "lab run" has saved: runs/…/….tcplog.jsonl')
    .option('--lab <id>', 'which lab it is of, where nothing beside it says so')
    .option('--json', 'print JSON and nothing else')
    .action(async (file: string, flags: LanguageFlag & { lab?: string; json?: boolean }) => {
      const language = languageOf(flags.lang);
      const { verifyCommand } = await import('../labs/verify-command.ts');
      const id = flags.lab === undefined ? null : named(flags.lab, '--lab');
      process.exitCode = verifyCommand(named(file, 'FILE'), { language, lab: id, json: flags.json === true });
    });
}

function addNew(lab: Command): void {
  withControl(lab.command('new'))
    .description('write the module of a lab of your own, from a connection of the running stack or of a log')
    .argument('<name>', 'group/name, such as close/my-own')
    .option('--from <file>', 'a log instead of the running stack')
    .option('--conn <conn>', 'which connection (default: the newest)')
    .action(async (name: string, flags: { from?: string; conn?: string; control?: string }) => {
      const { newCommand } = await import('../labs/new-command.ts');
      await newCommand(name, {
        from: flags.from === undefined ? null : named(flags.from, '--from'),
        conn: flags.conn === undefined ? null : connectionId(flags.conn),
        control: flags.control,
      });
    });
}

function addLabShell(lab: Command): void {
  withControl(lab.command('shell'))
    .description("a shell, or a command, inside the running lab's network namespace")
    .argument('[command...]', 'the command (default: bash)')
    .passThroughOptions()
    .action(async (command: string[], flags: { control?: string }) => {
      const { findLab, runLabShell } = await import('../labs/lab-shell.ts');
      process.exitCode = await runLabShell(await findLab(flags.control), command);
    });
}

function addLabDoctor(lab: Command): void {
  lab
    .command('doctor')
    .description('what labs need here, and the one-line cure for what is missing')
    .option('--json', 'print JSON and nothing else')
    .action(async (flags: { json?: boolean }) => {
      const { checkForLabs } = await import('../labs/doctor.ts');
      const checks = await checkForLabs();
      if (flags.json === true) printJson(checks);
      else print(checks.map(checkLine).join('\n'));
      const failed = checks.filter(({ needed, ok }) => needed && !ok);
      if (failed.some(({ name }) => name === 'network namespaces')) process.exitCode = EXIT_PRIVILEGE;
      else if (failed.length > 0) process.exitCode = EXIT_MISSING;
    });
}

/** Ctrl-C ends everything that was started: the exit handlers do. */
async function interruptible(run: () => Promise<number>): Promise<number> {
  const end = (signal: NodeJS.Signals): never => process.exit(signal === 'SIGINT' ? 130 : 143);
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
  return run();
}
