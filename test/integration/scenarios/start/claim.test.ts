import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { Claim } from '../../../../scenarios/start/claim.ts';

const endpoint = {
  endpoint: 'http://127.0.0.1:4566',
  stackName: 'Any',
  region: 'us-east-1',
  pid: process.pid,
};
/** The ID of a process that is gone. */
const gone = spawnSync(process.execPath, ['--version']).pid;
/** One that runs, and is not this one. */
const other = process.ppid;
let folder: string;

beforeEach(() => {
  folder = path.join(temporaryFolder('claim-'), 'made');
});

const write = (name: string, text: string) => {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, name), text);
};

test('a second claim is refused with who has the first, and leaves what is theirs alone', async () => {
  const claim = await Claim.take(folder);

  await expect(Claim.take(folder)).rejects.toThrow(
    `a local stack is starting or stopping already in ${folder} (process ${process.pid}): ` +
      `stop it first, with Ctrl-C in its terminal or \`kill ${process.pid}\``,
  );
  claim.announce(endpoint);
  await expect(Claim.take(folder)).rejects.toThrow(
    `a local stack is up already at http://127.0.0.1:4566 (process ${process.pid}): stop it first, `,
  );

  expect(JSON.parse(fs.readFileSync(path.join(folder, 'endpoint.json'), 'utf8'))).toEqual(endpoint);
});

test('of two at the same moment one gets it', async () => {
  const claims = await Promise.allSettled([Claim.take(folder), Claim.take(folder)]);

  expect(claims.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a released claim leaves nothing behind, and can be taken again', async () => {
  const first = await Claim.take(folder);
  first.announce(endpoint);

  first.withdraw();
  first.release();
  const left = fs.readdirSync(folder);

  expect(left).toEqual([]);
  expect(await Claim.take(folder)).toBeInstanceOf(Claim);
});

describe('a claim', () => {
  test.each([
    ['that is gone', gone],
    ['that had the ID of this one', process.pid],
  ])('of a process %s is taken over', async (_, pid) => {
    write('claim', `${pid}\n`);
    write('endpoint.json', JSON.stringify({ ...endpoint, pid }));

    await Claim.take(folder);

    expect(fs.readFileSync(path.join(folder, 'claim'), 'utf8')).toBe(`${process.pid}\n`);
    expect(fs.readdirSync(folder).sort()).toEqual(['claim', 'endpoint.json']);
  });

  test('counts also while somebody has put it aside', async () => {
    write(`claim-aside-${gone}`, `${other}\n`);

    await expect(Claim.take(folder)).rejects.toThrow(`(process ${other})`);

    expect(fs.readdirSync(folder)).toEqual([`claim-aside-${gone}`]);
  });

  test.each(['', '12', '{}\n', '0\n'])('that holds %j is named', async (text) => {
    write('claim', text);

    await expect(Claim.take(folder)).rejects.toThrow(
      `${path.join(folder, 'claim')} is not what a local stack writes: remove it, if none is running`,
    );

    expect(fs.readdirSync(folder)).toEqual(['claim']);
  });
});

test('a stack that is up without a claim is left alone', async () => {
  write('endpoint.json', JSON.stringify({ ...endpoint, pid: other }));

  await expect(Claim.take(folder)).rejects.toThrow(`a local stack is up already at ${endpoint.endpoint}`);

  expect(fs.readdirSync(folder)).toEqual(['endpoint.json']);
});
