import { describe, expect, test } from '@jest/globals';
import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { rulePacks } from '../../../../lib/checks/rule-packs.ts';
import { stages } from '../../../../lib/config.ts';
import { everyStage, fanOutStack, withOperators } from '../../../fixtures/synthesized.ts';
import { Parcels } from './parcels.ts';

describe.each(everyStage)('$called', ({ of, stage }) => {
  const stack = fanOutStack(stage, withOperators(stage), of);
  const packs = rulePacks(stage);
  const findingsIn = (construct: IConstruct) =>
    packs.flatMap((pack) => pack.validateScope(construct).violations.map(({ ruleName }) => ruleName));
  const acknowledged = stack.node.findAll().flatMap((construct) => acknowledgementsOf(construct));
  const ofThisStage = acknowledged.filter(({ id }) =>
    packs.some(({ readPackName }) => id.startsWith(readPackName)),
  );

  test.each(ofThisStage)('$id at $path is found when nobody acknowledges it', ({ id, construct, entry }) => {
    const data = entry.data;
    entry.data = {};
    const found = findingsIn(construct);
    entry.data = data;

    expect(found).toContain(id);
    expect(findingsIn(construct)).not.toContain(id);
  });

  test('accounts that may publish are no finding', () => {
    const publisherAccounts = ['111111111111', '222222222222'];
    const open = fanOutStack(stage, { settings: { ...stages[stage], publisherAccounts } }, of);

    expect(findingsIn(open)).toEqual([]);
  });

  test('what others add to the stack is acknowledged nowhere', () => {
    const parcels = new Parcels(fanOutStack(stage, withOperators(stage), of));

    expect(findingsIn(parcels)).toContain('Serverless-LambdaDLQ');
  });
});

test('an acknowledgement belongs to one of the packs', () => {
  const stack = fanOutStack('dev', withOperators('dev'));
  const names = rulePacks('prod').map(({ readPackName }) => readPackName);
  const ids = stack.node.findAll().flatMap((construct) => acknowledgementsOf(construct).map(({ id }) => id));

  expect(ids.filter((id) => !names.some((name) => id.startsWith(`${name}-`)))).toEqual([]);
});

function acknowledgementsOf(construct: IConstruct) {
  return construct.node.metadata
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap((entry: { data?: Record<string, string> }) =>
      Object.keys(entry.data ?? {}).map((key) => ({
        id: key.replace(/^Annotation::/, ''),
        path: construct.node.path,
        construct,
        // The metadata's own entry, though its type says that it is read only.
        entry: entry as { data: object },
      })),
    );
}
