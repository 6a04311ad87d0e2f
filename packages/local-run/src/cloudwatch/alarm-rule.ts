// The rule of a composite alarm: the states of other alarms, joined by AND, OR and NOT.
import { ALARM_STATES, type AlarmState } from './alarm.ts';

/** What has the state of an alarm, by the name or ARN that the rule gives it. */
type StateOf = (alarm: string) => AlarmState;
interface AlarmRule {
  /** The alarms that it names, each once, by name or ARN. */
  alarms: string[];
  holds(stateOf: StateOf): boolean;
}

const TOKEN = /\s*(?:(?<mark>[()])|"(?<quoted>[^"]*)"|(?<word>[^\s()"]+))/y;
const STATES: readonly string[] = ALARM_STATES;
type Node = (stateOf: StateOf) => boolean;

/**
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
 * @throws Error naming what is not understood
 */
export function parseRule(rule: string): AlarmRule {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let from = 0; rule.slice(from).trim() !== ''; from = TOKEN.lastIndex) {
    TOKEN.lastIndex = from;
    const { mark, quoted, word } = TOKEN.exec(rule)?.groups ?? {};
    const token = mark ?? quoted ?? word;
    if (token === undefined) throw unknownToken(rule, rule.slice(from).trim());
    tokens.push(token);
  }
  const alarms = new Set<string>();
  let at = 0;
  const takes = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at += 1;
    return true;
  };
  const expect = (token: string): void => {
    if (!takes(token)) throw unknownToken(rule, tokens[at]);
  };
  const any = (): Node => {
    const sides = [all()];
    while (takes('OR')) sides.push(all());
    return (stateOf) => sides.some((side) => side(stateOf));
  };
  const all = (): Node => {
    const sides = [one()];
    while (takes('AND')) sides.push(one());
    return (stateOf) => sides.every((side) => side(stateOf));
  };
  const one = (): Node => {
    if (takes('NOT')) {
      const inner = one();
      return (stateOf) => !inner(stateOf);
    }
    if (takes('(')) {
      const inner = any();
      expect(')');
      return inner;
    }
    if (takes('TRUE')) return () => true;
    if (takes('FALSE')) return () => false;
    const [state = '', mark, alarm] = tokens.slice(at);
    if (!STATES.includes(state) || mark !== '(' || alarm === undefined) throw unknownToken(rule, state);
    at += 3;
    expect(')');
    alarms.add(alarm);
    return (stateOf) => stateOf(alarm) === state;
  };
  const root = any();
  if (at < tokens.length) throw unknownToken(rule, tokens[at]);
  return { alarms: [...alarms], holds: root };
}

const unknownToken = (rule: string, what: string | undefined) =>
  new Error(`alarm rule ${rule}: the local run does not know "${what ?? 'its end'}" at that place`);
