/** The comment at the head of a script: what it proves, and of which clauses. */

const COMMENT = /^\s*(?:\/\/([^\n]*)|#([^\n]*)|\/\*([\s\S]*?)\*\/)/;

/** All comments before the first option, command or event, blanks folded; empty when there is none. */
export function scriptHead(text: string): string {
  const parts: string[] = [];
  let rest = text;
  for (let match = COMMENT.exec(rest); match !== null; match = COMMENT.exec(rest)) {
    parts.push(match[1] ?? match[2] ?? match[3] ?? '');
    rest = rest.slice(match[0].length);
  }
  return parts.join(' ').replace(/\s+/g, ' ').trim();
}
