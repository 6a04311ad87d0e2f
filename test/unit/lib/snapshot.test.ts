/**
 * An alarm bell, not a proof: a change here that nobody meant shows up in review. `npm test -- -u` takes it over.
 *
 * The summary says which resources changed, the part of their construct how. The three consumers share a part: a line that
 * not all of them have begins with the name of the one that has it.
 */
import { describe, expect, test } from '@jest/globals';
import { type Stage, type StageName, stages } from '../../../lib/config.ts';
import { OrderFanOutStack } from '../../../lib/order-fan-out-stack.ts';
import { stageNames, testApp, withOperators } from '../../fixtures/synthesized.ts';
import { readableStack } from './readable-stack.ts';

/** So that the snapshot has the text as it is, without quotes and escapes around it. */
expect.addSnapshotSerializer({
  test: (value) => typeof value === 'string',
  print: (value) => String(value),
});

describe.each(stageNames)('in %s', (stage) => {
  const { summary, parts } = stackOf(stage);

  test('the resources are as they were', () => {
    expect(summary).toMatchSnapshot();
  });

  test.each([...parts])('%s is as it was', (_, part) => {
    expect(part).toMatchSnapshot();
  });

  test('an ordered one differs as it did', () => {
    const ordered = stackOf(stage, { ordered: true });
    const differing = Array.from(ordered.parts, ([name, part]) => {
      const common = new Set(parts.get(name)?.split('\n'));
      return [name, part.split('\n').filter((line) => !common.has(line))] as const;
    });

    expect(
      differing
        .filter(([, lines]) => lines.length > 0)
        .map(([name, lines]) => [`${name}:`, ...lines].join('\n'))
        .join('\n'),
    ).toMatchSnapshot();
  });
});

function stackOf(stage: StageName, chosen: Partial<Stage> = {}) {
  const { settings = stages[stage] } = withOperators(stage);
  return readableStack(
    new OrderFanOutStack(testApp(), `OrderFanOut-${stage}`, { stage, settings: { ...settings, ...chosen } }),
  );
}
