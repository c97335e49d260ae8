/** Elements of the picture, where its columns are, and what its colours mean. */

export const WIDTH = 1130;
export const TIME_X = 58;
export const LEFT = 208;
export const PEER_X = 218;
export const STACK_X = 690;
export const RIGHT = 700;
/** The first of the timers' columns, and the next one's distance. */
export const LANE_X = 812;
export const LANE = 16;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it stands between tags, or in an attribute. */
export function escaped(words: string): string {
  return words.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');
}

export function element(name: string, attributes: Readonly<Record<string, string | number>>): string {
  const parts = Object.entries(attributes).map(([key, value]) => ` ${key}="${rounded(value)}"`);
  return `<${name}${parts.join('')}/>`;
}

export function text(
  x: number,
  y: number,
  words: string,
  look: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  const side = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `<text x="${rounded(x)}" y="${rounded(y)}" class="${look}"${side}>${escaped(words)}</text>`;
}

function rounded(value: string | number): string {
  return typeof value === 'number' ? String(Math.round(value * 10) / 10) : escaped(value);
}

type Colours = Readonly<Record<'paper' | 'ink' | 'dim' | 'syn' | 'fin' | 'data' | 'bad' | 'again', string>>;

/** Each colour is a meaning: green opens, violet closes, blue is data, red is lost or reset, amber comes again. */
const LIGHT: Colours = {
  paper: '#ffffff',
  ink: '#1f2328',
  dim: '#59636e',
  syn: '#116329',
  fin: '#6639ba',
  data: '#0550ae',
  bad: '#b3261e',
  again: '#8a4600',
};
const DARK: Colours = {
  paper: '#0d1117',
  ink: '#e6edf3',
  dim: '#9198a1',
  syn: '#56d364',
  fin: '#d2a8ff',
  data: '#79c0ff',
  bad: '#ff8f87',
  again: '#e3b341',
};
const TONES = ['syn', 'fin', 'data', 'bad', 'again'] as const;

/** Colours as such: not every reader of SVG knows variables. */
function coloured(colours: Colours): string {
  const { paper, ink, dim } = colours;
  const tones = TONES.map((tone) => {
    const colour = colours[tone];
    return `text.${tone},path.tip.${tone}{fill:${colour}}line.${tone},path.${tone}{stroke:${colour}}`;
  });
  return [
    `text{fill:${ink}}line,path{stroke:${dim}}`,
    `.paper{fill:${paper}}line.life{stroke:${ink}}line.torn{stroke:${paper}}`,
    `text.time,text.note,text.app,text.ack,text.timer{fill:${dim}}`,
    ...tones,
    `path.tip.ack,path.tip.note{fill:${dim}}path.tip.hollow{fill:${paper}}`,
  ].join('\n');
}

export const STYLE = `<style>
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px}
line,path{fill:none;stroke-width:1.4}
line.torn{stroke-width:3;stroke-dasharray:2 4}
line.lost{stroke-dasharray:3 4}
.head,.state{font-weight:600}
${coloured(LIGHT)}
@media(prefers-color-scheme:dark){
${coloured(DARK)}
}
</style>`;
