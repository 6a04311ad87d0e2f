import type { Faults } from '../faults/faults.ts';
import {
  ExecutionEnvironment,
  type FunctionDefinition,
  type FunctionEvents,
  type InvocationResult,
  type Qualifier,
} from './execution-environment.ts';

/** What Lambda calls the code that has no version of its own yet. */
const LATEST = '$LATEST';

/** A function that runs its bundle in worker threads, each one an execution environment as Lambda keeps them. */
export class LocalFunction {
  readonly definition: FunctionDefinition;
  private readonly events: FunctionEvents;
  private readonly faults: Faults | undefined;
  private readonly idle: ExecutionEnvironment[] = [];
  private readonly all = new Set<ExecutionEnvironment>();

  /** @param faults those that are injected into invocations, if any */
  constructor(definition: FunctionDefinition, events: FunctionEvents, faults?: Faults) {
    this.definition = definition;
    this.events = events;
    this.faults = faults;
  }

  /**
   * Runs the handler once, in an idle environment or a new one. Never rejects: a crash, a timeout, too little memory and
   * a throttle are results, as they are to whoever invokes a function on AWS. All versions run the code of the template.
   * @param qualifier the version or alias that is invoked; without it the function itself
   */
  async invoke(event: unknown, qualifier?: Qualifier): Promise<InvocationResult> {
    const { reservedConcurrency, functionName, functionArn } = this.definition;
    const version = qualifier?.version ?? LATEST;
    let environment = this.idle.pop();
    if (!environment) {
      if (reservedConcurrency !== undefined && this.all.size >= reservedConcurrency) {
        this.events.measured(functionName, { Throttles: 1 }, qualifier);
        return { ok: false, errorType: 'TooManyRequestsException', errorMessage: 'Rate Exceeded.' };
      }
      environment = new ExecutionEnvironment(this.definition, version, this.events);
      this.all.add(environment);
    }
    const fault = this.faults?.invocation(event);
    const started = performance.now();
    const invokedArn = qualifier ? `${functionArn}:${qualifier.name}` : functionArn;
    const result = await environment.run(event, { invokedArn, version }, fault);
    const Duration = performance.now() - started;
    const values = { Invocations: 1, Duration, Errors: result.ok ? 0 : 1, Throttles: 0 };
    this.events.measured(functionName, values, qualifier);
    if (environment.alive) this.idle.push(environment);
    else this.all.delete(environment);
    if (!result.ok) {
      if (fault) this.faults?.record(fault.kind);
      this.events.log(functionName, JSON.stringify({ level: 'ERROR', type: 'platform.report', ...result }));
    }
    return result;
  }

  /** Whether an invocation is under way. */
  get isBusy(): boolean {
    return this.all.size > this.idle.length;
  }

  /** Ends every environment, running or not. */
  async stop(): Promise<void> {
    await Promise.all([...this.all].map((environment) => environment.end()));
    this.all.clear();
    this.idle.length = 0;
  }
}
