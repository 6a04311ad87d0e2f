/**
 * Old and new alarm rules against simulated traffic: `node bench/alarm-rules.ts`. Ten days of each traffic, one minute after the
 * other, through the local run's own CloudWatch; two minutes. A cell is changes of state a day and, where messages wait for too
 * long, the longest time that they did so without ALARM; for the tries that failed, the time from the first minute's wait on.
 */
import { notDraining, oldestMessage, retrying } from './alarm-rules/rules.ts';
import { HARMFUL, HARMLESS } from './alarm-rules/scenarios.ts';
import type { Traffic } from './alarm-rules/traffic.ts';
import { type Outcome, trial } from './alarm-rules/trial.ts';

const DAYS = 10;
const SEED = 1;
const ALL: Record<string, Traffic> = { ...HARMLESS, ...HARMFUL };

for (const missing of [0, 0.1]) {
  for (const tooOld of [300, 900]) {
    const rules = {
      'old rule': notDraining(tooOld),
      '3 of 5': oldestMessage(tooOld, 3, 5),
      '5 of 15': oldestMessage(tooOld, 5, 15),
      '10 of 15': oldestMessage(tooOld, 10, 15),
      '15 of 15': oldestMessage(tooOld, 15, 15),
      '1 day': oldestMessage(86_400, 3, 5),
    };
    show(`Older than ${tooOld} s, ${missing * 100} % of SQS's datapoints missing`, rules, tooOld, missing);
  }
}
const retried = Object.fromEntries(
  [5, 10, 50].flatMap((tries) =>
    [2, 3].map((datapoints) => [`${tries}, ${datapoints} of 3`, retrying(tries, datapoints, 3)]),
  ),
);
show('Tries that failed within 5 minutes', retried, 60, 0, ({ first }) => first);

function show(
  title: string,
  rules: Parameters<typeof trial>[1],
  tooOld: number,
  missing: number,
  minutes: (outcome: Outcome) => number | undefined = ({ alarms, silent }) => (alarms ? silent : undefined),
): void {
  console.log(title);
  const cell = (outcome: Outcome) => {
    const changes = outcome.changesADay.toFixed(1);
    if (outcome.late === 0) return changes;
    const without = minutes(outcome);
    return without === undefined ? `${changes}, never` : `${changes}, ${without} min`;
  };
  const rows = Object.entries(ALL).map(([name, traffic]) => {
    const outcomes = trial(traffic, rules, { days: DAYS, seed: SEED, tooOld, missing });
    return [name, Object.fromEntries(Object.entries(outcomes).map(([rule, each]) => [rule, cell(each)]))];
  });
  console.table(Object.fromEntries(rows));
}
