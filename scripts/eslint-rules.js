// Rules of our own for ESLint.

const DISABLES = /^\s*eslint-disable/;

/** A rule that is switched off says why: `// eslint-disable-next-line complexity -- the RFC's eight cases`. */
export const disableNeedsReason = {
  meta: { type: 'suggestion', schema: [], messages: { reason: 'Say why after two dashes.' } },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          if (!DISABLES.test(comment.value)) continue;
          if (/ -- \S+/.test(comment.value)) continue;
          context.report({ loc: comment.loc, messageId: 'reason' });
        }
      },
    };
  },
};

const TABLE = /biome-ignore format: table/;

/** Lines of at most `max` columns; tables under `biome-ignore format: table` keep theirs. */
export const lineLength = {
  meta: {
    type: 'layout',
    schema: [{ type: 'object', properties: { max: { type: 'integer' } }, additionalProperties: false }],
    messages: { long: '{{length}} columns; {{max}} are allowed.' },
  },
  create(context) {
    const { sourceCode } = context;
    const max = context.options[0]?.max ?? 120;
    return {
      Program(program) {
        const tables = sourceCode
          .getAllComments()
          .filter((comment) => TABLE.test(comment.value))
          .map((comment) => sourceCode.getNodeByRangeIndex(sourceCode.getTokenAfter(comment)?.range[0] ?? 0))
          .map((node) => enclosingStatement(node, program));
        sourceCode.lines.forEach((text, index) => {
          const line = index + 1;
          const inTable = tables.some((node) => node.loc.start.line <= line && line <= node.loc.end.line);
          if (text.length <= max || inTable) return;
          context.report({
            loc: { line, column: max },
            messageId: 'long',
            data: { length: text.length, max },
          });
        });
      },
    };
  },
};

/** What a comment in front of `node` speaks of: its statement, or its place in a list. */
function enclosingStatement(node, program) {
  let statement = node;
  while (
    statement.parent &&
    statement.parent !== program &&
    !/Declaration$|Statement$|Definition$|^Property$/.test(statement.type)
  ) {
    statement = statement.parent;
  }
  if (statement.parent?.type.startsWith('Export')) statement = statement.parent;
  return statement;
}
