/** `fourwave lab run ID`: question, prediction, the connection itself, and what it shows. */

import { writeFile } from 'node:fs/promises';
import type { Act, Lab, Text } from '../../labs/lab.ts';
import type { LabResult } from '../../labs/result.ts';
import { type OpenStage, type RunOptions, runLab } from '../../labs/run.ts';
import type { Stage, StageMode } from '../../labs/stage.ts';
import { EXIT_FAILED } from '../errors.ts';
import { painter, print } from '../terminal.ts';
import { type FoundFlavour, findFlavours } from './flavours.ts';
import type { Language } from './language.ts';
import { Live } from './live.ts';
import { MESSAGES } from './messages.ts';
import { openSim } from './modes.ts';
import { Play } from './play.ts';
import { askPrediction, predictionText } from './prediction.ts';
import { RealStage } from './real-stage.ts';
import { RealWorld } from './real-world.ts';
import { openRealm, type Realm } from './realm.ts';
import { resultText } from './result-text.ts';
import { fileName, giveBack, newRunFolder, saveResult } from './runs.ts';
import { saveSimLog } from './sim-log.ts';
import { watchForStarvation } from './starved.ts';
import { Student } from './student.ts';
import { typingHere, typingLines } from './typing.ts';

export interface LabRunOptions {
  readonly mode: StageMode;
  readonly auto: boolean;
  /** The world stays open afterwards. */
  readonly keep: boolean;
  readonly language: Language;
  /** ms that a person is waited for. */
  readonly patience: number;
}

const WIDTH = 100;
/** Acts that a busy machine has spoilt are played so often again. */
const MOST_TRIES = 2;
/** ms; whatever keeps the process. */
const ALIVE = 60_000;

/** Resolves to the exit code. */
export async function runCommand(lab: Lab, options: LabRunOptions): Promise<number> {
  return new LabRun(lab, options, await findFlavours()).run();
}

class LabRun {
  private readonly lab: Lab;
  private readonly options: LabRunOptions;
  private readonly found: readonly FoundFlavour[];
  private readonly paint = painter();
  private readonly transcript: string[] = [];
  private readonly folder = newRunFolder();
  private readonly logs: string[] = [];
  private live: Live | null = null;
  private play: Play | null = null;
  private world: RealWorld | null = null;
  /** How often each act was played in vain; whether the programs of the present one had to wait. */
  private readonly tries = new Map<string, number>();
  private starved: () => number | null = () => null;
  /** All acts are played in one, so that a shell in it stays where it is. */
  private realm: Realm | null = null;

  constructor(lab: Lab, options: LabRunOptions, found: readonly FoundFlavour[]) {
    this.lab = lab;
    this.options = options;
    this.found = found;
  }

  private readonly out = (line: string): void => {
    print(line);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken off
    this.transcript.push(line.replaceAll(/\u001b\[\d+m/g, ''));
  };

  private say(text: Text): void {
    this.live?.flush();
    this.out(this.paint('yellow', `  » ${text[this.options.language]}`));
  }

  private text(text: Text): string {
    return text[this.options.language];
  }

  async run(): Promise<number> {
    this.heading();
    const { lab } = this;
    const answer = await askPrediction(lab.predict, this.options.language);
    if (this.options.mode === 'real') this.realm = await openRealm();
    const result = await runLab(this.typed ? forPerson(lab) : lab, this.runOptions()).finally(() =>
      this.realm?.close(),
    );
    this.quiet();
    for (const line of predictionText(lab.predict, answer, this.options.language)) this.out(line);
    for (const line of resultText(lab, result, { language: this.options.language, paint: this.paint }))
      this.out(line);
    await this.save(result);
    return result.ok ? 0 : EXIT_FAILED;
  }

  /** A person types. */
  private get typed(): boolean {
    return this.options.mode === 'real' && !this.options.auto;
  }

  private heading(): void {
    const { lab, paint } = this;
    this.out(paint('bold', `${lab.id}  ${this.text(lab.title)}`));
    this.out(`${this.text(MESSAGES.question)}: ${this.text(lab.question)}`);
    const where = this.options.mode === 'sim' ? MESSAGES.simulated : this.namespaceText();
    this.out(`① ${this.text(where)}`);
    if (this.typed) this.howToType();
    else this.out(`② ${this.text(MESSAGES.auto)} ${this.options.mode === 'sim' ? '--sim' : '--auto'}`);
  }

  private namespaceText(): Text {
    return process.getuid?.() === 0 ? MESSAGES.namespaceRoot : MESSAGES.namespaceUser;
  }

  private howToType(): void {
    const here = typingHere(this.lab.type, this.found);
    if (here === null) {
      this.out(`② ${this.text(MESSAGES.noFlavour)}`);
      return;
    }
    const sudo = process.env['SUDO_UID'] === undefined ? '' : 'sudo ';
    this.out(`② ${this.text(MESSAGES.otherTerminal)} ${this.paint('bold', `${sudo}fourwave lab shell`)}`);
    this.out(`   ${this.text(MESSAGES.thenType)}`);
    for (const line of typingLines(here, this.options.language))
      this.out(`     ${this.paint('green', line)}`);
  }

  private runOptions(): RunOptions {
    const { mode } = this.options;
    return {
      mode,
      open: mode === 'sim' ? openSim() : (setting, act) => this.openReal(setting, act),
      onAct: (act) => this.begin(act),
      onEvent: (event) => {
        this.live?.add(event);
        this.play?.saw(event);
      },
      again: (act) => this.playsAgain(act),
      ...(this.typed ? { play: (stage, act) => this.playOrShow(stage, act) } : {}),
    };
  }

  /** What nobody types is played once more where its programs had to wait for a processor. */
  private playsAgain(act: Act): boolean {
    const own = this.typed && act.name === personsAct(this.lab).name;
    const tries = this.tries.get(act.name) ?? 0;
    if (this.options.mode !== 'real' || own || tries === MOST_TRIES || this.starved() === null) return false;
    this.tries.set(act.name, tries + 1);
    this.say(MESSAGES.starved);
    return true;
  }

  private async openReal(setting: Parameters<RunOptions['open']>[0], act: Act): Promise<OpenStage> {
    const several = this.lab.acts.length > 1 ? `-${act.name}` : '';
    const tries = this.tries.get(act.name) ?? 0;
    const again = tries > 0 ? `-${tries + 1}` : '';
    const base = `${this.folder}/${fileName(this.lab.id)}${several}${again}`;
    this.starved = watchForStarvation();
    const world = await RealWorld.open({
      ...{ lab: this.lab.id, setting, base, keep: true, findable: true },
      ...(this.realm === null ? {} : { realm: this.realm }),
    });
    this.world = world;
    this.logs.push(world.logPath);
    const stage = new RealStage(world, this.found);
    return closingWith(stage, async () => {
      // What the end of the stack brings about is no part of the story.
      this.quiet();
      if (this.options.keep) await this.waitForEnd();
    });
  }

  /** Nothing more is told of this act. */
  private quiet(): void {
    this.live?.flush();
    this.live = null;
  }

  private begin(act: Act): void {
    if (this.lab.acts.length > 1) {
      const title = act.title === undefined ? '' : `: ${this.text(act.title)}`;
      this.out(this.paint('bold', `\n═══ ${act.name}${title}`));
    }
    this.live = new Live({
      language: this.options.language,
      paint: this.paint,
      print: this.out,
      width: process.stdout.columns ?? WIDTH,
      narrations: this.lab.narrate ?? [],
      expect: act.expect ?? '',
    });
  }

  /** The first act is the person's; the others differ in one thing and are typed for him. */
  private async playOrShow(stage: Stage, act: Act): Promise<void> {
    if (act.name === personsAct(this.lab).name) return this.playAct(act);
    this.out(this.text(MESSAGES.auto));
    return act.auto(stage);
  }

  private async playAct(act: Act): Promise<void> {
    const here = typingHere(this.lab.type, this.found);
    const { world } = this;
    if (world === null) return;
    const interactive = process.stdin.isTTY;
    this.out(this.paint('bold', this.text(MESSAGES.ready)));
    if (interactive) this.out(this.paint('dim', this.text(MESSAGES.waiting)));
    const steps = here?.steps ?? [];
    this.play = new Play({
      ...{ world, act, steps, interactive, patience: this.options.patience },
      student: new Student(this.lab, steps, this.found),
      say: (text) => this.say(text),
    });
    await this.play.run();
    this.play = null;
  }

  private async waitForEnd(): Promise<void> {
    this.out(this.text(MESSAGES.kept));
    this.out(`  fourwave ss --control ${this.world?.up.control ?? ''}`);
    // This Ctrl-C ends the waiting, and not the lab: what has come out of it is still to be told.
    const others = process.listeners('SIGINT');
    process.removeAllListeners('SIGINT');
    const alive = setInterval(() => {}, ALIVE);
    await new Promise<void>((resolve) => void process.once('SIGINT', () => resolve()));
    clearInterval(alive);
    for (const other of others) process.on('SIGINT', other);
  }

  private async save(result: LabResult): Promise<void> {
    const base = `${this.folder}/${fileName(this.lab.id)}`;
    if (this.options.mode === 'sim') this.logs.push(...(await saveSimLog(base, this.lab, result)));
    await writeFile(`${base}.txt`, `${this.transcript.join('\n')}\n`);
    await saveResult(base, {
      ...{ lab: this.lab.id, mode: result.mode, ok: result.ok, typed: this.typed },
      ...{ date: new Date().toISOString(), logs: this.logs, result },
    });
    for (const path of [`${base}.txt`, ...this.logs]) giveBack(path);
    const endings =
      this.options.mode === 'sim' ? 'tcplog.jsonl,txt,json' : 'tcplog.jsonl,pcapng,recording,txt,json';
    print(`${this.text(MESSAGES.saved)}: ${base}.{${endings}}`);
  }
}

/** What a script checks of its own programs nobody can check of a person's. */
function forPerson(lab: Lab): Lab {
  const own = personsAct(lab);
  const { check: _check, ...typed } = own;
  return { ...lab, acts: lab.acts.map((act) => (act === own ? { ...typed, patience: 0 } : act)) };
}

/** The first that the kernel can show. */
function personsAct({ acts }: Lab): Act {
  return acts.find(({ only }) => only?.stage !== 'sim') ?? (acts[0] as Act);
}

/** The same stage, which does something before it closes. */
function closingWith(stage: RealStage, before: () => Promise<void>): OpenStage {
  return {
    stage,
    get checks() {
      return stage.checks;
    },
    get onEvent() {
      return stage.onEvent;
    },
    set onEvent(listener) {
      stage.onEvent = listener;
    },
    settle: (done, ms) => stage.settle(done, ms),
    report: () => stage.report(),
    async close() {
      await before();
      await stage.close();
    },
  };
}
