/** The managed policy for those who operate the stack. That it is enough for the verbs is shown in test/e2e/operator.test.ts. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import type { Template } from 'aws-cdk-lib/assertions';
import { ARCHIVE } from '../../../../contract/archive.ts';
import { pascalCase } from '../../../../contract/names.ts';
import { consumers } from '../../../../lib/config.ts';
import {
  consumersOf,
  resource,
  type Statement,
  stageNames,
  synthesize,
  withOperators,
} from '../../../fixtures/synthesized.ts';

describe.each(stageNames)('in %s', (stage) => {
  let template: Template;
  let statements: Statement[];

  beforeAll(() => {
    template = synthesize(stage, withOperators(stage));
    const { Properties } = resource(template, 'AWS::IAM::ManagedPolicy', 'OperatorPolicy');
    statements = (Properties.PolicyDocument as { Statement: Statement[] }).Statement;
  });

  /** Logical IDs of what an action is allowed on, `*` for everything; an ARN put together as it is. */
  function allowedOn(action: string): unknown[] {
    return statements
      .filter((each) => [each.Action].flat().includes(action))
      .flatMap((each) => [each.Resource].flat() as (string | Record<string, unknown>)[])
      .map((each) => {
        if (typeof each === 'string') return each;
        return [each['Fn::GetAtt'] ?? each.Ref].flat()[0] ?? each;
      })
      .sort();
  }
  /** An ARN that is put together, with the logical IDs of what it refers to. */
  const refs = (arn: unknown) => JSON.stringify(arn).replace(/\{"Ref":("[^"]+")\}/g, '$1');
  const ids = (type: string, ending: string) =>
    consumersOf(stage)
      .map(({ id }) => resource(template, type, id + ending).ref)
      .sort();

  test('its ARN is an output', () => {
    const { ref } = resource(template, 'AWS::IAM::ManagedPolicy', 'OperatorPolicy');

    template.hasOutput('OperatorPolicyArn', { Value: { Ref: ref } });
  });

  test('messages are received and deleted in dead-letter queues and unrouted only, and sent to the queues of consumers only', () => {
    const deadLetterQueues = ids('AWS::SQS::Queue', 'DeadLetterQueue');

    const unrouted = resource(template, 'AWS::SQS::Queue', 'UnroutedQueue').ref;

    for (const action of ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility']) {
      expect(allowedOn(`sqs:${action}`)).toEqual([...deadLetterQueues, unrouted]);
    }
    expect(allowedOn('sqs:StartMessageMoveTask')).toEqual(deadLetterQueues);
    expect(allowedOn('sqs:SendMessage')).toEqual(ids('AWS::SQS::Queue', 'Queue'));
    expect(allowedOn('sqs:PurgeQueue')).toEqual([]);
  });

  test("consumers' mappings alone can be looked at, and turned on and off", () => {
    const mappings = ids('AWS::Lambda::EventSourceMapping', 'FunctionAliasliveMessages');
    const named = (action: string) =>
      allowedOn(action).map((arn) => /event-source-mapping:","([^"]+)"/.exec(refs(arn))?.[1]);

    expect(named('lambda:GetEventSourceMapping').sort()).toEqual(mappings);
    expect(named('lambda:UpdateEventSourceMapping').sort()).toEqual(mappings);
  });

  test("the stack's alarms alone can be set, and all topics be asked who is subscribed", () => {
    const [alarms] = allowedOn('cloudwatch:SetAlarmState');
    const topics = ['OperationsNoticesTopic', 'OperationsPagesTopic', 'OrdersTopic'].map(
      (id) => resource(template, 'AWS::SNS::Topic', id).ref,
    );

    expect(refs(alarms)).toMatch(new RegExp(`,":alarm:OrderFanOut-${stage}-\\*"\\]\\]\\}$`));
    expect(allowedOn('sns:ListSubscriptionsByTopic')).toEqual(topics);
    expect(allowedOn('sns:GetTopicAttributes')).toEqual(topics);
  });

  test('only the stock can be written, and only it can be read as a whole', () => {
    const stock = resource(template, 'AWS::DynamoDB::GlobalTable', 'InventoryStockTable').ref;

    expect(allowedOn('dynamodb:UpdateItem')).toEqual([stock]);
    expect(allowedOn('dynamodb:Scan')).toEqual([stock]);
    expect(allowedOn('dynamodb:GetItem')).toEqual(
      consumersOf(stage)
        .flatMap(({ id, settings: { tables } }) =>
          Object.entries(tables).map(([table, { holds }]) => ({
            id: `${id}${pascalCase(table)}Table`,
            holds,
          })),
        )
        .filter(({ holds }) => holds === 'records')
        .map(({ id }) => resource(template, 'AWS::DynamoDB::GlobalTable', id).ref)
        .sort(),
    );
    expect(allowedOn('dynamodb:PutItem')).toEqual([]);
  });

  test('only logs of this stack can be read, and only the operations log written', () => {
    const operations = resource(template, 'AWS::Logs::LogGroup', 'OperationsLog').ref;

    expect(allowedOn('logs:FilterLogEvents')).toEqual(
      [...ids('AWS::Logs::LogGroup', 'Logs'), operations].sort(),
    );
    expect(allowedOn('logs:PutLogEvents')).toEqual([operations]);
  });

  test('only what has no ARN is allowed on everything', () => {
    const onAll = statements.filter(({ Resource }) => [Resource].flat().includes('*'));

    expect(onAll.flatMap(({ Action }) => Action).sort()).toEqual([
      'cloudwatch:DescribeAlarmHistory',
      'cloudwatch:DescribeAlarms',
      'cloudwatch:GetMetricData',
      'lambda:GetAccountSettings',
      'sns:GetSubscriptionAttributes',
    ]);
    expect(JSON.stringify(statements.map(({ Action }) => Action))).not.toContain('*');
  });

  test('the key can be used and described, where there is one', () => {
    const keys = stage === 'prod' ? [resource(template, 'AWS::KMS::Key', 'Key').ref] : [];

    expect(allowedOn('kms:Decrypt')).toEqual(keys);
    expect(allowedOn('kms:GenerateDataKey')).toEqual(keys);
    expect(allowedOn('kms:DescribeKey')).toEqual(keys);
  });
});

test('dev makes none without being asked', () => {
  synthesize('dev').resourceCountIs('AWS::IAM::ManagedPolicy', 0);
});

/** A stack of so many copies of billing. */
function ofConsumers(count: number) {
  const handlers = temporaryFolder('handlers-');
  const copies = Array.from({ length: count }, (_, index) => `billing${index}`);
  for (const name of [...copies, ARCHIVE]) {
    fs.mkdirSync(path.join(handlers, name));
    fs.writeFileSync(path.join(handlers, name, 'handler.ts'), '');
  }
  return { handlers, consumers: Object.fromEntries(copies.map((name) => [name, consumers.billing])) };
}

test('it fits the limit of IAM with the longest names, a fourth consumer and the archive; synth refuses a longer one', () => {
  expect(() => synthesize('prod', ofConsumers(4))).not.toThrow();
  expect(() => synthesize('prod', ofConsumers(9))).toThrow(
    /^OrderFanOut-prod\/OperatorPolicy: the policy may take \d+ characters, but IAM takes 6144: part it, or set operations.policy to false/,
  );
});
