/** Notices that the namespace in which the interface is has lost its name: nobody can get into it any more. */

import { statSync, watch } from 'node:fs';
import { join } from 'node:path';

const FOLDER = '/run/netns';

/** Calls `gone` once. Returns how to stop watching. */
export function watchNamespace(name: string | null, gone: () => void): () => void {
  if (name === null) return () => {};
  const path = join(FOLDER, name);
  const before = identity(path);
  try {
    const watcher = watch(FOLDER, { persistent: false }, () => {
      if (identity(path) === before) return;
      watcher.close();
      gone();
    });
    watcher.on('error', () => {});
    return () => watcher.close();
  } catch {
    // Without inotify the stack goes on as it is.
    return () => {};
  }
}

/** Which namespace has the name now: one that was made anew is another. */
function identity(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}
