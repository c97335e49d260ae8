/** What a lab must be like before it is played. */

import { FaultSyntaxError } from '../faults/lexer.ts';
import { parseLine } from '../faults/parser.ts';
import { ExpectSyntaxError } from './expect/ast.ts';
import { parseExpectation } from './expect/parse.ts';
import type { Act, Lab, Setting, Text } from './lab.ts';
import { LAB_GROUPS } from './lab-groups.ts';

/** What is wrong with a lab, in one sentence. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

type Wrong = (what: string) => never;

/** @throws LabError */
export function validateLab(lab: Lab): void {
  const wrong: Wrong = (what) => {
    throw new LabError(`lab ${lab.id}: ${what}`);
  };
  checkHead(lab, wrong);
  for (const [name, text] of textsOf(lab)) if (!isWhole(text)) wrong(`${name} lacks a language`);
  checkActs(lab, wrong);
  for (const setting of settingsOf(lab)) checkFaults(setting, wrong);
}

function checkHead(lab: Lab, wrong: Wrong): void {
  const { id, group, answers, rfc, code, predict } = lab;
  if (!/^[a-z-]+\/[a-z0-9-]+$/.test(id)) wrong('its id is group/name in kebab-case');
  if (!LAB_GROUPS.includes(group)) wrong(`there is no group ${JSON.stringify(group)}`);
  if (answers.some((one) => !/^B[1-9][0-9]*$/.test(one))) wrong('answers are B1 … B60');
  if (rfc.some((one) => !/^RFC \d{3,4} §/.test(one))) wrong('rfc is written "RFC 9293 §3.5"');
  if (code.some((one) => !/^src\/[\w./-]+\.ts$/.test(one))) wrong('code names files: src/….ts');
  if (predict.choices[predict.right] === undefined) wrong('predict.right is none of its choices');
}

function checkActs({ acts, broken, only, narrate = [], type }: Lab, wrong: Wrong): void {
  const names = acts.map((act) => act.name);
  if (new Set(names).size !== names.length) wrong('two acts have the same name');
  if (broken.act !== undefined && !names.includes(broken.act)) wrong('broken.act is none of its acts');
  if (broken.what === '') wrong('broken.what is empty');
  checkStages(acts, only, wrong);
  for (const { expect } of acts) checkExpectation(expect ?? '', wrong);
  for (const { when } of narrate) checkExpectation(when, wrong);
  const steps = Object.values(type).flat();
  for (const step of steps) if ('until' in step) checkExpectation(step.until, wrong);
}

function checkStages(acts: readonly Act[], only: Lab['only'], wrong: Wrong): void {
  for (const stage of ['sim', 'real']) {
    const plays = (there: Lab['only']): boolean => there === undefined || there.stage === stage;
    if (plays(only) && !acts.some((act) => plays(act.only))) wrong(`it has no act for ${stage}`);
  }
}

function checkExpectation(text: string, wrong: Wrong): void {
  try {
    parseExpectation(text);
  } catch (error) {
    if (!(error instanceof ExpectSyntaxError)) throw error;
    wrong(`expect, ${error.message}`);
  }
}

function settingsOf(lab: Lab): Setting[] {
  const ofActs = lab.acts.flatMap((act: Act) => (act.real === undefined ? [act] : [act, act.real]));
  return [...ofActs, lab.broken];
}

function checkFaults(setting: Setting, wrong: Wrong): void {
  for (const rule of setting.faults ?? []) {
    try {
      parseLine(rule);
    } catch (error) {
      if (!(error instanceof FaultSyntaxError)) throw error;
      wrong(`${JSON.stringify(rule)}: ${error.message}`);
    }
  }
}

function textsOf(lab: Lab): [string, Text][] {
  const { title, question, explain, predict, narrate = [], only, acts } = lab;
  return [
    ['title', title],
    ['question', question],
    ['explain', explain],
    ['predict.ask', predict.ask],
    ['predict.why', predict.why],
    ...predict.choices.map((choice): [string, Text] => ['a choice', choice]),
    ...narrate.map(({ say }): [string, Text] => ['a narration', say]),
    ...(only === undefined ? [] : [['only.why', only.why] as [string, Text]]),
    ...acts.flatMap((act): [string, Text][] => (act.title === undefined ? [] : [['an act', act.title]])),
    ...acts.flatMap((act): [string, Text][] => (act.only === undefined ? [] : [['only.why', act.only.why]])),
  ];
}

const isWhole = ({ en, zh }: Text): boolean => en.trim() !== '' && zh.trim() !== '';
