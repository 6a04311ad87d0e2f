/** A call of an API in another thread or process; `id` comes back with the answer. */
export interface Call {
  id: number;
  method: string;
  args: unknown[];
}
export type Answer = { id: number; value: unknown } | { id: number; error: string };

/** An API as another thread or process has it: every method gives a promise. */
export type Remote<Api> = {
  readonly [M in keyof Api]: Api[M] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

/** Makes the call of another thread or process. */
export async function answerTo(api: object, { id, method, args }: Call): Promise<Answer> {
  try {
    return { id, value: await (api as Record<string, (...args: unknown[]) => unknown>)[method]?.(...args) };
  } catch (error) {
    return { id, error: (error as Error).message };
  }
}

/** Calls of an API in another thread or process, and those that are not answered yet. */
export class RemoteCalls<Api> {
  /** Its methods reject with what `end` was told, once no more answers can come. */
  readonly api: Remote<Api>;
  private readonly waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  private nextId = 0;
  private ended: Error | undefined;

  constructor(send: (call: Call) => void) {
    this.api = new Proxy({} as Remote<Api>, {
      get: (_, method: string) => {
        // Or whoever awaits the API, if only by returning it from an async function, would wait for ever.
        if (method === 'then') return undefined;
        return (...args: unknown[]) => {
          if (this.ended) return Promise.reject(this.ended);
          const id = this.nextId++;
          return new Promise((resolve, reject) => {
            this.waiting.set(id, { resolve, reject });
            send({ id, method, args });
          });
        };
      },
    });
  }

  settle(answer: Answer): void {
    const caller = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('error' in answer) caller?.reject(new Error(answer.error));
    else caller?.resolve(answer.value);
  }

  /** For when no more answers can come. Only the first error counts. */
  end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
