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
  private ended: Error | undefined;

  /**
   * @param send sends the question with this id, which has to come back with the answer
   * @throws what `end` was told, where no more answers can come
   */
  ask<T>(send: (id: number) => void): Promise<T> {
    if (this.ended) return Promise.reject(this.ended);
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

  /** For when no more answers can come: rejects what is asked and will be. Only the first error counts. */
  end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
