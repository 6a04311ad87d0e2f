// TransactWriteItems, which dynalite does not have.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
import fs from 'node:fs';
import type { Dynalite, Fields, Item } from './dynalite.ts';
import { type CancellationReason, DynamoDbError, transactionCancelled } from './dynamodb-error.ts';

/** Action of a transaction → the single operation with the same fields. A check has the fields of a delete. */
const OPERATIONS = new Map([
  ['Put', 'PutItem'],
  ['Update', 'UpdateItem'],
  ['Delete', 'DeleteItem'],
  ['ConditionCheck', 'DeleteItem'],
]);

interface Step {
  action: string;
  operation: string;
  data: Fields;
  /** Whether a failed condition is to be answered with the item. */
  wantsOld: boolean;
}
type Undo = Pick<Step, 'data'> & { old?: Item | undefined };

/** The caller lets nothing else read or write while one of these runs. */
export class Transactions {
  private readonly dynalite: Dynalite;
  /** Where the old items of a transaction lie while its writes are done, so that a process that is killed leaves no half. */
  private readonly journal: string | undefined;

  /** @param journal a file; without it nothing survives the process anyway */
  constructor(dynalite: Dynalite, journal: string | undefined) {
    this.dynalite = dynalite;
    this.journal = journal;
  }

  /** Undoes a transaction whose process was killed before it ended. */
  async undoUnfinished(): Promise<void> {
    if (!this.journal || !fs.existsSync(this.journal)) return;
    const undo: Undo[] = JSON.parse(fs.readFileSync(this.journal, 'utf8'));
    for (const each of undo) await this.restore(each);
    fs.rmSync(this.journal);
  }

  /** @throws DynamoDbError */
  async write(input: Fields): Promise<Fields> {
    const steps = this.stepsOf(input);
    const olds = await this.oldItems(steps);
    const reasons = steps.map((step, index) => this.reasonAgainst(step, olds[index]));
    if (reasons.some(({ Code }) => Code !== 'None')) throw transactionCancelled(reasons);
    const undo = steps.map(({ data }, index) => ({ data, old: olds[index] }));
    this.note(undo);
    try {
      await this.apply(steps, undo);
    } finally {
      if (this.journal) fs.rmSync(this.journal);
    }
    return {};
  }

  private stepsOf(input: Fields): Step[] {
    const entries: Fields[] = input.TransactItems ?? [];
    return entries.map((entry) => {
      const [action = '', request] = Object.entries(entry)[0] ?? [];
      const operation = OPERATIONS.get(action);
      if (!operation) throw invalid(`unknown action ${action} in TransactItems`);
      const data = this.dynalite.check(operation, request);
      const wantsOld = request.ReturnValuesOnConditionCheckFailure === 'ALL_OLD';
      return { action, operation, data, wantsOld };
    });
  }

  private async oldItems(steps: Step[]): Promise<(Item | undefined)[]> {
    const seen = new Set<string>();
    const olds: (Item | undefined)[] = [];
    for (const { data } of steps) {
      const key = `${data.TableName} ${JSON.stringify(await this.dynalite.keyOf(data))}`;
      if (seen.has(key)) {
        throw invalid('Transaction request cannot include multiple operations on one item');
      }
      seen.add(key);
      olds.push(await this.dynalite.read(data));
    }
    return olds;
  }

  private reasonAgainst({ data, wantsOld }: Step, old: Item | undefined): CancellationReason {
    if (this.dynalite.meetsCondition(data, old)) return { Code: 'None' };
    return {
      Code: 'ConditionalCheckFailed',
      Message: 'The conditional request failed',
      ...(wantsOld && old && { Item: old }),
    };
  }

  private note(undo: Undo[]): void {
    if (!this.journal) return;
    // Under its name only when it is whole: before that nothing is written to a table.
    fs.writeFileSync(`${this.journal}.part`, JSON.stringify(undo));
    fs.renameSync(`${this.journal}.part`, this.journal);
  }

  private async apply(steps: Step[], undo: Undo[]): Promise<void> {
    for (const step of steps) {
      if (step.action === 'ConditionCheck') continue;
      try {
        await this.dynalite.perform(step.operation, step.data);
      } catch (error) {
        for (const each of undo) await this.restore(each);
        const { message: Message } = error as Error;
        throw transactionCancelled(
          steps.map((each) => (each === step ? { Code: 'ValidationError', Message } : { Code: 'None' })),
        );
      }
    }
  }

  private async restore({ data, old }: Undo): Promise<void> {
    const { TableName } = data;
    if (old) await this.dynalite.perform('PutItem', { TableName, Item: old });
    else await this.dynalite.perform('DeleteItem', { TableName, Key: await this.dynalite.keyOf(data) });
  }
}

const invalid = (message: string) => DynamoDbError.of('ValidationException', message);
