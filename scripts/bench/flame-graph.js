// A V8 CPU profile as a flame graph (SVG), and as a list of where the time goes.

const WIDTH = 1400;
const ROW = 17;
const CHARACTER = 6.5;
/** Narrower boxes are left out, px. */
const LEAST = 0.5;
const NOT_WORK = new Set(['(idle)', '(root)']);

/** V8 tells an addon's functions apart badly, all may have the name of one: their caller names them. */
function nameOf({ functionName, url, lineNumber }, caller) {
  const ours = url.split('/dist/')[1];
  const file = ours ?? url.split('/').slice(-2).join('/');
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (file !== '') return `${name} ${file}:${lineNumber + 1}`;
  return name.startsWith('(') ? name : `native, in ${caller}`;
}

/** The profile as a tree `{ name, self, total, children }`, µs; calls of the same function at one place are one. */
export function callTree({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, { node, self: 0 }]));
  samples.forEach((id, index) => {
    byId.get(id).self += Math.max(0, timeDeltas[index]);
  });
  const grow = (id, caller) => {
    const { node, self } = byId.get(id);
    const name = nameOf(node.callFrame, caller);
    const children = new Map();
    for (const child of (node.children ?? []).map((each) => grow(each, name))) {
      const same = children.get(child.name);
      if (same === undefined) children.set(child.name, child);
      else merge(same, child);
    }
    const branches = [...children.values()].filter(({ name }) => !NOT_WORK.has(name));
    const below = branches.reduce((sum, { total }) => sum + total, 0);
    return { name, self, total: self + below, children: branches };
  };
  return grow(nodes[0].id, '');
}

function merge(into, from) {
  into.self += from.self;
  into.total += from.total;
  for (const child of from.children) {
    const same = into.children.find(({ name }) => name === child.name);
    if (same === undefined) into.children.push(child);
    else merge(same, child);
  }
}

/** `[name, µs]` of every function's own time, the most first. */
export function ownTimes(tree) {
  const times = new Map();
  const visit = ({ name, self, children }) => {
    times.set(name, (times.get(name) ?? 0) + self);
    children.forEach(visit);
  };
  tree.children.forEach(visit);
  return [...times].sort(([, left], [, right]) => right - left);
}

/** Time by part of the program: the stack's folders, Node, the addon with the kernel below it. */
export function byPart(times) {
  const parts = new Map();
  for (const [name, time] of times) {
    const part = partOf(name);
    parts.set(part, (parts.get(part) ?? 0) + time);
  }
  return [...parts].sort(([, left], [, right]) => right - left);
}

function partOf(name) {
  if (name.startsWith('native, in write device')) return 'writes: the kernel, and all that it does at once';
  if (name.startsWith('copyBytes')) return 'copies of payload';
  if (/^\((?!anonymous)/.test(name)) return name;
  const folder = name.match(/^(?:native, in )?.* ((?:base|wire|ip|tcp|stack|device|net|trace|drivers)\/)/);
  return folder === null ? 'Node' : folder[1];
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Warm colours by name: the same function looks the same everywhere. */
function colourOf(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return `hsl(${hash % 55} 85% ${60 + (hash % 15)}%)`;
}

function box({ name, total, self }, left, row, scale, whole) {
  const width = total * scale;
  const share = ((total / whole) * 100).toFixed(1);
  const letters = Math.floor((width - 4) / CHARACTER);
  const label = letters < 3 ? '' : escaped(name.slice(0, letters));
  const title = escaped(`${name}: ${share} %, own ${((self / whole) * 100).toFixed(1)} %`);
  const [x, y] = [left.toFixed(1), row * ROW];
  return (
    `<g><title>${title}</title><rect x="${x}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" ` +
    `fill="${colourOf(name)}"/><text x="${(left + 2).toFixed(1)}" y="${y + 12}">${label}</text></g>`
  );
}

/** The whole time is as wide as the picture; callers stand above what they call. */
export function flameGraph(tree, title) {
  const whole = tree.children.reduce((sum, { total }) => sum + total, 0);
  const scale = WIDTH / whole;
  const boxes = [];
  let rows = 0;
  const draw = (node, left, row) => {
    if (node.total * scale < LEAST) return;
    rows = Math.max(rows, row + 1);
    boxes.push(box(node, left, row, scale, whole));
    let at = left;
    for (const child of [...node.children].sort((a, b) => b.total - a.total)) {
      draw(child, at, row + 1);
      at += child.total * scale;
    }
  };
  draw({ name: title, self: 0, total: whole, children: tree.children }, 0, 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${rows * ROW}" font-family="monospace" font-size="11">`,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}
