import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { Claim } from '../../../../scenarios/start/claim.ts';

const CLAIM = import.meta.resolve('../../../../scenarios/start/claim.ts');
const endpoint = {
  endpoint: 'http://127.0.0.1:4566',
  stackName: 'Any',
  region: 'us-east-1',
  pid: process.pid,
};
let folder: string;
let other: ChildProcess | undefined;

beforeEach(() => {
  folder = path.join(temporaryFolder('claim-'), 'made');
});

afterEach(() => {
  other?.kill('SIGKILL');
});

const files = () => fs.readdirSync(folder).filter((name) => name !== 'lock');

/** A process that claims the folder, and keeps it until it is killed. */
async function otherProcess(): Promise<ChildProcess> {
  const script = `const { Claim } = await import('${CLAIM}'); new Claim('${folder}'); console.log('claimed'); setInterval(() => {}, 1e9);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  other = child;
  await once(child.stdout, 'data');
  return child;
}

test('a second claim is refused with who has the first, and leaves what is theirs alone', () => {
  const claim = new Claim(folder);
  const stop = `(process ${process.pid}): stop it first, with Ctrl-C in its terminal or \`kill ${process.pid}\``;

  expect(() => new Claim(folder)).toThrow(
    `a local stack is already starting or stopping in ${folder} ${stop}`,
  );
  claim.announce(endpoint);
  expect(() => new Claim(folder)).toThrow(`a local stack is already up at http://127.0.0.1:4566 ${stop}`);

  expect(JSON.parse(fs.readFileSync(path.join(folder, 'endpoint.json'), 'utf8'))).toEqual(endpoint);
});

test('a released claim leaves nothing behind that keeps others out', () => {
  const first = new Claim(folder);
  first.announce(endpoint);

  first.withdraw();
  first.release();

  expect(files()).toEqual([]);
  expect(new Claim(folder)).toBeInstanceOf(Claim);
});

test('the claim of another process counts as long as that runs, and is taken over once it was killed', async () => {
  const other = await otherProcess();
  fs.writeFileSync(path.join(folder, 'endpoint.json'), JSON.stringify({ ...endpoint, pid: other.pid }));
  expect(() => new Claim(folder)).toThrow(`already up at ${endpoint.endpoint} (process ${other.pid})`);

  other.kill('SIGKILL');
  await once(other, 'exit');

  expect(new Claim(folder)).toBeInstanceOf(Claim);
  expect(files()).toEqual([]);
});

test('a file in place of the lock is named', () => {
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'lock'), 'something else');

  expect(() => new Claim(folder)).toThrow(`${path.join(folder, 'lock')} cannot be locked`);
});
