/** Lets single operations run side by side, and a transaction alone, first come, first served. */
export class TransactionLock {
  private running = 0;
  private isAlone = false;
  private readonly waiting: { alone: boolean; enter: () => void }[] = [];

  single<T>(work: () => Promise<T>): Promise<T> {
    return this.run(false, work);
  }

  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.run(true, work);
  }

  private async run<T>(alone: boolean, work: () => Promise<T>): Promise<T> {
    if (this.isAlone || this.waiting.length > 0 || (alone && this.running > 0)) {
      await new Promise<void>((enter) => this.waiting.push({ alone, enter }));
    } else {
      this.enter(alone);
    }
    try {
      return await work();
    } finally {
      this.running -= 1;
      if (alone) this.isAlone = false;
      this.admit();
    }
  }

  private enter(alone: boolean): void {
    this.running += 1;
    this.isAlone = alone;
  }

  private admit(): void {
    while (!this.isAlone) {
      const next = this.waiting[0];
      if (!next || (next.alone && this.running > 0)) return;
      this.waiting.shift();
      this.enter(next.alone);
      next.enter();
    }
  }
}
