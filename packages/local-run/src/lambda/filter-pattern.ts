// Lambda's event filters: comparison rules, and the patterns that are made of them.

/** One rule: a literal, or an object with one operator. */
export type Rule = string | number | boolean | null | Record<string, unknown>;
/** A test of one value; `undefined` where the field is absent. */
type Test = (value: unknown) => boolean;

const text = (test: (value: string) => boolean): Test => {
  return (value) => typeof value === 'string' && test(value);
};

/** Operator → what makes a test of its operand; undefined for an operand that it cannot have. */
const OPERATORS: Record<string, (operand: unknown) => Test | undefined> = {
  exists: (wanted) => (typeof wanted === 'boolean' ? (value) => (value !== undefined) === wanted : undefined),
  prefix: (start) => (typeof start === 'string' ? text((value) => value.startsWith(start)) : undefined),
  suffix: (end) => (typeof end === 'string' ? text((value) => value.endsWith(end)) : undefined),
  'equals-ignore-case': (other) =>
    typeof other === 'string' ? text((value) => value.toLowerCase() === other.toLowerCase()) : undefined,
  'anything-but': (refused) => {
    const tests = [refused].flat().map((rule) => ruleTest(rule as Rule));
    return (value) => value !== undefined && !tests.some((test) => test(value));
  },
  numeric: (terms) => (Array.isArray(terms) ? numericTest(terms) : undefined),
};

const COMPARISONS: Record<string, (a: number, b: number) => boolean> = {
  '=': (a, b) => a === b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/**
 * Makes the test of a rule.
 * @throws Error naming an operator or an operand that is not known here
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function ruleTest(rule: Rule): Test {
  if (typeof rule !== 'object' || rule === null) return (value) => value === rule;
  const [[operator, operand] = ['', undefined], ...others] = Object.entries(rule);
  const test = others.length === 0 && Object.hasOwn(OPERATORS, operator) && OPERATORS[operator]?.(operand);
  if (test) return test;
  throw new Error(
    `the filter rule ${JSON.stringify(rule)} is not known here; known are literals and ${Object.keys(OPERATORS).join(', ')}`,
  );
}

/** `[">", 0, "<=", 150]`: every pair has to hold. */
function numericTest(terms: unknown[]): Test | undefined {
  const pairs: ((value: number) => boolean)[] = [];
  for (let index = 0; index < terms.length; index += 2) {
    const [comparison, bound] = [String(terms[index]), terms[index + 1]];
    const compare = Object.hasOwn(COMPARISONS, comparison) ? COMPARISONS[comparison] : undefined;
    if (!compare || typeof bound !== 'number') return undefined;
    pairs.push((value) => compare(value, bound));
  }
  if (pairs.length === 0) return undefined;
  return (value) => typeof value === 'number' && pairs.every((holds) => holds(value));
}

type Pattern = { [field: string]: Pattern | Rule[] };

/**
 * Whether an event satisfies a Lambda filter pattern, in which objects nest and arrays list what is allowed.
 * @throws Error naming a rule that is not known here
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
 */
export function matchesPattern(event: unknown, pattern: Pattern): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    if (field === '$or')
      return (expected as unknown as Pattern[]).some((each) => matchesPattern(event, each));
    const value =
      typeof event === 'object' && event !== null && Object.hasOwn(event, field)
        ? (event as Record<string, unknown>)[field]
        : undefined;
    if (!Array.isArray(expected)) return matchesPattern(value, expected);
    return expected.some((rule) => ruleTest(rule)(value));
  });
}
