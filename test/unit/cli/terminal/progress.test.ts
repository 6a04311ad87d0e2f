import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { barLine, createProgress } from '../../../../cli/terminal/progress.ts';

type Step = ReturnType<ReturnType<typeof createProgress>['step']>;

test.each<[string, (step: Step, pass: (ms: number) => void) => void, lines: string[]]>([
  [
    'is a line at its start and one at its end',
    (step) => {
      step.bar(1, 2);
      step.update('Still publishing');
      step.done('Published 2');
    },
    ['Published 2'],
  ],
  [
    'adds no line when nothing changes',
    (step, pass) => {
      for (const done of [39, 39, 39, 40]) {
        pass(5_000);
        step.bar(done, 59);
      }
    },
    ['Publishing: 39 of 59', 'Publishing: 40 of 59'],
  ],
  [
    'adds a line every two seconds at most',
    (step, pass) => {
      for (let done = 0; done <= 50; done++) {
        step.bar(done, 50, '10/s');
        pass(100);
      }
      step.fail('Stopped');
    },
    ['Publishing: 20 of 50, 10/s', 'Publishing: 40 of 50, 10/s', 'Stopped'],
  ],
  [
    'shows a changed text when it is time',
    (step, pass) => {
      pass(2000);
      step.update('Waiting for billing');
    },
    ['Waiting for billing'],
  ],
  [
    'prints nothing after its end',
    (step, pass) => {
      step.done('Published');
      pass(5000);
      step.bar(1, 2);
      step.done('Published');
    },
    ['Published'],
  ],
])('in a pipe a step %s', (_, work, lines) => {
  const stream = new PassThrough();
  let clock = 0;
  const step = createProgress({ stream, now: () => clock }).step('Publishing');

  work(step, (ms) => {
    clock += ms;
  });

  expect(String(stream.read())).toBe(['Publishing', ...lines, ''].join('\n'));
});

test('a silent progress writes nothing', () => {
  const stream = new PassThrough();

  const step = createProgress({ stream, silent: true }).step('Publishing');
  step.bar(1, 2);
  step.update('x');
  step.done('Published');

  expect(stream.read()).toBeNull();
});

test('a terminal that is dumb gets plain lines', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 0 });

  createProgress({ stream }).step('Publishing').done('Published');

  expect(String(stream.read())).toBe('Publishing\nPublished\n');
});

describe('the bar', () => {
  test.each([
    [0, '░'.repeat(24)],
    [500, '█'.repeat(12) + '░'.repeat(12)],
    [1000, '█'.repeat(24)],
  ])('at %i of 1000', (done, bar) => {
    expect(barLine('Publishing', done, 1000, '80/s', 77)).toBe(`Publishing ${bar} ${done}/1000 80/s`);
  });

  test('of nothing is full', () => {
    expect(barLine('Publishing', 0, 0, undefined, 77)).toContain('█'.repeat(24));
  });

  test('gives way to the numbers where there is no room', () => {
    expect(barLine('Publishing', 5, 10, 'a note', 45)).toBe(
      `Publishing ${'█'.repeat(12)}${'░'.repeat(12)} 5/10`,
    );
    expect(barLine('Publishing', 5, 10, 'a note', 20)).toBe('Publishing 5/10');
    expect(barLine('Publishing', 5, 10, 'a note', 12)).toBe('Publis… 5/10');
  });

  test('never takes more columns than there are', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 120 }),
        fc.nat(99_999),
        fc.nat(99_999),
        fc.option(fc.string(), { nil: undefined }),
        fc.integer({ min: 14, max: 120 }),
        (text, done, total, note, columns) => {
          expect(barLine(text, done, total, note, columns).length).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

test('on a terminal nothing keeps the process from its end that was not brought to one', () => {
  const { CI, TERM } = process.env;
  delete process.env.CI;
  process.env.TERM = 'xterm';
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    columns: 80,
    clearLine() {},
    cursorTo() {},
    moveCursor() {},
  });
  const timers = () => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
  const before = timers();

  const progress = createProgress({ stream });
  progress.step('Left open');
  const turning = timers();
  progress.end();
  const after = timers();
  if (CI !== undefined) process.env.CI = CI;
  process.env.TERM = TERM ?? '';

  expect({ turning: turning - before, after: after - before }).toEqual({ turning: 1, after: 0 });
});
