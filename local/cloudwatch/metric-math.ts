// CloudWatch's metric math, as far as alarms here use it: expressions over time series that share their timestamps.

/** Values of a time series, oldest first; undefined where there is no datapoint. */
export type Series = (number | undefined)[];
type Value = number | Series | Series[];
/** What the identifiers of an expression stand for. */
export interface Scope {
  /** The series of a metric or of another expression; undefined for an id that is not there. */
  series(id: string): Series | undefined;
  /** The metrics of the request, expressions left out, whose id holds `text`. */
  metrics(text: string): Series[];
  periodSeconds: number;
}
type Node = (scope: Scope) => Value;

const TOKEN =
  /\s*(?:(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<text>"[^"]*"|'[^']*')|(?<operator>&&|\|\||==|!=|<=|>=|[-+*/^<>()[\],]))/y;

/** An operator's result where both sides have a value; undefined drops the datapoint. */
type Operator = (left: number, right: number) => number | undefined;
const OPERATORS: Record<string, Operator>[] = [
  { OR: (a, b) => Number(a !== 0 || b !== 0) },
  { AND: (a, b) => Number(a !== 0 && b !== 0) },
  {
    '==': (a, b) => Number(a === b),
    '!=': (a, b) => Number(a !== b),
    '<': (a, b) => Number(a < b),
    '<=': (a, b) => Number(a <= b),
    '>': (a, b) => Number(a > b),
    '>=': (a, b) => Number(a >= b),
  },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => (b === 0 ? undefined : a / b) },
];
const power: Operator = (a, b) => a ** b;
const ALIASES: Record<string, string> = { '&&': 'AND', '||': 'OR' };

const POINTWISE: Record<string, (value: number) => number> = {
  ABS: Math.abs,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
};
const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
const AGGREGATES: Record<string, (values: number[]) => number> = {
  SUM: total,
  AVG: (values) => total(values) / values.length,
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
};

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
      this.tokens.push({ kind, text: ALIASES[text] ?? text });
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
      const operator = operators[this.tokens[this.at]?.text ?? ''];
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
    const pointwise = POINTWISE[name];
    if (pointwise && one) {
      return over(one, (series) => series.map((value) => (value === undefined ? value : pointwise(value))));
    }
    if (name === 'DIFF' && one) return over(one, (series) => changes(series, () => 1));
    if (name === 'RATE' && one) {
      return (scope) => over(one, (series) => changes(series, (steps) => steps * scope.periodSeconds))(scope);
    }
    if (AGGREGATES[name] && one) return aggregate(AGGREGATES[name], one);
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

/** Of two series, one that has no datapoint counts as 0 where the other has one; nothing comes of a gap in both. */
function combine(operator: Operator, left: Node, right: Node): Node {
  const merge = (a: number | Series, b: number | Series): number | Series => {
    if (typeof a === 'number' && typeof b === 'number') return operator(a, b) ?? Number.NaN;
    const length = (Array.isArray(a) ? a : (b as Series)).length;
    return Array.from({ length }, (_, index) => {
      const one = valueAt(a, index);
      const other = valueAt(b, index);
      const isGap =
        Array.isArray(a) && Array.isArray(b)
          ? one === undefined && other === undefined
          : one === undefined || other === undefined;
      return isGap ? undefined : operator(one ?? 0, other ?? 0);
    });
  };
  return (scope) => {
    const a = left(scope);
    const b = right(scope);
    if (!isArray(a) && !isArray(b)) return merge(a, b);
    const length = (isArray(a) ? a : (b as Series[])).length;
    return Array.from({ length }, (_, index) => merge(member(a, index), member(b, index)) as Series);
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-IF-expressions */
function choose(condition: Node, yes: Node, no: Node | undefined): Node {
  return (scope) => {
    const test = condition(scope);
    const whenTrue = yes(scope);
    const whenFalse = no?.(scope);
    if (isArray(test) || isArray(whenTrue) || (whenFalse !== undefined && isArray(whenFalse))) {
      throw new Error('metric math: IF takes single time series and numbers, not arrays of time series');
    }
    if (typeof test === 'number') return (test === 0 ? whenFalse : whenTrue) ?? [];
    return test.map((value, index) => {
      if (value === undefined) return undefined;
      if (value === 0) return whenFalse === undefined ? undefined : valueAt(whenFalse, index);
      return valueAt(whenTrue, index) ?? 0;
    });
  };
}

/** The first datapoint has none before it, and a gap is no datapoint: nothing comes of either. */
function changes(series: Series, divisor: (steps: number) => number): Series {
  let last: number | undefined;
  return series.map((value, index) => {
    if (value === undefined) return undefined;
    const before = last;
    last = index;
    return before === undefined ? undefined : (value - (series[before] ?? 0)) / divisor(index - before);
  });
}

/** Of one series a number, of an array of series a series, in which a gap counts as 0 where others have a datapoint. */
function aggregate(of: (values: number[]) => number, argument: Node): Node {
  return (scope) => {
    const value = argument(scope);
    if (typeof value === 'number') return value;
    if (!isArray(value)) return of(value.filter((each) => each !== undefined));
    return (value[0] ?? []).map((_, index) => {
      const values = value.map((series) => series[index]);
      return values.every((each) => each === undefined) ? undefined : of(values.map((each) => each ?? 0));
    });
  };
}

function over(argument: Node, change: (series: Series) => Series): Node {
  return (scope) => {
    const value = argument(scope);
    if (typeof value === 'number') throw new Error('metric math: a number where a time series is needed');
    return isArray(value) ? value.map(change) : change(value);
  };
}

const isArray = (value: Value): value is Series[] => Array.isArray(value) && Array.isArray(value[0]);
const isSeries = (value: Value): value is Series => Array.isArray(value) && !Array.isArray(value[0]);
const asArray = (value: Value): Series[] => (isArray(value) ? value : [value as Series]);
const member = (value: Value, index: number): number | Series =>
  isArray(value) ? (value[index] ?? []) : value;
const kindOf = (value: Value): string => (typeof value === 'number' ? 'a number' : 'an array of time series');
function valueAt(value: Value, index: number): number | undefined {
  return typeof value === 'number' ? value : (value as Series)[index];
}
