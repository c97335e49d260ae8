/** The calls of the user's interface, as a recording keeps them. */

/** What a recorder hears of the calls, in their order, before each is carried out. */
export interface CallTape {
  call(name: CallName, subject: number, detail: unknown): void;
}
export type CallName =
  | 'listen'
  | 'closeListener'
  | 'adjustListener'
  | 'accept'
  | 'connect'
  | 'send'
  | 'sendOwned'
  | 'receive'
  | 'shutdown'
  | 'close'
  | 'abort'
  | 'option'
  | 'configure'
  | 'closeEverything';
