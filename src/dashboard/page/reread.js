// Reads something again because it has changed: soon, never twice at once, and not while nobody looks.

/** Between two readings, at least; and as many times as long as the last one took, so that a busy gate is asked less. */
const PAUSE = 500;
const REST = 4;
const LONGEST_REST = 15_000;

export class Reread {
  /** @param {() => Promise<void>} read what it throws is the reader's to show */
  constructor(read) {
    this.read = read;
    this.due = 0;
    this.look = () => {
      if (!document.hidden && this.missed) this.ask();
    };
    document.addEventListener("visibilitychange", this.look);
  }

  /** Something has changed. */
  ask() {
    if (this.timer || this.closed) return;
    this.missed = document.hidden;
    this.again = this.reading && !this.missed;
    if (this.reading || this.missed) return;
    this.timer = setTimeout(() => this.run(), Math.max(0, this.due - performance.now()));
  }

  /** Reads no more. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.look);
  }

  async run() {
    this.timer = 0;
    this.missed = document.hidden;
    if (this.missed) return;
    const began = performance.now();
    this.reading = true;
    this.again = false;
    try {
      await this.read();
    } finally {
      const ended = performance.now();
      this.due = ended + Math.min(LONGEST_REST, Math.max(PAUSE, REST * (ended - began)));
      this.reading = false;
      if (this.again) this.ask();
    }
  }
}
