/** The end of a question to another thread or process: `id` is that of the question. */
export type Answer = { id: number; value: unknown } | { id: number; error: string };

/** A request as it is sent, without the id that it gets on the way. */
export type Question<R> = R extends { id: number } ? Omit<R, 'id'> : never;

/** Questions to another thread or process that are not answered yet. */
export class PendingAnswers {
  private readonly waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();
  private nextId = 0;

  /** @param send sends the question with this id, which has to come back with the answer */
  ask<T>(send: (id: number) => void): Promise<T> {
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  settle(answer: Answer): void {
    const asked = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('error' in answer) asked?.reject(new Error(answer.error));
    else asked?.resolve(answer.value as never);
  }

  /** For when no more answers can come. */
  rejectAll(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
