/**
 * The workflows in .github: valid by GitHub's own language service, and true to what docs/deploy.md promises of them. Each
 * fault is planted once to see that it is found.
 */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { buildSync } from 'esbuild';
import { parse } from 'yaml';
import { PROJECT } from '../fixtures/project.ts';

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  permissions?: Record<string, string>;
  environment?: string;
  concurrency?: { group?: string; 'cancel-in-progress'?: boolean };
  'timeout-minutes'?: number;
  uses?: string;
  with?: Record<string, unknown>;
  steps?: Step[];
}
interface Workflow {
  permissions?: unknown;
  jobs: Record<string, Job>;
}

const FOLDER = path.join(PROJECT, '.github', 'workflows');
const files = fs.readdirSync(FOLDER);
const read = (file: string) => fs.readFileSync(path.join(FOLDER, file), 'utf8');

let validate: (text: string) => Promise<string[]>;

beforeAll(async () => {
  // Its files import JSON without an attribute, which Node refuses; bundled they load.
  const outfile = path.join(temporaryFolder('language-service-'), 'service.cjs');
  buildSync({
    stdin: {
      contents: `export { validate } from '@actions/languageservice';
        export { TextDocument } from 'vscode-languageserver-textdocument';`,
      resolveDir: PROJECT,
    },
    bundle: true,
    platform: 'node',
    outfile,
    logLevel: 'warning',
  });
  const service: typeof import('@actions/languageservice') &
    typeof import('vscode-languageserver-textdocument') = (await import(pathToFileURL(outfile).href)).default;
  let count = 0;
  validate = async (text) => {
    // The service remembers a document by its address.
    const address = `file:///.github/workflows/${count++}.yml`;
    const document = service.TextDocument.create(address, 'yaml', 0, text);
    const found = await service.validate(document);
    return found.map(({ message, range }) => `line ${range.start.line + 1}: ${message}`);
  };
});

/** What a workflow breaks of the promises, a line for each. */
function broken(text: string): string[] {
  const workflow: Workflow = parse(text);
  const problems = Object.entries(workflow.jobs).flatMap(([name, job]) =>
    [...ofEveryJob(job), ...ofCredentials(job), ...ofDeploys(job)].map((problem) => `${name}: ${problem}`),
  );
  if (JSON.stringify(workflow.permissions) !== '{}') problems.push('permissions are not {} for the whole');
  if (/secrets\.AWS|aws-access-key-id|aws-secret-access-key/i.test(text)) problems.push('a long-lived key');
  if (/arn:aws|\b\d{12}\b/.test(text)) problems.push('an ARN or account ID');
  for (const [, action = '', version = ''] of text.matchAll(/uses: (?!\.\/)(.*?)( # v\d+\.\d+\.\d+)?$/gm)) {
    if (!/@[0-9a-f]{40}$/.test(action) || !version) problems.push(`${action} is not pinned`);
  }
  return problems;
}

function ofEveryJob(job: Job): string[] {
  const problems: string[] = [];
  if (!job.permissions) problems.push('no permissions of its own');
  // A called workflow sets the time for its jobs.
  if (!job.uses && !job['timeout-minutes']) problems.push('no timeout-minutes');
  for (const { run = '' } of job.steps ?? []) {
    if (/\$\{\{\s*github\.(event|head_ref)/.test(run)) problems.push('text of others in a script');
  }
  return problems;
}

function ofCredentials({ permissions = {}, steps = [], uses = '' }: Job): string[] {
  const assumes = steps.some((step) => step.uses?.startsWith('aws-actions/configure-aws-credentials@'));
  const mayAssume = permissions['id-token'] === 'write';
  const needsTo = assumes || uses.endsWith('/deploy-stage.yml');
  const problems =
    mayAssume === needsTo ? [] : [`id-token: write is ${mayAssume ? 'not needed' : 'missing'}`];
  const writes = Object.entries(permissions).filter(([, access]) => access === 'write');
  if (assumes && writes.length > 1) problems.push('writes to GitHub where it is let into AWS');
  return problems;
}

function ofDeploys({ steps = [], environment, concurrency }: Job): string[] {
  const deploys = steps.filter(({ run }) => run?.includes('cdk deploy'));
  if (deploys.length === 0) return [];
  const problems: string[] = [];
  if (environment !== '${{ inputs.stage }}') problems.push('no environment of the stage');
  if (concurrency?.group !== 'deploy-${{ inputs.stage }}')
    problems.push('two deploys of a stage may overlap');
  if (concurrency?.['cancel-in-progress'] !== false) problems.push('a deploy may be cancelled');
  if (!deploys.every(({ run }) => run?.includes('--app "cdk.out/')))
    problems.push('deploys a synth of its own');
  if (!steps.at(-1)?.run?.includes('orders -- check --no-history '))
    problems.push('does not end with the check');
  return problems;
}

test.each(files)('%s is what GitHub takes', async (file) => {
  expect(await validate(read(file))).toEqual([]);
});

test.each(files)('%s keeps the promises', (file) => {
  expect(broken(read(file))).toEqual([]);
});

test('prod comes after dev, dev after the tests, and both take what was synthesized once', () => {
  const { jobs } = parse(read('deploy.yml'));

  expect(jobs.prod).toMatchObject({ needs: 'dev', with: { stage: 'prod' } });
  expect(jobs.dev).toMatchObject({ needs: ['ci', 'synth'], with: { stage: 'dev' } });
  expect(jobs.ci.uses).toBe('./.github/workflows/ci.yml');
});

test('the diff is made by a role that can only look, for branches of this repository', () => {
  const { jobs } = parse(read('diff.yml'));

  expect(jobs.diff.if).toContain('github.event.pull_request.head.repo.full_name == github.repository');
  expect(read('diff.yml')).toContain('--method template');
  expect(read('diff.yml')).not.toMatch(/cdk (deploy|destroy|import)|AWS_DEPLOY_ROLE/);
});

const planted: [file: string, good: string, bad: string, found: string][] = [
  ['ci.yml', 'timeout-minutes:', 'timeout-minute:', "Unexpected value 'timeout-minute'"],
  ['ci.yml', 'matrix.node', 'matrix.nodes', 'nodes'],
  ['ci.yml', '${{ matrix.os }}', '${{ matrix.os', 'The expression is not closed'],
  ['ci.yml', 'contents: read', 'content: read', "Unexpected value 'content'"],
  ['ci.yml', '@08c6903cd8c0fde910a37f88322edcfb5dd907a8', '', 'Expected format'],
  ['ci.yml', 'workflow_call:', 'workflow_cal:', "Unexpected value 'workflow_cal'"],
  ['ci.yml', 'workflow_call:', 'schedule: [{ cron: "61 * * * *" }]', 'Invalid cron expression'],
  ['deploy.yml', 'needs: dev', 'needs: de', "'de'"],
  ['diff.yml', 'id-token: write', 'id-token: read', "Unexpected value 'read'"],
  ['diff.yml', '${{ github.token }}', '${{ secret.TOKEN }}', 'secret'],
];

describe('GitHub would not take', () => {
  test.each(planted)('%s with %j made %j', async (file, good, bad, found) => {
    expect(read(file)).toContain(good);
    expect(await validate(read(file).replace(good, () => bad))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});

const violations: [file: string, good: string, bad: string, problem: string][] = [
  ['ci.yml', 'permissions: {}\n', '', 'permissions are not {} for the whole'],
  ['ci.yml', '    timeout-minutes: 20\n', '', 'ci: no timeout-minutes'],
  ['ci.yml', '    permissions:\n      contents: read\n', '', 'ci: no permissions of its own'],
  ['ci.yml', '08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0', 'v5', 'actions/checkout@v5 is not pinned'],
  [
    'ci.yml',
    'contents: read\n',
    'contents: read\n      id-token: write\n',
    'ci: id-token: write is not needed',
  ],
  ['ci.yml', 'bash .ci/run', 'echo ${{ github.event.pull_request.title }}', 'ci: text of others in a script'],
  ['diff.yml', '      id-token: write\n', '', 'diff: id-token: write is missing'],
  [
    'diff.yml',
    '      id-token: write\n',
    '      id-token: write\n      issues: write\n',
    'diff: writes to GitHub where it is let into AWS',
  ],
  ['deploy.yml', '      id-token: write\n', '', 'dev: id-token: write is missing'],
  ['deploy-stage.yml', 'vars.AWS_DEPLOY_ROLE', 'secrets.AWS_ROLE', 'a long-lived key'],
  ['deploy-stage.yml', '${{ vars.AWS_LOOKUP_ROLE }}', 'arn:aws:iam::1:role/x', 'an ARN or account ID'],
  ['deploy-stage.yml', '    environment: ${{ inputs.stage }}\n', '', 'deploy: no environment of the stage'],
  [
    'deploy-stage.yml',
    'group: deploy-${{ inputs.stage }}',
    'group: a',
    'deploy: two deploys of a stage may overlap',
  ],
  [
    'deploy-stage.yml',
    'cancel-in-progress: false',
    'cancel-in-progress: true',
    'deploy: a deploy may be cancelled',
  ],
  ['deploy-stage.yml', ' --app "cdk.out/${{ inputs.stage }}"', '', 'deploy: deploys a synth of its own'],
  ['deploy-stage.yml', 'orders -- check', 'orders -- status', 'deploy: does not end with the check'],
];

describe('the promises are broken by', () => {
  test.each(violations)('%s with %j made %j', (file, good, bad, problem) => {
    expect(read(file)).toContain(good);
    expect(broken(read(file).replace(good, () => bad))).toContain(problem);
  });
});
