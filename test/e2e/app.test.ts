/** bin/app.ts as the CDK command line runs it, rule packs and all. */

import { execFile } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { stages } from '../../lib/config.ts';
import { PROJECT } from '../fixtures/project.ts';
import { stageNames } from '../fixtures/synthesized.ts';

describe.each(
  stageNames.flatMap((stage) =>
    ['false', 'true'].flatMap((ordered) => ['false', 'true'].map((archive) => ({ stage, ordered, archive }))),
  ),
)('stage $stage, ordered: $ordered, archive: $archive,', ({ stage, ordered, archive }) => {
  test('synthesizes with no finding of cdk-nag or of the CloudFormation schemas left open', async () => {
    const { code, errors, outputFolder } = await runApp({
      stage,
      ordered,
      archive,
      alarmEmail: 'ops@example.com',
      operatorPolicy: 'true',
    });
    const report = JSON.parse(readFileSync(join(outputFolder, 'validation-report.json'), 'utf8'));

    expect(errors.filter((line) => !line.startsWith('Bundling asset '))).toEqual([]);
    expect(report.pluginReports.flatMap(({ violations }: { violations: unknown[] }) => violations)).toEqual(
      [],
    );
    expect(code).toBe(0);
  }, 60_000);
});

test('a stage with an account and a region of its own is for those, whoever synthesizes it', async () => {
  const { outputFolder } = await runApp({ stage: 'prod' }, PROJECT, {
    CDK_DEFAULT_ACCOUNT: '999999999999',
    CDK_DEFAULT_REGION: 'eu-west-3',
  });
  const { artifacts } = JSON.parse(readFileSync(join(outputFolder, 'manifest.json'), 'utf8'));

  const { account, region } = stages.prod.env ?? {};
  expect(artifacts['OrderFanOut-prod'].environment).toBe(`aws://${account}/${region}`);
}, 60_000);

test.each([
  [{ stage: 'nope' }, '-c stage=nope: use one of dev, prod'],
  [{ alarmEmail: 'ops' }, '-c alarmEmail=ops: use an e-mail address like ops@example.com, or leave it out'],
])(
  '%p is refused in one line, with exit code 1',
  async (context, line) => {
    const { code, errors, outputFolder } = await runApp(context);

    expect(errors).toEqual([line]);
    expect(existsSync(join(outputFolder, 'manifest.json'))).toBe(false);
    expect(code).toBe(1);
  },
  60_000,
);

test.each([
  [
    'maxConcurrency: 5,',
    'timeoutSeconds: 901,',
    /^OrderFanOut-dev\/Inventory\/Function: timeout is 901 seconds, but must be a whole number from 1 to 900 seconds \(.*\)$/,
  ],
  [
    'publisherAccounts: []',
    "publisherAccounts: ['123']",
    /^OrderFanOut-dev\/Orders: publisherAccounts has "123", but an account ID is 12 digits$/,
  ],
  [
    'batchWindowSeconds: 0',
    'batchWindowSeconds: 301',
    /^OrderFanOut-dev\/Billing\/Function\/Aliaslive\/Messages: maxBatchingWindow cannot be over 300 seconds, got 301$/,
  ],
  [
    '  billing: {',
    '  refunds: {',
    /^consumers\.refunds in lib\/config\.ts has no handler: write lambda\/refunds\/handler\.ts, such as export const handler = /,
  ],
  [
    'memoryMiB: 512',
    "memoryMiB: 512, memoryMb: '512'",
    /^lib\/config\.ts\(\d+,\d+\): error TS2561: .*'memoryMb' does not exist.*'memoryMiB'\?$/,
  ],
])(
  'a bad setting is refused in one line, by this project, by CDK or by TypeScript: %p made %p',
  async (good, bad, line) => {
    const copy = temporaryFolder('project-');
    for (const folder of ['bin', 'contract', 'domain', 'lambda', 'lib']) {
      cpSync(join(PROJECT, folder), join(copy, folder), { recursive: true });
    }
    symlinkSync(join(PROJECT, 'node_modules'), join(copy, 'node_modules'));
    for (const file of ['package.json', 'tsconfig.json']) cpSync(join(PROJECT, file), join(copy, file));
    const config = join(copy, 'lib', 'config.ts');
    writeFileSync(config, readFileSync(config, 'utf8').replace(good, bad));

    const { code, errors } = await runApp({}, copy);

    expect(errors.filter((each) => !each.startsWith('Bundling asset '))).toEqual([
      expect.stringMatching(line),
    ]);
    expect(code).toBe(1);
  },
);

async function runApp(
  context: Record<string, string>,
  cwd = PROJECT,
  variables: Record<string, string> = {},
) {
  const settings = JSON.parse(readFileSync(join(PROJECT, 'cdk.json'), 'utf8'));
  const outputFolder = temporaryFolder('assembly-');
  const { CDK_VALIDATION: _, NODE_OPTIONS: __, ...env } = process.env;
  return new Promise<{ code: unknown; errors: string[]; outputFolder: string }>((resolve) => {
    execFile(
      process.execPath,
      ['bin/app.ts'],
      {
        cwd,
        env: {
          ...env,
          ...variables,
          CDK_OUTDIR: outputFolder,
          CDK_CONTEXT_JSON: JSON.stringify({ ...settings.context, ...context }),
        },
      },
      (error, _stdout, stderr) =>
        resolve({ code: error?.code ?? 0, errors: stderr.split('\n').filter(Boolean), outputFolder }),
    );
  });
}
