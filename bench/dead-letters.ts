/**
 * Dead letters per second, by how many there are: `node bench/dead-letters.ts [few many]`. Looks at them with `failed`, and sends them
 * back one by one with a selection and all at once with a move, on the local SQS, which moves 500 a second as AWS does. Each
 * look ends with a second of waiting for more, which small numbers feel.
 */
import { generateEvents } from '../cli/publishing/test-events.ts';
import { startDeadLetterStack } from '../test/fixtures/dead-letter-stack.ts';

const REASON = { error: 'Throttling', message: 'slow down' };
const WORK = {
  look: (name: string) => ['failed', name],
  'send selection': (name: string) => ['redrive', name, '--reason', 'Throttling'],
  'move all': (name: string) => ['redrive', name],
};

const [few = 500, many = 5_000] = process.argv.slice(2).map(Number);
const stack = await startDeadLetterStack();
const name = 'billing';
const rows: Record<string, string | number>[] = [];
try {
  await measure('look', Math.min(50, few)); // Warms up.
  for (const work of Object.keys(WORK) as (keyof typeof WORK)[]) {
    const ofFew = await measure(work, few);
    const ofMany = await measure(work, many);
    rows.push({
      work,
      [`letters/s of ${few}`]: Math.round(ofFew),
      [`letters/s of ${many}`]: Math.round(ofMany),
      ratio: Number((ofMany / ofFew).toFixed(2)),
    });
  }
  console.table(rows);
} finally {
  await stack.stop();
}

/** @returns letters per second @throws where a letter is lost, or is in both queues */
async function measure(work: keyof typeof WORK, size: number): Promise<number> {
  await stack.clear();
  await stack.fill(
    name,
    Array.from(generateEvents({ count: size, seed: 1 }), ({ body }) => ({ body, reason: REASON })),
  );
  const start = performance.now();
  const { code, stderr } = await stack.command(...WORK[work](name));
  const seconds = (performance.now() - start) / 1000;
  const [dead, back] = [await stack.depth(`${name}-dlq`), await stack.depth(name)];
  const expected = work === 'look' ? [size, 0] : [0, size];
  if (dead.visible !== expected[0] || back.visible !== expected[1] || dead.hidden + back.hidden > 0) {
    throw new Error(`${work} of ${size}: ${JSON.stringify({ code, dead, back })}\n${stderr}`);
  }
  return size / seconds;
}
