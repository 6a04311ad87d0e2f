import { expect, test } from '@jest/globals';
import { archive, consumers, stages } from '../../../../lib/config.ts';
import { readChoices } from '../../../../lib/settings/choices.ts';
import { ConfigError } from '../../../../lib/settings/validation.ts';
import { testApp } from '../../../fixtures/synthesized.ts';

const chosen = (context: Record<string, unknown>) =>
  readChoices(testApp(context).node, { stages, consumers, archive });

test('without a choice the stage is dev, with its settings and consumers', () => {
  expect(chosen({})).toEqual({ stage: 'dev', settings: stages.dev, consumers });
});

test('a stage is what its settings say: the next deployment needs no -c', () => {
  expect(chosen({ stage: 'prod' })).toEqual({ stage: 'prod', settings: stages.prod, consumers });
});

test('prod has an archive, dev has none', () => {
  expect([stages.prod.archive, stages.dev.archive]).toEqual([archive, undefined]);
});

test('prod goes to one account and region, and keeps its operations log for a year', () => {
  expect(stages.prod).toMatchObject({
    env: { account: expect.stringMatching(/^\d{12}$/), region: expect.any(String) },
    operations: { runbook: expect.stringMatching(/^https:/), policy: true },
    operationsLogRetentionDays: 365,
    gradualReleases: true,
  });
});

test('each choice overrides its setting and no other', () => {
  const { operations } = stages.dev;
  const { archive: _, ...prodWithoutArchive } = stages.prod;

  expect(chosen({ alarmEmail: 'ops@example.com' }).settings).toEqual({
    ...stages.dev,
    operations: { ...operations, email: 'ops@example.com' },
  });
  expect(chosen({ operatorPolicy: true }).settings.operations).toEqual({ ...operations, policy: true });
  expect(chosen({ operatorPolicy: 'true' }).settings.operations).toEqual({ ...operations, policy: true });
  expect(chosen({ stage: 'prod', operatorPolicy: 'false' }).settings.operations.policy).toBe(false);
  expect(chosen({ stage: 'prod', gradualReleases: 'false' }).settings.gradualReleases).toBe(false);
  expect(chosen({ stage: 'prod', account: '999988887777' }).settings.env).toEqual({
    account: '999988887777',
    region: stages.prod.env?.region,
  });
  expect(chosen({ ordered: 'true' }).settings).toEqual({ ...stages.dev, ordered: true });
  expect(chosen({ archive: 'true' }).settings).toEqual({ ...stages.dev, archive });
  expect(chosen({ archive: true }).settings.archive).toEqual(archive);
  expect(chosen({ archive: 'false' }).settings).toEqual(stages.dev);
  expect(chosen({ stage: 'prod', archive: 'false' }).settings).toEqual(prodWithoutArchive);
  expect(chosen({ stage: 'prod', archive: 'true' }).settings).toEqual(stages.prod);
  expect(chosen({ account: '999988887777', region: 'eu-central-1' }).settings.env).toEqual({
    account: '999988887777',
    region: 'eu-central-1',
  });
  expect(chosen({ outlastMinutes: '2' }).consumers).toMatchObject({
    billing: { outlastMinutes: 2 },
    inventory: { outlastMinutes: 2 },
  });
  expect(chosen({ outlastMinutes: '2', archive: 'true' }).settings.archive).toMatchObject({
    outlastMinutes: 2,
  });
});

test.each<[string, unknown[], string]>([
  ['stage', ['nope', '', 'Dev', 'toString', ['dev']], 'one of dev, prod'],
  ['operatorPolicy', ['', 'yes', 1, ['true', 'false']], 'one of true, false'],
  ['gradualReleases', ['no', 0], 'one of true, false'],
  ['ordered', ['fifo', 1], 'one of true, false'],
  ['archive', ['maybe', '', 90, { coldAfterDays: 1 }], 'one of true, false'],
  ['account', ['', '12345678901', '1234567890123', 'prod'], 'an account ID of 12 digits'],
  ['region', ['', 'europe', 'eu-central', 'EU-CENTRAL-1'], 'a region like eu-central-1'],
  ['outlastMinutes', ['', '0', '-5', '1.5', '2h', '100000'], 'a whole number of minutes'],
  [
    'alarmEmail',
    [
      '',
      'ops',
      'ops@',
      '@example.com',
      'ops@example',
      'o ps@example.com',
      'a@example.com,b@example.com',
      true,
    ],
    'an e-mail address like ops@example.com, or leave it out',
  ],
])('-c %s is refused with what is allowed, when it is wrong', (name, values, allowed) => {
  for (const value of values) {
    const given = typeof value === 'object' ? JSON.stringify(value) : value;

    expect(() => chosen({ [name]: value })).toThrow(new ConfigError(`-c ${name}=${given}: use ${allowed}`));
  }
});

test('a region or an account alone chooses nothing where the stage names neither', () => {
  expect(() => chosen({ region: 'eu-central-1' })).toThrow(
    new ConfigError('-c region=eu-central-1: give -c account as well, or neither'),
  );
  expect(() => chosen({ account: '999988887777' })).toThrow(
    new ConfigError('-c account=999988887777: give -c region as well, or neither'),
  );
});
