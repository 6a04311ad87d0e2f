import { Dynalite, type Fields } from './dynalite.ts';
import { DynamoDbError } from './dynamodb-error.ts';
import { Transactions } from './transactions.ts';

/** DynamoDB for the local run: dynalite, with TransactWriteItems and the old item of a failed condition on top. */
export class LocalDynamoDb {
  private readonly dynalite: Dynalite;
  private readonly transactions: Transactions;
  private readonly recovered: Promise<void>;
  /** Resolves once the latest request is done. */
  private last: Promise<unknown> = Promise.resolve();

  /** @param path folder in which the tables survive; in memory without it */
  constructor(path?: string) {
    this.dynalite = new Dynalite(path);
    this.transactions = new Transactions(this.dynalite, path && `${path}-transaction.json`);
    this.recovered = this.transactions.undoUnfinished();
  }

  close(): Promise<void> {
    return this.dynalite.close();
  }

  /**
   * One request: the operation of `X-Amz-Target` and its parsed JSON body. Requests are done one at a time, so that nothing
   * reads or writes in the middle of a transaction.
   * @throws DynamoDbError
   */
  call(operation: string, input: Fields): Promise<Fields> {
    const answer = this.last.then(() => this.perform(operation, input));
    this.last = answer.catch(() => {});
    return answer;
  }

  private async perform(operation: string, input: Fields): Promise<Fields> {
    await this.recovered;
    if (operation === 'TransactWriteItems') return this.transactions.write(input);
    const data = this.dynalite.check(operation, input);
    try {
      return await this.dynalite.perform(operation, data);
    } catch (error) {
      if (
        error instanceof DynamoDbError &&
        error.type === 'ConditionalCheckFailedException' &&
        input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD'
      ) {
        const old = await this.dynalite.read(data);
        if (old) error.body.Item = old;
      }
      throw error;
    }
  }
}
