/** The managed policy for those who operate the stack. That it is enough for the verbs is shown in test/e2e/operator.test.ts. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { ARCHIVE } from '../../../../contract/archive.ts';
import { pascalCase } from '../../../../contract/names.ts';
import { consumers, stages } from '../../../../lib/config.ts';
import type { ConsumerSettings } from '../../../../lib/settings/types.ts';
import {
  consumersOf,
  everyStage,
  resource,
  type Statement,
  synthesize,
  withOperators,
} from '../../../fixtures/synthesized.ts';

describe.each(everyStage)('$called', ({ of, stage }) => {
  const template = synthesize(stage, withOperators(stage), of);
  const { ref: policy, Properties } = resource(template, 'AWS::IAM::ManagedPolicy', 'OperatorPolicy');
  const statements = (Properties.PolicyDocument as { Statement: Statement[] }).Statement;

  /** What an action is allowed on: logical IDs, or `*` for everything; an ARN that is put together as it is. */
  const allowedOn = (action: string) =>
    statements
      .filter((each) => [each.Action].flat().includes(action))
      .flatMap((each) => [each.Resource].flat() as (string | Record<string, unknown>)[])
      .map((each) => (typeof each === 'string' ? each : ([each['Fn::GetAtt'] ?? each.Ref].flat()[0] ?? each)))
      .sort();
  /** An ARN that is put together, with the logical IDs of what it refers to. */
  const refs = (arn: unknown) => JSON.stringify(arn).replace(/\{"Ref":("[^"]+")\}/g, '$1');
  const one = (type: string, id: string) => resource(template, `AWS::${type}`, id).ref;
  const ids = (type: string, ending: string) =>
    consumersOf(stage, of).map(({ id }) => one(type, id + ending));

  const deadLetterQueues = ids('SQS::Queue', 'DeadLetterQueue');
  const kept = [...deadLetterQueues, one('SQS::Queue', 'UnroutedQueue')];
  const topics = [
    'OperationsNoticesTopic',
    'OperationsPagesTopic',
    `${pascalCase(of.domain.topic)}Topic`,
  ].map((id) => one('SNS::Topic', id));
  const tablesFor = (action: string) =>
    consumersOf(stage, of).flatMap(({ id, settings: { tables } }) =>
      Object.entries(tables)
        .filter(([, { operatorActions = [] }]) => operatorActions.some((each) => each === action))
        .map(([table]) => one('DynamoDB::GlobalTable', `${id}${pascalCase(table)}Table`)),
    );
  const records = consumersOf(stage, of).flatMap(({ id, settings: { tables } }) =>
    Object.entries(tables)
      .filter(([, { holds }]) => holds === 'records')
      .map(([table]) => one('DynamoDB::GlobalTable', `${id}${pascalCase(table)}Table`)),
  );
  const log = one('Logs::LogGroup', 'OperationsLog');
  const keys = stages[stage].customerManagedKey ? [one('KMS::Key', 'Key')] : [];

  test.each<[string, string[]]>([
    ['sqs:ReceiveMessage', kept],
    ['sqs:DeleteMessage', kept],
    ['sqs:ChangeMessageVisibility', kept],
    ['sqs:StartMessageMoveTask', deadLetterQueues],
    ['sqs:SendMessage', ids('SQS::Queue', 'Queue')],
    ['sqs:PurgeQueue', []],
    ['sns:ListSubscriptionsByTopic', topics],
    ['sns:GetTopicAttributes', topics],
    ['dynamodb:UpdateItem', tablesFor('dynamodb:UpdateItem')],
    ['dynamodb:Scan', tablesFor('dynamodb:Scan')],
    ['dynamodb:BatchGetItem', records],
    ['dynamodb:GetItem', []],
    ['dynamodb:PutItem', []],
    ['logs:FilterLogEvents', [...ids('Logs::LogGroup', 'Logs'), log]],
    ['logs:PutLogEvents', [log]],
    ['kms:Decrypt', keys],
    ['kms:GenerateDataKey', keys],
    ['kms:DescribeKey', keys],
  ])('%s is allowed where a verb needs it, and nowhere else', (action, on) => {
    expect(allowedOn(action)).toEqual(on.toSorted());
  });

  test("consumers' mappings alone can be looked at and turned on and off, and the stack's alarms alone be set", () => {
    const named = (action: string) =>
      allowedOn(action).map((arn) => /event-source-mapping:","([^"]+)"/.exec(refs(arn))?.[1]);
    const mappings = ids('Lambda::EventSourceMapping', 'FunctionAliasliveMessages').sort();

    expect(named('lambda:GetEventSourceMapping').sort()).toEqual(mappings);
    expect(named('lambda:UpdateEventSourceMapping').sort()).toEqual(mappings);
    expect(allowedOn('cloudwatch:SetAlarmState').map(refs)).toEqual([
      expect.stringMatching(new RegExp(`,":alarm:${of.domain.stackName}-${stage}-\\*"\\]\\]\\}$`)),
    ]);
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

  test('its ARN is an output', () => {
    template.hasOutput('OperatorPolicyArn', { Value: { Ref: policy } });
  });
});

test('dev makes none without being asked', () => {
  synthesize('dev').resourceCountIs('AWS::IAM::ManagedPolicy', 0);
});

/** A stack of these consumers, without their code. */
function withConsumers(all: Record<string, ConsumerSettings>) {
  const folder = temporaryFolder('handlers-');
  for (const name of [...Object.keys(all), ARCHIVE]) {
    fs.mkdirSync(path.join(folder, name));
    fs.writeFileSync(path.join(folder, name, 'handler.ts'), '');
  }
  return { handlers: folder, consumers: all };
}

test('it fits the limit of IAM with the longest names, a fourth consumer and the archive; synth refuses a longer one', () => {
  const points: ConsumerSettings = {
    tables: { points: { holds: 'records', partitionKey: 'orderId', actions: ['dynamodb:PutItem'] } },
  };
  const copies = Array.from({ length: 9 }, (_, index) => [`billing${index}`, consumers.billing] as const);

  expect(() => synthesize('prod', withConsumers({ ...consumers, points }))).not.toThrow();
  expect(() => synthesize('prod', withConsumers(Object.fromEntries(copies)))).toThrow(
    /^OrderFanOut-prod\/OperatorPolicy: the policy may take \d+ characters, but IAM takes 6144: part it, or set operations.policy to false/,
  );
});
