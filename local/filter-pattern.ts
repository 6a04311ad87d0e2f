// The comparison rules that Lambda's event filters and SNS's filter policies share.

/** One rule: a literal, or an object with one operator. */
export type Rule = string | number | boolean | null | Record<string, unknown>;

const OPERATORS = ['prefix', 'suffix', 'anything-but', 'equals-ignore-case', 'numeric', 'exists'];

/**
 * Whether a value satisfies one of the rules.
 * @param value the field's value; undefined where the field is not there
 * @param rules as in `["order.placed", { "prefix": "order." }]`
 * @throws Error naming an operator that this evaluator does not know
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matchesAny(value: unknown, rules: readonly Rule[]): boolean {
  return rules.some((rule) => matches(value, rule));
}

function matches(value: unknown, rule: Rule): boolean {
  if (typeof rule !== 'object' || rule === null) return value === rule;
  const [operator, argument] = Object.entries(rule)[0] ?? [];
  switch (operator) {
    case 'exists':
      return (value !== undefined) === argument;
    case 'prefix':
      return typeof value === 'string' && value.startsWith(String(argument));
    case 'suffix':
      return typeof value === 'string' && value.endsWith(String(argument));
    case 'equals-ignore-case':
      return typeof value === 'string' && value.toLowerCase() === String(argument).toLowerCase();
    case 'anything-but': {
      const refused = (Array.isArray(argument) ? argument : [argument]) as Rule[];
      return value !== undefined && !matchesAny(value, refused);
    }
    case 'numeric':
      return typeof value === 'number' && matchesNumeric(value, argument as (string | number)[]);
    default:
      throw new Error(`filter operator ${operator} is not known here; known are ${OPERATORS.join(', ')}`);
  }
}

function matchesNumeric(value: number, comparisons: (string | number)[]): boolean {
  for (let index = 0; index < comparisons.length; index += 2) {
    const bound = Number(comparisons[index + 1]);
    const holds = {
      '=': value === bound,
      '<': value < bound,
      '<=': value <= bound,
      '>': value > bound,
      '>=': value >= bound,
    }[String(comparisons[index])];
    if (holds === undefined)
      throw new Error(`numeric comparison ${comparisons[index]} is not one of = < <= > >=`);
    if (!holds) return false;
  }
  return true;
}

type Pattern = { [field: string]: Pattern | Rule[] };

/**
 * Whether an event satisfies a Lambda filter pattern, in which objects nest and arrays list what is allowed.
 * @throws Error naming an operator that is not known
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
    return Array.isArray(expected) ? matchesAny(value, expected) : matchesPattern(value, expected);
  });
}
