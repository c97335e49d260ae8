// Runs many things on one machine at a time: those that compute share its cores, those that wait run
// beside them, those that measure it have it to themselves.

/**
 * What there is to share: a core and a quarter for each core, since nothing computes or waits all the time.
 * @param {number} cores
 */
export function capacityOf(cores) {
  return 1.25 * cores;
}

/**
 * The order in which tasks are tried: the longest first, so that none is left alone at the end; those that
 * need the machine for themselves last.
 */
function inOrder(tasks) {
  return [...tasks].sort((a, b) => Number(a.alone) - Number(b.alone) || b.seconds - a.seconds);
}

/**
 * Runs `tasks`, each as soon as there is room for its `load`. One that is `alone` runs when all others have
 * ended. A load that is larger than the capacity waits until nothing else runs.
 * @template {{ load: number, alone: boolean, seconds: number }} T
 * @param {readonly T[]} tasks
 * @param {number} capacity
 * @param {(task: T) => Promise<void>} run
 * @returns {Promise<void>} when all have ended
 */
export async function schedule(tasks, capacity, run) {
  const waiting = inOrder(tasks);
  const running = new Set();
  let used = 0;
  const fits = (task) => running.size === 0 || (!task.alone && used + task.load <= capacity + 1e-9);
  const start = (task) => {
    used += task.load;
    const ended = run(task).finally(() => {
      used -= task.load;
      running.delete(ended);
    });
    running.add(ended);
  };
  while (waiting.length > 0) {
    for (let at = 0; at < waiting.length; ) {
      const task = waiting[at];
      if (fits(task)) {
        waiting.splice(at, 1);
        start(task);
      } else at++;
    }
    await Promise.race(running);
  }
  await Promise.all(running);
}
