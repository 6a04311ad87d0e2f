/** A stack's template as readable lines: a line for each resource, and its properties by top-level construct. */
import { createHash } from 'node:crypto';
import { CfnElement, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { pascalCase } from '../../../contract/names.ts';
import type { TestDomain } from '../../fixtures/domains.ts';

/** A longer value gets a line for each part. */
const LINE = 200;

interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

interface JsonTemplate {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown; readonly Description?: string }>>;
}

export interface ReadableStack {
  /** A line a resource: its type, its logical ID, what becomes of it when the stack goes, and a hash of its properties. */
  readonly summary: string;
  /** Properties by kind of top-level construct: the lines that only one of several consumers has begin with its name. */
  readonly parts: ReadonlyMap<string, string>;
}

export function readableStack(stack: Stack, { consumers }: TestDomain): ReadableStack {
  const consumerNames = Object.keys(consumers).map((name) => ({ name, id: pascalCase(name) }));
  const template = Template.fromStack(stack).toJSON() as JsonTemplate;
  const resources = template.Resources;
  const names = shortNames(Object.keys(resources));
  const blocks = new Map(
    Object.entries(resources).map(([id, resource]) => [id, describe(id, resource, names)]),
  );

  const kinds = new Map<string, Map<string, string[]>>();
  for (const construct of stack.node.children) {
    const ids = construct.node.findAll().filter(CfnElement.isCfnElement).map(logicalId);
    const lines = ids.flatMap((id) => blocks.get(id) ?? []);
    if (lines.length === 0) continue;
    const consumer = consumerNames.find(({ id }) => construct.node.id.startsWith(id));
    const kind = consumer ? construct.node.id.replace(consumer.id, 'Consumer') : construct.node.id;
    const ofKind = kinds.get(kind) ?? new Map<string, string[]>();
    kinds.set(
      kind,
      ofKind.set(consumer?.name ?? '', consumer ? lines.map((line) => mask(line, consumer)) : lines),
    );
  }
  const parts = new Map(Array.from(kinds, ([kind, byConsumer]) => [kind, merge(byConsumer).join('\n')]));
  parts.set('outputs', render('', outputsOf(template), names).join('\n'));
  return {
    summary: Object.entries(resources)
      .map((entry) => summarize(...entry, names))
      .join('\n'),
    parts,
  };

  function logicalId(element: CfnElement): string {
    return stack.resolve(element.logicalId);
  }
}

function summarize(id: string, resource: Resource, names: ReadonlyMap<string, string>): string {
  const name = names.get(id) ?? id;
  const { Type, DeletionPolicy = '', ...rest } = resource;
  const hash = createHash('sha256')
    .update(maskCode(JSON.stringify(rest)))
    .digest('hex')
    .slice(0, 6);
  return [Type.replace('AWS::', ''), name, maskCode(id).slice(name.length), DeletionPolicy, hash]
    .filter(Boolean)
    .join(' ');
}

function describe(id: string, resource: Resource, names: ReadonlyMap<string, string>): string[] {
  const { Type, DeletionPolicy, UpdateReplacePolicy, Properties = {}, ...others } = resource;
  const name = names.get(id) ?? id;
  const heading = [Type, ...new Set([DeletionPolicy, UpdateReplacePolicy])].filter(Boolean).join(' ');
  const lines = render('', { ...Properties, ...others }, names).map((line) => `${name}.${line}`);
  return [`${name}: ${heading}`, ...lines];
}

/** `path: value`, in one line if it fits; otherwise the scalars together and a line for each of the rest. */
function render(path: string, value: unknown, names: ReadonlyMap<string, string>): string[] {
  const plain = simplify(value, names);
  const inside = typeof plain === 'string' && plain.startsWith('{"') ? JSON.parse(plain) : plain;
  const line = `${path}: ${typeof inside === 'string' ? inside : JSON.stringify(inside)}`;
  if (!isObject(inside) || (path && line.length <= LINE)) return [maskCode(line)];
  const entries = Object.entries(inside);
  const scalars = entries.filter(([, inner]) => !isObject(inner));
  const others = entries.filter(([, inner]) => isObject(inner));
  const together = `${path}: ${scalars.map(([key, inner]) => `${key}=${inner}`).join(' ')}`;
  const isShort = path && scalars.length > 1 && together.length <= LINE;
  return [
    ...(isShort ? [maskCode(together)] : []),
    ...(isShort ? others : entries).flatMap(([key, inner]) =>
      render(path ? `${path}.${key}` : key, inner, names),
    ),
  ];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** References as `${name}` and `${name.attribute}`, and what is joined from them as one text. */
function simplify(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return names.get(value) ?? value; // as in DependsOn
  if (!isObject(value)) return value;
  if (Array.isArray(value)) return value.map((inner) => simplify(inner, names));
  const [[key, inner] = ['', undefined], ...others] = Object.entries(value);
  if (others.length === 0 && key === 'Ref') return `\${${names.get(inner) ?? inner}}`;
  if (others.length === 0 && key === 'Fn::GetAtt')
    return `\${${names.get(inner[0]) ?? inner[0]}.${inner[1]}}`;
  if (others.length === 0 && key === 'Fn::Join') {
    const [separator, parts] = inner;
    return parts.map((part: unknown) => asText(simplify(part, names))).join(separator);
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, simplify(each, names)]));
}

/** Such as `Fn::Select`, in a text. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : `\${${JSON.stringify(value)}}`;
}

/** Logical IDs without CDK's hash, where they are told apart without it. */
function shortNames(ids: readonly string[]): Map<string, string> {
  const short = ids.map((id) => id.replace(/[0-9A-F]{8}([0-9a-f]{32})?$/, ''));
  return new Map(
    ids.map((id, index) => {
      const name = short[index] as string;
      return [id, short.indexOf(name) === short.lastIndexOf(name) ? name : id];
    }),
  );
}

/** The lines of several consumers: once if all have the same, otherwise with the consumer's name. */
function merge(byConsumer: ReadonlyMap<string, readonly string[]>): string[] {
  const keyOf = (line: string) => line.split(': ')[0] as string;
  const all = [...byConsumer.values()].flat();
  return [...new Set(all.map(keyOf))].flatMap((key) => {
    const lines = [...byConsumer].map(([consumer, own]) => ({
      consumer,
      line: own.find((line) => keyOf(line) === key),
    }));
    if (new Set(lines.map(({ line }) => line)).size === 1) return lines[0]?.line ?? [];
    return lines.flatMap(({ consumer, line }) => (line === undefined ? [] : `[${consumer}] ${line}`));
  });
}

/** The consumer's name in logical IDs, in physical names, and in texts. */
function mask(line: string, { name, id }: { name: string; id: string }): string {
  return line
    .replaceAll(new RegExp(`(?<![\\w.])${id}(?=[A-Z])|(?<=[-/])${id}\\b`, 'g'), '<Consumer>')
    .replaceAll(new RegExp(`\\b${name}\\b`, 'g'), '<consumer>');
}

/** The hashes that change with the code of a function: of its asset, and of its version. */
function maskCode(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{64}/g, 'ASSET_HASH')
    .replaceAll(/(?<=CurrentVersion[0-9A-F]{8})[0-9a-f]{32}/g, '');
}

function outputsOf(template: JsonTemplate): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(template.Outputs).map(([name, { Value, Description }]) => [
      name,
      Description ? { Value, Description } : Value,
    ]),
  );
}
