import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { Template } from 'aws-cdk-lib/assertions';
import { readConsumers, recordsTable } from '../../../contract/stack-outputs.ts';
import { consumers } from '../../../lib/config.ts';
import { FanOutStack } from '../../../lib/fan-out-stack.ts';
import type { ConsumerSettings } from '../../../lib/settings/types.ts';
import { PROJECT } from '../../fixtures/project.ts';
import { resource, synthesize, testApp } from '../../fixtures/synthesized.ts';

/** The one entry in lib/config.ts. */
const fraudCheck: ConsumerSettings = {
  ...consumers.billing,
  eventTypes: ['order.placed'],
  filter: { currency: ['EUR', 'USD'] },
  tables: { 'risk-scores': { holds: 'other', partitionKey: 'customerId', actions: ['dynamodb:UpdateItem'] } },
};
/** Keeps nothing. */
const mailing: ConsumerSettings = { ...consumers.billing, eventTypes: ['order.placed'], tables: {} };
const extended = { ...consumers, 'fraud-check': fraudCheck };

const handlers = temporaryFolder('handlers-');

beforeAll(() => {
  cpSync(join(PROJECT, 'lambda'), handlers, { recursive: true });
  for (const name of ['fraud-check', 'mailing']) mkdirSync(join(handlers, name));
  writeFileSync(join(handlers, 'mailing', 'handler.ts'), 'export const handler = async () => {};');
  // The one folder in lambda/.
  writeFileSync(
    join(handlers, 'fraud-check', 'handler.ts'),
    `import verdict from './verdict.cjs';
    export const handler = async (): Promise<string> => verdict;`,
  );
  // Like the CommonJS packages that handlers bring along.
  writeFileSync(
    join(handlers, 'fraud-check', 'verdict.cjs'),
    "module.exports = require('node:path').join('no', 'fraud');",
  );
});

test('a fourth consumer has what each of the first three has, and changes nothing else', () => {
  const before = typesById(synthesize('prod'));
  const after = typesById(synthesize('prod', { consumers: extended, handlers }));
  const typesOf = (id: string) => after.filter(([each]) => each.startsWith(id)).map(([, type]) => type);

  expect(typesOf('FraudCheck')).toEqual(typesOf('Shipping'));
  expect(after.filter(([id]) => !id.startsWith('FraudCheck'))).toEqual(before);
});

test('a fourth consumer is wired by its entry: filter, table, outputs, dashboard', () => {
  const template = synthesize('dev', { consumers: extended, handlers });

  const table = resource(template, 'AWS::DynamoDB::GlobalTable', 'FraudCheckRiskScoresTable');
  expect(
    resource(template, 'AWS::SNS::Subscription', 'FraudCheckSubscription').Properties.FilterPolicy,
  ).toEqual({
    eventType: ['order.placed'],
    currency: ['EUR', 'USD'],
  });
  expect(
    resource(template, 'AWS::Lambda::Function', 'FraudCheckFunction').Properties.Environment,
  ).toMatchObject({
    Variables: { RISK_SCORES_TABLE: { Ref: table.ref }, POWERTOOLS_SERVICE_NAME: 'fraud-check' },
  });
  template.hasOutput('FraudCheckRiskScoresTableName', { Value: { Ref: table.ref } });
  expect(JSON.stringify(template.findResources('AWS::CloudWatch::Dashboard'))).toContain(
    'fraud-check: depth',
  );
});

test('the outputs tell which consumers keep a record of each order: neither one keyed otherwise nor one without a table', () => {
  const template = synthesize('dev', { consumers: { ...extended, mailing }, handlers });
  const outputs = Object.entries(template.findOutputs('*')).map(
    ([key, { Description: description = '' }]) => [key, { value: key, description }] as const,
  );

  const found = readConsumers(new Map(outputs), (output) => {
    throw new Error(output);
  });

  expect(found.map((each) => [each.name, recordsTable(each), Object.keys(each.tables)])).toEqual([
    ['billing', records('BillingInvoicesTableName'), expect.arrayContaining(['invoices', 'credit-notes'])],
    ['fraud-check', undefined, ['risk-scores']],
    [
      'inventory',
      records('InventoryReservationsTableName'),
      expect.arrayContaining(['reservations', 'stock']),
    ],
    ['mailing', undefined, []],
    ['shipping', records('ShippingShipmentsTableName'), ['shipments']],
  ]);
  expect(found[1]?.tables['risk-scores']).toEqual({
    name: 'FraudCheckRiskScoresTableName',
    partitionKey: 'customerId',
    holds: 'other',
  });

  function records(name: string) {
    return { name, partitionKey: 'orderId', holds: 'records' };
  }
});

test('a fourth consumer runs the handler of its folder, bundled to one ES module with a source map', async () => {
  const app = testApp({ 'aws:cdk:bundling-stacks': ['**'] });
  const stack = new FanOutStack(app, 'OrderFanOut-dev', {
    stage: 'dev',
    consumers: { 'fraud-check': fraudCheck },
    handlers,
  });

  const { Code } = resource(Template.fromStack(stack), 'AWS::Lambda::Function', 'FraudCheckFunction')
    .Properties as { Code: { S3Key: string } };
  const asset = join(app.outdir, `asset.${Code.S3Key.replace('.zip', '')}`);
  const bundle = readFileSync(join(asset, 'index.mjs'), 'utf8');
  const { handler } = await import(join(asset, 'index.mjs'));

  expect(readdirSync(asset)).toEqual(['index.mjs', 'index.mjs.map']);
  expect(bundle.split('\n').length).toBeLessThan(5);
  expect(await handler()).toBe('no/fraud');
  expect(JSON.parse(readFileSync(join(asset, 'index.mjs.map'), 'utf8')).sources).toEqual([
    'verdict.cjs',
    'handler.ts',
  ]);
});

test('a consumer without a handler fails synth with the path that is missing', () => {
  const missing = { 'no-such-folder': fraudCheck };

  expect(() => synthesize('dev', { consumers: missing, handlers })).toThrow(
    `OrderFanOut-dev/NoSuchFolder: there is no handler at ${join(handlers, 'no-such-folder', 'handler.ts')}`,
  );
});

/** Logical IDs, without what CDK adds to them, and types, in the order of both. */
function typesById(template: Template): [string, string][] {
  const resources = Object.entries(template.toJSON().Resources as Record<string, { Type: string }>);
  return resources
    .map(([id, { Type }]): [string, string] => [id.replace(/[0-9A-F]{8}([0-9a-f]{32})?$/, ''), Type])
    .sort(([a, typeA], [b, typeB]) => typeA.localeCompare(typeB) || a.localeCompare(b));
}
