/** Words as numbers: the vocabularies are closed, so the table stays small. */

/** More words than any vocabulary has; beyond it everything is "other". */
const MAX_WORDS = 2_000;

export class Words {
  private readonly words: string[] = ['other'];
  private readonly codes = new Map<string, number>([['other', 0]]);

  /** The number of `word`, the same every time. */
  code(word: string): number {
    const known = this.codes.get(word);
    if (known !== undefined) return known;
    if (this.words.length >= MAX_WORDS) return 0;
    const code = this.words.push(word) - 1;
    this.codes.set(word, code);
    return code;
  }

  word(code: number): string {
    return this.words[code] ?? 'other';
  }
}
