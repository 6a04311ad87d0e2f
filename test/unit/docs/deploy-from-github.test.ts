/** The policies in docs/deploy.md are valid JSON, as narrow as the text says, and name roles that exist. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { PROJECT } from '../../fixtures/project.ts';

const read = (...file: string[]) => fs.readFileSync(path.join(PROJECT, ...file), 'utf8');
const [, ofGitHub = ''] = read('docs', 'deploy.md').split('## Deploy from GitHub');
const [deployTrust, deployPermissions, diffTrust, diffPermissions] = [
  ...ofGitHub.matchAll(/^```json\n(.*?)^```$/gms),
].map(([, json = '']) => JSON.parse(json));

const SUBJECT = 'token.actions.githubusercontent.com:sub';
const TAG = 'iam:ResourceTag/aws-cdk:bootstrap-role';

describe.each([
  ['deploy', deployTrust, ['repo:<owner>/<repo>:environment:dev', 'repo:<owner>/<repo>:environment:prod']],
  ['diff', diffTrust, ['repo:<owner>/<repo>:pull_request']],
])('the %s role', (_, trust, subjects) => {
  test('trusts tokens for AWS with the exact subjects of its workflow', () => {
    const [{ Effect, Principal, Action, Condition }, ...others] = trust.Statement;

    expect({ Effect, Action, others }).toEqual({
      Effect: 'Allow',
      Action: 'sts:AssumeRoleWithWebIdentity',
      others: [],
    });
    expect(Principal.Federated).toMatch(/:oidc-provider\/token\.actions\.githubusercontent\.com$/);
    expect(Object.keys(Condition)).toEqual(['StringEquals']);
    expect(Condition.StringEquals['token.actions.githubusercontent.com:aud']).toBe('sts.amazonaws.com');
    expect([Condition.StringEquals[SUBJECT]].flat()).toEqual(subjects);
  });
});

test.each([
  ['deploy', deployPermissions, ['deploy', 'file-publishing', 'lookup']],
  ['diff', diffPermissions, ['lookup']],
])('the %s role may assume roles of the bootstrap, and nothing else', (_, permissions, tags) => {
  const bootstrap = read('node_modules', 'aws-cdk', 'lib', 'api', 'bootstrap', 'bootstrap-template.yaml');
  const [{ Condition, ...statement }, ...others] = permissions.Statement;

  expect(others).toEqual([]);
  expect(statement).toEqual({
    Effect: 'Allow',
    Action: 'sts:AssumeRole',
    Resource: 'arn:aws:iam::<account>:role/cdk-*',
  });
  expect([Condition.StringEquals[TAG]].flat()).toEqual(tags);
  for (const tag of tags)
    expect(bootstrap).toContain(`- Key: aws-cdk:bootstrap-role\n          Value: ${tag}\n`);
});

test('the text lists the variables that the workflows read', () => {
  const files = fs.readdirSync(path.join(PROJECT, '.github', 'workflows'));
  const workflows = files.map((file) => read('.github', 'workflows', file)).join('\n');
  const namesIn = (text: string, pattern: RegExp) =>
    [...new Set([...text.matchAll(pattern)].map(([, name]) => name))].sort();

  expect(namesIn(ofGitHub, /^\| `(\w+)` \|/gm)).toEqual(namesIn(workflows, /vars\.(\w+)/g));
});

test('the text lists the environments of the stages that are deployed', () => {
  const { jobs } = parse(read('.github', 'workflows', 'deploy.yml'));

  const stages = Object.values<{ with?: { stage: string } }>(jobs).flatMap((job) => job.with?.stage ?? []);
  expect(stages.map((stage) => `repo:<owner>/<repo>:environment:${stage}`)).toEqual(
    deployTrust.Statement[0].Condition.StringEquals[SUBJECT],
  );
});
