/** What a lab is: a question, a scene that answers it, and checks that would notice if it did not. */

import type { ConfigValue, Profile } from '../stack/config.ts';
import type { LabGroup } from './lab-groups.ts';
import type { ActReport, CheckLine } from './result.ts';
import type { ServiceOptions, Stage, StageMode } from './stage.ts';
import { validateLab } from './validate.ts';

/** What a person reads. Protocol words stay English in both. */
export interface Text {
  readonly en: string;
  /** 简体中文. */
  readonly zh: string;
}

/** The programs that labs are typed with. */
export const FLAVOURS = [
  'nc.openbsd',
  'nc.traditional',
  'ncat',
  'busybox',
  'socat',
  'curl',
  'fourwave',
] as const;
export type Flavour = (typeof FLAVOURS)[number];

/** One thing that a person does. Each may name the terminal that it is done in, 1 unless told. */
export type TypeStep = (
  | {
      /** A command for the shell. */
      readonly run: string;
    }
  | {
      /** A line for the program that runs there, Enter included. */
      readonly line: string;
    }
  | {
      readonly key: 'Ctrl-C' | 'Ctrl-D' | 'Ctrl-Z';
    }
  | {
      /**
       * What to wait for: a sentence for people, and the same in the language of {@link Lab.expect}. Who types
       * is waited for until each has come.
       */
      readonly wait: Text;
      readonly until?: string;
      /** Or just a time, ms. */
      readonly ms?: number;
    }
) & { readonly terminal?: number };

/** What to type, by the program that is there. `any`: the same whatever is there. */
export type Typing = Partial<Record<Flavour | 'any', readonly TypeStep[]>>;

/** The prediction that is asked for before anything happens. */
export interface Prediction {
  readonly ask: Text;
  readonly choices: readonly Text[];
  /** Index of the right choice. */
  readonly right: number;
  readonly why: Text;
}

/** A sentence told when something has happened. */
export interface Narration {
  /** In the language of {@link Lab.expect}, usually one line. */
  readonly when: string;
  readonly say: Text;
}

export type StackOptions = Readonly<Record<string, ConfigValue>>;

/** What the two ends are like, and who stands between them. */
export interface Setting {
  /** Profile of S. Default `default`. */
  readonly profile?: Profile;
  /** Options of S, keys as `fourwave config` prints them. */
  readonly stack?: StackOptions;
  /** How S's services behave, by their names. */
  readonly services?: Readonly<Record<string, ServiceOptions>>;
  /**
   * Sysctls of K's namespace, below `net.ipv4.` (`tcp_sack: 0`). The simulated K is given the options
   * that come nearest.
   */
  readonly kernel?: Readonly<Record<string, number | string>>;
  /** Options of the simulated K beyond what sysctls say. The real one never sees them. */
  readonly simKernel?: StackOptions;
  /** Lines of the fault language that are there from the start. */
  readonly faults?: readonly string[];
}

/** One run of the scene. Most labs have one. */
export interface Act extends Setting {
  /** Of acts that are several: short, in kebab-case. */
  readonly name: string;
  readonly title?: Text;
  /** What differs when it is played with the real kernel: shorter timers, mostly. */
  readonly real?: Setting;
  /** What `--auto`, `--sim` and the tests do; the same for both stages. */
  readonly auto: (stage: Stage) => Promise<void>;
  /** What must have happened, in order: docs/writing-labs.md has the language. */
  readonly expect?: string;
  /** What else must be so. */
  readonly check?: (report: ActReport) => readonly CheckLine[];
  /** ms after `auto` that what is expected may still take. Default 5 s. */
  readonly patience?: number;
  /** Invariants that this act breaks on purpose, by name. */
  readonly waive?: readonly string[];
  /** Only one of the stages can show it; the other leaves it out. */
  readonly only?: OnlyThere;
}

/** A stage that alone can show something, and why. */
export interface OnlyThere {
  readonly stage: StageMode;
  readonly why: Text;
}

/** One deliberate break of what the lab is about: with it the lab must be red. */
export interface Break extends Setting {
  /** What is broken, one sentence. */
  readonly what: string;
  /** The act that is broken. Default: all. */
  readonly act?: string;
  /** Instead of the act's. */
  readonly auto?: (stage: Stage) => Promise<void>;
}

interface LabBase {
  /** `close/last-ack-lost`. */
  readonly id: string;
  /** 1: the interview questions … 4: data, windows, congestion. */
  readonly level: 1 | 2 | 3 | 4;
  readonly minutes: number;
  /** `B37`: the questions of the subject that it answers. */
  readonly answers: readonly string[];
  /** `RFC 9293 §3.10.7.4`. */
  readonly rfc: readonly string[];
  /** Files of this repository where the mechanism lives. */
  readonly code: readonly string[];
  readonly title: Text;
  readonly question: Text;
  readonly type: Typing;
  readonly predict: Prediction;
  readonly narrate?: readonly Narration[];
  readonly explain: Text;
  /** Ids of labs to do next. */
  readonly next?: readonly string[];
  readonly broken: Break;
  /** Only one of the stages can show it. */
  readonly only?: OnlyThere;
}

/** A lab as its module writes it: one act in the lab itself, or several in `acts`. */
export type LabSource = LabBase & (OneAct | SeveralActs);
type OneAct = Omit<Act, 'name' | 'title'> & { readonly acts?: never };
interface SeveralActs {
  readonly acts: readonly Act[];
}

/** A lab as its readers get it. */
export interface Lab extends LabBase {
  readonly group: LabGroup;
  /** At least one; a single one is called `main`. */
  readonly acts: readonly Act[];
}

/** Checks a lab and brings it into its one form. @throws LabError with what is wrong */
export function lab(source: LabSource): Lab {
  const group = source.id.split('/')[0] as LabGroup;
  const acts = source.acts ?? [{ ...source, name: 'main' }];
  const complete: Lab = { ...source, group, acts };
  validateLab(complete);
  return complete;
}
