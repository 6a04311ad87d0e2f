/**
 * A replay by the size of the archive: `node bench/archive.ts [events …]`. Messages a second and the memory of the command at its
 * most, for a count (`--dry-run`, which reads all) and for a replay, against the local S3 and SQS, whose own memory is not counted.
 */

import { domain } from '#domain';
import { generateEvents } from '../cli/publishing/test-events.ts';
import { startDeadLetterStack } from '../test/fixtures/dead-letter-stack.ts';
import { Run } from '../test/fixtures/run.ts';
import { archivedMessage } from '../test/fixtures/test-archive.ts';

/** The local queue becomes slow where it holds more. */
const MOST_IN_QUEUE = 100_000;
const PER_OBJECT = 1_000;
const FIRST = Date.UTC(2026, 10, 1);
/** One object a minute and a half: 1,000 objects are a day. */
const APART_MS = 86_400;
/** Says, when the process ends, how many KiB it had at most. */
const SAYS_MEMORY =
  "process.on('exit', () => console.error('peak ' + process.resourceUsage().maxRSS));".replaceAll(' ', '%20');

const sizes = process.argv.slice(2).map(Number);
const [few = 10_000, many = 100_000] = sizes;
const stack = await startDeadLetterStack({ hasArchive: true });
const published = generateEvents({ count: PER_OBJECT, seed: 1 });
try {
  const rows = [];
  let objects = 0;
  for (const events of [few, many]) {
    for (; objects * PER_OBJECT < events; objects += 1) await addObject(objects);
    for (const how of [['--dry-run'], []]) {
      if (how.length === 0 && events > MOST_IN_QUEUE) continue;
      const { perSecond, mebibytes } = await measure(events, how);
      rows.push({
        events,
        how: how[0] ?? 'replay',
        'messages/s': Math.round(perSecond),
        'peak MiB': mebibytes,
      });
    }
  }
  console.table(rows);
  for (const how of ['--dry-run', 'replay']) {
    const [one, other] = rows.filter((row) => row.how === how);
    if (!one || !other) continue;
    const ratio = (name: 'messages/s' | 'peak MiB') => (other[name] / one[name]).toFixed(2);
    console.log(
      `${how}: ${other.events / one.events} × the events, ${ratio('peak MiB')} × the memory, ${ratio('messages/s')} × the speed`,
    );
  }
} finally {
  await stack.stop();
}

/** Its messages are told from those of others by their IDs alone. */
async function addObject(index: number): Promise<void> {
  const sentAt = new Date(FIRST + index * APART_MS).toISOString();
  const attributes = { eventType: { dataType: 'String', stringValue: domain.events.types[0] } };
  await stack.archive.put(...published.map(({ body }) => archivedMessage(body, { sentAt, attributes })));
}

async function measure(
  events: number,
  how: readonly string[],
): Promise<{ perSecond: number; mebibytes: number }> {
  await stack.clear();
  const start = performance.now();
  const { code, stdout, stderr } = await new Run(
    'bin/operate.mjs',
    ['replay', 'billing', '--from', '2026-11-01', ...how, '--json', '--local'],
    { LOCAL_RUN_DIRECTORY: stack.directory, NODE_OPTIONS: `--import=data:text/javascript,${SAYS_MEMORY}` },
  ).ended;
  const seconds = (performance.now() - start) / 1000;
  const { wanted } = JSON.parse(stdout);
  if (code !== 0 || wanted !== events) throw new Error(`${wanted} of ${events}: ${stderr}`);
  return {
    perSecond: events / seconds,
    mebibytes: Math.round(Number(/peak (\d+)/.exec(stderr)?.[1]) / 1024),
  };
}
