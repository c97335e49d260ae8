/**
 * src/tcp/transitions.ts → docs/state-machine.md (Mermaid and tables) and docs/state-machine.svg.
 *
 *     node --import tsx scripts/gen-state-machine.ts [--check]
 */

import { STATES, type State } from '../src/tcp/state.ts';
import { ARCS, ARCS_FROM_ANY } from '../src/tcp/transitions.ts';
import { generate } from './files.js';

interface Arc {
  readonly from: State;
  readonly on: string;
  readonly to: State;
  readonly send: string;
  readonly rfc: string;
  readonly note?: string;
}

const ALL: readonly Arc[] = ARCS;
/** Figure 5's own arrows; the others are drawn apart, as the RFC leaves them out for legibility. */
const FIGURE = ALL.filter(({ note }) => note === undefined);
const NOTES = ALL.filter(({ note }) => note !== undefined);

const BOX = { width: 136, height: 36 };
const SIZE = { width: 940, height: 800 };
/** Centres, after the layout of Figure 5. CLOSED stands twice, so that no arrow crosses the picture. */
// biome-ignore format: table
const PLACES: Record<State | 'CLOSED again', readonly [x: number, y: number]> = {
  'CLOSED':       [470, 40],
  'LISTEN':       [330, 150],
  'SYN-RECEIVED': [150, 270],
  'SYN-SENT':     [790, 270],
  'ESTABLISHED':  [470, 380],
  'FIN-WAIT-1':   [150, 490],
  'CLOSE-WAIT':   [790, 490],
  'FIN-WAIT-2':   [150, 630],
  'CLOSING':      [470, 610],
  'LAST-ACK':     [790, 630],
  'TIME-WAIT':    [470, 750],
  'CLOSED again': [790, 750],
};
/** The half of the picture in which an arrow to CLOSED ends at the lower box. */
const LOWER = new Set<State>(['LAST-ACK', 'TIME-WAIT', 'FIN-WAIT-2']);

const STYLE = `
  text { font: 13px ui-sans-serif, system-ui, sans-serif; text-anchor: middle; fill: #24292f }
  .name { font-weight: 600 } .send { fill: #8250df } .halo { stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
  rect { fill: #f6f8fa; stroke: #57606a; stroke-width: 1.5 } path { fill: none; stroke: #57606a; stroke-width: 1.3 }
  marker path { fill: #57606a; stroke: none } .back { fill: #ffffff; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .send { fill: #d2a8ff } .halo { stroke: #0d1117 }
    rect { fill: #161b22; stroke: #8b949e } path { stroke: #8b949e } marker path { fill: #8b949e } .back { fill: #0d1117 }
  }`;

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function placeOf(state: State, other: State): readonly [number, number] {
  return state === 'CLOSED' && LOWER.has(other) ? PLACES['CLOSED again'] : PLACES[state];
}

/** Where a ray from `start` towards (dx, dy) leaves the box around `centre`. */
function leave(
  centre: readonly [number, number],
  start: readonly [number, number],
  dx: number,
  dy: number,
): [number, number] {
  const reach = (half: number, from: number, step: number): number =>
    step === 0 ? Infinity : (Math.sign(step) * half - from) / step;
  const scale = Math.min(
    reach(BOX.width / 2, start[0] - centre[0], dx),
    reach(BOX.height / 2, start[1] - centre[1], dy),
  );
  return [start[0] + dx * scale, start[1] + dy * scale];
}

/** A straight arrow and its label; one of a pair that runs both ways keeps to its right, label and all. */
function arrow(arc: Arc): { line: string; label: string } {
  const paired = FIGURE.some(({ from, to }) => from === arc.to && to === arc.from);
  const start = placeOf(arc.from, arc.to);
  const stop = placeOf(arc.to, arc.from);
  const length = Math.hypot(stop[0] - start[0], stop[1] - start[1]);
  const [dx, dy] = [(stop[0] - start[0]) / length, (stop[1] - start[1]) / length];
  const aside = paired ? 14 : 0;
  const shift = ([x, y]: readonly [number, number]): [number, number] => [x - dy * aside, y + dx * aside];
  const [x1, y1] = leave(start, shift(start), dx, dy);
  const [x2, y2] = leave(stop, shift(stop), -dx, -dy);
  const clear = paired ? 48 * Math.abs(dy) + 14 * Math.abs(dx) : 0;
  const x = ((x1 + x2) / 2 - dy * clear).toFixed(1);
  const y = (y1 + y2) / 2 + dx * clear;
  const label = `  <text class="halo" x="${x}" y="${(y - 3).toFixed(1)}">${escapeXml(arc.on)}</text>`;
  const send = `<text class="halo send" x="${x}" y="${(y + 13).toFixed(1)}">send ${escapeXml(arc.send)}</text>`;
  const route = `M${x1.toFixed(1)} ${y1.toFixed(1)} L${x2.toFixed(1)} ${y2.toFixed(1)}`;
  return {
    line: `  <path d="${route}" marker-end="url(#tip)"/>`,
    label: label + (arc.send === '' ? '' : send),
  };
}

function box([name, [x, y]]: [string, readonly [number, number]]): string {
  const { width, height } = BOX;
  const label = name.replace(' again', '');
  return `  <rect x="${x - width / 2}" y="${y - height / 2}" width="${width}" height="${height}" rx="8"/><text class="name" x="${x}" y="${y + 5}">${label}</text>`;
}

function svg(): string {
  const { width, height } = SIZE;
  const arrows = FIGURE.map(arrow);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>The states of a TCP connection, RFC 9293 Figure 5</title>
  <style>${STYLE}
  </style>
  <defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 L10 5 L0 10 z"/></marker></defs>
  <rect class="back" width="${width}" height="${height}"/>
${arrows.map(({ line }) => line).join('\n')}
${arrows.map(({ label }) => label).join('\n')}
${Object.entries(PLACES).map(box).join('\n')}
</svg>
`;
}

function mermaid(arcs: readonly Arc[]): string {
  const id = (state: State): string => state.replaceAll('-', '_');
  const names = Object.keys(STATES) as State[];
  const used = names.filter((state) => arcs.some(({ from, to }) => from === state || to === state));
  const lines = [
    ...used.filter((state) => state.includes('-')).map((state) => `    state "${state}" as ${id(state)}`),
    ...arcs.map(({ from, on, to, send }) => `    ${id(from)} --> ${id(to)} : ${on}${send && ` / ${send}`}`),
  ];
  return `\`\`\`mermaid\nstateDiagram-v2\n${lines.join('\n')}\n\`\`\``;
}

const yes = (fact: boolean): string => (fact ? 'yes' : '');

function document(): string {
  const facts = Object.entries(STATES).map(
    ([name, { meaning, synchronized, maySend, mayReceive }]) =>
      `| ${name} | ${meaning} | ${yes(synchronized)} | ${yes(maySend)} | ${yes(mayReceive)} |`,
  );
  const arrows = ALL.map(
    ({ from, on, to, send, rfc, note }) => `| ${from} | ${on} | ${to} | ${send} | ${rfc} | ${note ?? ''} |`,
  );
  const fromAny = ARCS_FROM_ANY.map(({ on, rfc, note }) => `| ${on} | ${rfc} | ${note} |`);
  return `# The state machine

Generated by \`npm run generate\` from [transitions.ts](../src/tcp/transitions.ts), the table that the code itself moves
by: an arrow that is not in it does not compile, and one that no code takes fails \`npm run lint\`.

![The states of a TCP connection](state-machine.svg)

${mermaid(FIGURE)}

## States

| state | meaning | synchronized | may send | may receive |
|---|---|---|---|---|
${facts.join('\n')}

## Arrows

| from | on | to | send | RFC | note |
|---|---|---|---|---|---|
${arrows.join('\n')}

The arrows with a note are drawn here, apart from the figure's own:

${mermaid(NOTES)}

## From every state but CLOSED, to CLOSED

| on | RFC | note |
|---|---|---|
${fromAny.join('\n')}
`;
}

const files = { 'docs/state-machine.md': document(), 'docs/state-machine.svg': svg() };
process.exitCode = generate(files, process.argv.includes('--check')) ? 0 : 1;
