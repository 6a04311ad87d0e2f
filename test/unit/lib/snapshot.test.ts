/**
 * An alarm bell, not a proof: a change here that nobody meant shows up in review. `npm test -- -u` takes it over.
 *
 * The summary says which resources changed, the part of their construct how. The three consumers share a part: a line that
 * not all of them have begins with the name of the one that has it. The archive's consumer has a part of its own.
 */
import { describe, expect, test } from '@jest/globals';
import { archive as defaultArchive, stages } from '../../../lib/config.ts';
import type { StageName } from '../../../lib/settings/types.ts';
import { orders } from '../../fixtures/domains.ts';
import { everyStage, fanOutStack, stageNames, withOperators } from '../../fixtures/synthesized.ts';
import { readableStack } from './readable-stack.ts';

/** So that the snapshot has the text as it is, without quotes and escapes around it. */
expect.addSnapshotSerializer({
  test: (value) => typeof value === 'string',
  print: (value) => String(value),
});

const examples = everyStage.filter(({ of }) => of !== orders);

for (const { of, stage, called } of examples) {
  test(`the resources of ${called} are as they were`, () => {
    expect(readableStack(fanOutStack(stage, {}, of), of).summary).toMatchSnapshot();
  });
}

describe.each(stageNames)('in %s', (stage) => {
  const { summary, parts } = stackOf(stage);

  test('the resources are as they were', () => {
    expect(summary).toMatchSnapshot();
  });

  test.each([...parts])('%s is as it was', (_, part) => {
    expect(part).toMatchSnapshot();
  });

  const other = stages[stage].archive ? 'without' : 'with';

  test('an ordered one differs as it did', () => {
    const ordered = stackOf(stage, { ordered: true });

    expect(difference(parts, ordered.parts)).toMatchSnapshot();
  });

  test(`one ${other} an archive differs as it did`, () => {
    const changed = stackOf(stage, { archive: other });

    expect(difference(parts, changed.parts)).toMatchSnapshot();
  });

  test(`an ordered one ${other} an archive differs as it did from one that is not ordered`, () => {
    const changed = stackOf(stage, { archive: other });
    const ordered = stackOf(stage, { archive: other, ordered: true });

    expect(difference(changed.parts, ordered.parts)).toMatchSnapshot();
  });
});

function stackOf(
  stage: StageName,
  { archive, ordered }: { readonly archive?: 'with' | 'without'; readonly ordered?: boolean } = {},
) {
  const { archive: own, ...settings } = { ...stages[stage], ...withOperators(stage).settings };
  const kept = { with: own ?? defaultArchive, without: undefined }[archive ?? (own ? 'with' : 'without')];
  const stack = fanOutStack(stage, {
    settings: { ...settings, ...(kept && { archive: kept }), ...(ordered !== undefined && { ordered }) },
  });
  return readableStack(stack, orders);
}

/** By part what is new, and after a minus what is gone. */
function difference(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string {
  return [...new Set([...before.keys(), ...after.keys()])]
    .flatMap((name) => {
      const [old, now] = [before.get(name)?.split('\n') ?? [], after.get(name)?.split('\n')];
      if (!now) return `- ${name}`;
      const lines = [
        ...now.filter((line) => !old.includes(line)),
        ...old.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
      ];
      return lines.length > 0 ? [`${name}:`, ...lines] : [];
    })
    .join('\n');
}
