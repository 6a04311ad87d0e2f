/** One small change to a file at a time, by its syntax tree. */
import { parseSync } from '@swc/core';

export interface Mutant {
  readonly area: string;
  readonly file: string;
  readonly line: number;
  readonly was: string;
  readonly becomes: string;
  readonly source: string;
}

type Node = { readonly type: string; readonly span: { start: number; end: number } } & Record<
  string,
  unknown
>;

/** Operator → what takes its place. */
const OPERATORS: Record<string, string> = {
  ...{ '<': '<=', '<=': '<', '>': '>=', '>=': '>', '===': '!==', '!==': '===' },
  ...{ '&&': '||', '||': '&&', '??': '&&', '+': '-', '-': '+', '*': '/', '/': '*', '%': '*' },
  ...{ '+=': '-=', '-=': '+=', '??=': '=', '++': '--', '--': '++' },
};
/** Calls that are left out: `list.sort()` becomes `list`. */
const LEFT_OUT = /^(sort|filter|reverse|slice|trim|trimEnd|toLowerCase)$/;

/** All mutants of a file, of those that can be parsed. @param area what it is counted with */
export function mutantsOf(file: string, original: string, area: string): Mutant[] {
  // SWC counts bytes, over all files of a process. A program begins at its first statement, which the semicolon makes byte 0.
  const bytes = Buffer.from(`;${original}`);
  const program = parse(String(bytes)) as unknown as Node;
  const found = new Map<string, Mutant>();
  const text = (start: number, end: number) => bytes.toString('utf8', start, end);
  const add = (start: number, end: number, becomes: string) => {
    const source = `${text(1, start)}${becomes}${text(end, bytes.length)}`;
    const line = text(1, start).split('\n').length;
    const shown = (value: string) => value.trim().replace(/\s+/g, ' ').slice(0, 70);
    const mutant = { area, file, line, was: shown(text(start, end)), becomes: shown(becomes), source };
    if (becomes !== text(start, end) && canBeParsed(source)) found.set(source, mutant);
  };
  const visit = (node: Node) => {
    if (/^(Ts(?!As|NonNull|Satisfies)|Import|ExportAll)/.test(node.type)) return;
    const at = (of: unknown) => {
      const { span } = of as Node;
      return [span.start - program.span.start, span.end - program.span.start] as const;
    };
    const [start, end] = at(node);
    const replace = (of: unknown, becomes: (was: string) => string) =>
      add(...at(of), becomes(text(...at(of))));
    const swap = (from: number, to: number, operator: string) => {
      const other = OPERATORS[operator];
      if (other)
        add(
          from,
          to,
          text(from, to).replace(operator, () => other),
        );
    };
    switch (node.type) {
      case 'BinaryExpression':
        swap(at(node.left)[1], at(node.right)[0], String(node.operator));
        if (node.operator === '??' && !isEmptyText(node.right)) replace(node, () => text(...at(node.left)));
        break;
      case 'AssignmentExpression':
        swap(at(node.left)[1], at(node.right)[0], String(node.operator));
        break;
      case 'UpdateExpression':
        swap(start, end, String(node.operator));
        break;
      case 'UnaryExpression':
        if (node.operator === '!') replace(node, () => text(...at(node.argument)));
        break;
      case 'IfStatement':
      case 'ConditionalExpression':
        replace(node.test, (was) => `!(${was})`);
        break;
      case 'BooleanLiteral':
        replace(node, (was) => (was === 'true' ? 'false' : 'true'));
        break;
      case 'NumericLiteral':
        replace(node, (was) => (was === '0' ? '1' : `(${was} + 1)`));
        break;
      case 'StringLiteral':
        if (!isEmptyText(node)) replace(node, () => "''");
        break;
      case 'TemplateLiteral':
        replace(node, () => "''");
        break;
      case 'ExpressionStatement':
        replace(node, () => ';');
        if ((node.expression as Node).type === 'AwaitExpression')
          replace(node, (was) => was.replace('await', 'void'));
        break;
      case 'ReturnStatement':
        if (node.argument) replace(node, () => 'return;');
        break;
      case 'OptionalChainingExpression':
        replace(node, (was) => was.replace(/\?\.(?![\s\S]*\?\.|\[|\()/, '.'));
        break;
      case 'CallExpression': {
        const callee = node.callee as Node & { object?: Node; property?: { value?: string } };
        const method = String(callee.property?.value);
        if (LEFT_OUT.test(method)) replace(node, () => text(...at(callee.object)));
        if (/^(min|max)$/.test(method)) replace(callee.property, (was) => (was === 'min' ? 'max' : 'min'));
      }
    }
    for (const child of Object.values(node)) visitAll(child);
  };
  const visitAll = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visitAll);
    else if (typeof value !== 'object' || value === null) return;
    else if ('type' in value && 'span' in value) visit(value as Node);
    else for (const child of Object.values(value)) visitAll(child);
  };
  visitAll(program.body);
  return Array.from(found.values());
}

/** Which stands where a type says undefined and AWS never does. */
function isEmptyText(node: unknown): boolean {
  return (node as Node).type === 'StringLiteral' && (node as Node).value === '';
}

function parse(source: string) {
  return parseSync(source, { syntax: 'typescript', target: 'es2024' });
}

function canBeParsed(source: string): boolean {
  try {
    return Boolean(parse(source));
  } catch {
    return false;
  }
}
