/** bin/app.ts as the CDK command line runs it, rule packs and all. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { project, stageNames } from './synthesized.ts';

let assemblies: string;

beforeAll(() => {
  assemblies = mkdtempSync(join(tmpdir(), 'assemblies-'));
});

afterAll(() => rmSync(assemblies, { recursive: true, force: true }));

describe.each(stageNames)('stage %s', (stage) => {
  test('synthesizes with no finding of cdk-nag or of the CloudFormation schemas left open', async () => {
    const { code, errors, outputFolder } = await runApp(stage, {
      stage,
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

test.each([
  [{ stage: 'nope' }, '-c stage=nope: no such stage; use one of dev, prod'],
  [
    { alarmEmail: 'ops' },
    '-c alarmEmail=ops: not an e-mail address; use one like ops@example.com, or leave it out',
  ],
])(
  '%p is refused in one line, with exit code 1',
  async (context, line) => {
    const { code, errors, outputFolder } = await runApp('refused', context);

    expect(errors).toEqual([line]);
    expect(existsSync(join(outputFolder, 'manifest.json'))).toBe(false);
    expect(code).toBe(1);
  },
  60_000,
);

async function runApp(folder: string, context: Record<string, string>) {
  const settings = JSON.parse(readFileSync(join(project, 'cdk.json'), 'utf8'));
  const outputFolder = join(assemblies, folder);
  const { CDK_VALIDATION: _, NODE_OPTIONS: __, ...env } = process.env;
  return new Promise<{ code: unknown; errors: string[]; outputFolder: string }>((resolve) => {
    execFile(
      process.execPath,
      ['bin/app.ts'],
      {
        cwd: project,
        env: {
          ...env,
          CDK_OUTDIR: outputFolder,
          CDK_CONTEXT_JSON: JSON.stringify({ ...settings.context, ...context }),
        },
      },
      (error, _stdout, stderr) =>
        resolve({ code: error?.code ?? 0, errors: stderr.split('\n').filter(Boolean), outputFolder }),
    );
  });
}
