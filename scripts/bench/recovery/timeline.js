// Time for an impaired device on the real clock: one timer, and nothing out of order.

export class RealTimeline {
  #events = [];
  #timer = null;

  now() {
    return performance.now() * 1000;
  }

  at(time, run) {
    const events = this.#events;
    let place = events.length;
    while (place > 0 && events[place - 1].time > time) place--;
    events.splice(place, 0, { time, run });
    if (place === 0) this.#arm();
  }

  /** Forgets what has not happened yet. */
  stop() {
    this.#events.length = 0;
    clearTimeout(this.#timer);
  }

  #arm() {
    clearTimeout(this.#timer);
    const first = this.#events[0];
    if (first === undefined) return;
    const wait = Math.max(0, Math.ceil((first.time - this.now()) / 1000));
    this.#timer = setTimeout(() => this.#runDue(), wait);
  }

  #runDue() {
    const events = this.#events;
    while (events.length > 0 && events[0].time <= this.now()) events.shift().run();
    this.#arm();
  }
}
