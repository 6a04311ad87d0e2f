// The expressions of CloudWatch's metric math, as far as alarms here use them.
import {
  aggregate,
  asArray,
  changes,
  choose,
  combine,
  isSeries,
  kindOf,
  type Node,
  type Operator,
  over,
  type Scope,
  type Series,
  valueAt,
} from './time-series.ts';

const TOKEN =
  /\s*(?:(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<text>"[^"]*"|'[^']*')|(?<operator>&&|\|\||==|!=|<=|>=|[-+*/^<>()[\],]))/y;

/** By precedence, the weakest first. */
const OPERATORS: ReadonlyMap<string, Operator>[] = [
  new Map([['OR', (a, b) => Number(a !== 0 || b !== 0)]]),
  new Map([['AND', (a, b) => Number(a !== 0 && b !== 0)]]),
  new Map([
    ['==', (a, b) => Number(a === b)],
    ['!=', (a, b) => Number(a !== b)],
    ['<', (a, b) => Number(a < b)],
    ['<=', (a, b) => Number(a <= b)],
    ['>', (a, b) => Number(a > b)],
    ['>=', (a, b) => Number(a >= b)],
  ]),
  new Map([
    ['+', (a, b) => a + b],
    ['-', (a, b) => a - b],
  ]),
  new Map<string, Operator>([
    ['*', (a, b) => a * b],
    ['/', (a, b) => (b === 0 ? undefined : a / b)],
  ]),
];
const power: Operator = (a, b) => a ** b;
const ALIASES = new Map([
  ['&&', 'AND'],
  ['||', 'OR'],
]);

const POINTWISE = new Map([
  ['ABS', Math.abs],
  ['CEIL', Math.ceil],
  ['FLOOR', Math.floor],
]);
const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
const AGGREGATES = new Map<string, (values: number[]) => number>([
  ['SUM', total],
  ['AVG', (values) => total(values) / values.length],
  ['MIN', (values) => Math.min(...values)],
  ['MAX', (values) => Math.max(...values)],
]);

/**
 * A function that gives the series of an expression.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 * @throws Error naming the function or the text that is not understood
 */
export function parseExpression(expression: string): (scope: Scope) => Series {
  const node = new Parser(expression).parse();
  return (scope) => {
    const value = node(scope);
    if (!isSeries(value))
      throw new Error(`${expression} gives ${kindOf(value)}, where one time series is needed`);
    return value;
  };
}

class Parser {
  private readonly tokens: { kind: string; text: string }[] = [];
  private at = 0;
  private readonly expression: string;

  constructor(expression: string) {
    this.expression = expression;
    TOKEN.lastIndex = 0;
    for (let from = 0; expression.slice(from).trim() !== ''; from = TOKEN.lastIndex) {
      TOKEN.lastIndex = from;
      const { groups } = TOKEN.exec(expression) ?? {};
      const [kind, text] = Object.entries(groups ?? {}).find(([, found]) => found !== undefined) ?? [];
      if (!kind || text === undefined) this.refuse(`what begins at "${expression.slice(from).trim()}"`);
      this.tokens.push({ kind, text: ALIASES.get(text) ?? text });
    }
  }

  parse(): Node {
    const node = this.binary(0);
    const rest = this.tokens[this.at];
    if (rest) this.refuse(`"${rest.text}" at that place`);
    return node;
  }

  private binary(level: number): Node {
    const operators = OPERATORS[level];
    if (!operators) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = operators.get(this.tokens[this.at]?.text ?? '');
      if (!operator) return left;
      this.at += 1;
      left = combine(operator, left, this.binary(level + 1));
    }
  }

  private unary(): Node {
    if (!this.takes('-')) return this.power();
    return combine(
      (_, value) => -value,
      () => 0,
      this.unary(),
    );
  }

  private power(): Node {
    const base = this.primary();
    return this.takes('^') ? combine(power, base, this.unary()) : base;
  }

  private primary(): Node {
    const { kind, text } = this.tokens[this.at++] ?? { kind: 'end', text: 'its end' };
    if (kind === 'number') return () => Number(text);
    if (text === '(') {
      const inner = this.binary(0);
      this.expect(')');
      return inner;
    }
    if (text === '[') {
      const members = this.list(']');
      return (scope) => members.flatMap((member) => asArray(member(scope)));
    }
    if (kind === 'name') {
      if (this.takes('(')) return this.call(text);
      if (/^[a-z]/.test(text)) return (scope) => this.lookUp(text, scope);
    }
    return this.refuse(`"${text}" at that place`);
  }

  private lookUp(id: string, scope: Scope): Series {
    return scope.series(id) ?? this.refuse(`the id ${id}, which no metric or expression has`);
  }

  private call(name: string): Node {
    if (name === 'METRICS') {
      const { kind, text } = this.tokens[this.at] ?? {};
      const part = kind === 'text' && text ? text.slice(1, -1) : '';
      if (kind === 'text') this.at += 1;
      this.expect(')');
      return (scope) => scope.metrics(part);
    }
    if (name === 'FILL') return this.fill();
    const [first, second, third, ...more] = this.list(')');
    const one = second === undefined ? first : undefined;
    const pointwise = POINTWISE.get(name);
    if (pointwise && one) {
      return over(one, (series) => series.map((value) => (value === undefined ? value : pointwise(value))));
    }
    if (name === 'DIFF' && one) return over(one, (series) => changes(series, () => 1));
    if (name === 'RATE' && one) {
      return (scope) => over(one, (series) => changes(series, (steps) => steps * scope.periodSeconds))(scope);
    }
    const aggregation = AGGREGATES.get(name);
    if (aggregation && one) return aggregate(aggregation, one);
    if (name === 'IF' && first && second && more.length === 0) return choose(first, second, third);
    return this.refuse(`the function ${name} with these arguments`);
  }

  private fill(): Node {
    const series = this.binary(0);
    this.expect(',');
    if (this.takes('REPEAT')) {
      this.expect(')');
      return over(series, (values) => {
        let last: number | undefined;
        return values.map((value) => {
          last = value ?? last;
          return last;
        });
      });
    }
    const filler = this.binary(0);
    this.expect(')');
    return (scope) => {
      const by = filler(scope);
      return over(series, (values) => values.map((value, index) => value ?? valueAt(by, index)))(scope);
    };
  }

  private list(end: string): Node[] {
    const members: Node[] = [];
    if (this.takes(end)) return members;
    do members.push(this.binary(0));
    while (this.takes(','));
    this.expect(end);
    return members;
  }

  private takes(text: string): boolean {
    if (this.tokens[this.at]?.text !== text) return false;
    this.at += 1;
    return true;
  }

  private expect(text: string): void {
    if (!this.takes(text))
      this.refuse(`"${this.tokens[this.at]?.text ?? 'its end'}" where "${text}" is needed`);
  }

  private refuse(what: string): never {
    throw new Error(`metric math ${this.expression}: the local run does not know ${what}`);
  }
}
