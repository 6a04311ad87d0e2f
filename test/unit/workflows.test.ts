/** The workflows in .github: valid for GitHub's own language service, and as docs/deploy.md promises. */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
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

let service: typeof import('@actions/languageservice') & typeof import('vscode-languageserver-textdocument');
let count = 0;

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
  service = (await import(pathToFileURL(outfile).href)).default;
});

/** The problems that GitHub's language service finds. */
async function validate(text: string): Promise<string[]> {
  // The service caches a document by its address.
  const address = `file:///.github/workflows/${count++}.yml`;
  const found = await service.validate(service.TextDocument.create(address, 'yaml', 0, text));
  return found.map(({ message, range }) => `line ${range.start.line + 1}: ${message}`);
}

/** A line for each of our rules that a workflow breaks. */
function violationsOf(text: string): string[] {
  const workflow: Workflow = parse(text);
  const problems = Object.entries(workflow.jobs).flatMap(([name, job]) =>
    [...ofAnyJob(job), ...ofCredentials(job), ...ofDeploys(job)].map((problem) => `${name}: ${problem}`),
  );
  if (JSON.stringify(workflow.permissions) !== '{}') problems.push('permissions of the workflow are not {}');
  if (/secrets\.AWS|aws-access-key-id|aws-secret-access-key/i.test(text)) problems.push('a long-lived key');
  if (/arn:aws|\b\d{12}\b/.test(text)) problems.push('an ARN or account ID');
  for (const [, action = '', version = ''] of text.matchAll(/uses: (?!\.\/)(.*?)( # v\d+\.\d+\.\d+)?$/gm)) {
    if (!/@[0-9a-f]{40}$/.test(action) || !version) problems.push(`${action} is not pinned`);
  }
  return problems;
}

function ofAnyJob(job: Job): string[] {
  const problems: string[] = [];
  if (!job.permissions) problems.push('no permissions of its own');
  // A called workflow sets the time for its jobs.
  if (!job.uses && !job['timeout-minutes']) problems.push('no timeout-minutes');
  for (const { run = '' } of job.steps ?? []) {
    if (/\$\{\{\s*github\.(event|head_ref)/.test(run)) problems.push('foreign text in a script');
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
  if (assumes && writes.length > 1) problems.push('writes to GitHub and assumes a role in AWS');
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

test.each(files)('%s is valid for GitHub', async (file) => {
  expect(await validate(read(file))).toEqual([]);
});

test.each(files)('%s follows our rules', (file) => {
  expect(violationsOf(read(file))).toEqual([]);
});

test('prod is deployed after dev, dev after the tests, both from one synth', () => {
  const { jobs } = parse(read('deploy.yml'));

  expect(jobs.prod).toMatchObject({ needs: 'dev', with: { stage: 'prod' } });
  expect(jobs.dev).toMatchObject({ needs: ['ci', 'synth'], with: { stage: 'dev' } });
  expect(jobs.ci.uses).toBe('./.github/workflows/ci.yml');
});

test('the diff uses a read-only role, for branches of this repository only', () => {
  const { jobs } = parse(read('diff.yml'));

  expect(jobs.diff.if).toContain('github.event.pull_request.head.repo.full_name == github.repository');
  expect(read('diff.yml')).toContain('--method template');
  expect(read('diff.yml')).not.toMatch(/cdk (deploy|destroy|import)|AWS_DEPLOY_ROLE/);
});

const errors: [file: string, good: string, bad: string, found: string][] = [
  ['ci.yml', 'timeout-minutes:', 'timeout-minute:', "Unexpected value 'timeout-minute'"],
  ['ci.yml', '${{ matrix.os }}', '${{ matrix.os', 'The expression is not closed'],
  ['deploy.yml', 'needs: dev', 'needs: de', "'de'"],
  ['diff.yml', '${{ github.token }}', '${{ secret.TOKEN }}', 'secret'],
];

test.each(errors)('an error is found in %s with %j made %j', async (file, good, bad, found) => {
  expect(read(file)).toContain(good);
  expect(await validate(read(file).replace(good, () => bad))).toContainEqual(expect.stringContaining(found));
});

const violations: [file: string, good: string, bad: string, problem: string][] = [
  ['ci.yml', 'permissions: {}\n', '', 'permissions of the workflow are not {}'],
  ['ci.yml', '    timeout-minutes: 20\n', '', 'ci: no timeout-minutes'],
  ['ci.yml', '    permissions:\n      contents: read\n', '', 'ci: no permissions of its own'],
  ['ci.yml', '08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0', 'v5', 'actions/checkout@v5 is not pinned'],
  [
    'ci.yml',
    'contents: read\n',
    'contents: read\n      id-token: write\n',
    'ci: id-token: write is not needed',
  ],
  ['ci.yml', 'bash .ci/run', 'echo ${{ github.event.pull_request.title }}', 'ci: foreign text in a script'],
  ['diff.yml', '      id-token: write\n', '', 'diff: id-token: write is missing'],
  [
    'diff.yml',
    '      id-token: write\n',
    '      id-token: write\n      issues: write\n',
    'diff: writes to GitHub and assumes a role in AWS',
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

test.each(violations)('a rule is broken by %s with %j made %j', (file, good, bad, problem) => {
  expect(read(file)).toContain(good);
  expect(violationsOf(read(file).replace(good, () => bad))).toContain(problem);
});
