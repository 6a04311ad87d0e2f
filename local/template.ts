// Reads a cloud assembly: finds a stack's template and assets, and gives the values of its intrinsic functions.
import fs from 'node:fs';
import path from 'node:path';

// biome-ignore lint/suspicious/noExplicitAny: parsed JSON, whose shape only the one who reads it knows
export type Json = any;

export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
  DependsOn?: string | string[];
  Condition?: string;
}
interface Template {
  Resources: Record<string, Resource>;
  Parameters?: Record<string, { Default?: unknown }>;
  Conditions?: Record<string, unknown>;
  Outputs?: Record<string, { Value: unknown; Description?: string; Condition?: string }>;
}

/** A synthesized stack: its name, its template, and where its file assets lie. */
export interface SynthesizedStack {
  name: string;
  template: Template;
  /** Asset hash → folder or file. */
  assets: Map<string, string>;
}

/**
 * The one stack of a cloud assembly.
 * @param directory the assembly, `cdk.out`
 * @throws Error if there is no assembly, or not exactly one stack in it
 */
export function readAssembly(directory: string): SynthesizedStack {
  const manifestFile = path.join(directory, 'manifest.json');
  if (!fs.existsSync(manifestFile)) throw new Error(`${directory} holds no cloud assembly (manifest.json)`);
  const manifest = JSON.parse(fs.readFileSync(manifestFile, 'utf8'));
  const stacks = Object.entries<Json>(manifest.artifacts).filter(
    ([, { type }]) => type === 'aws:cloudformation:stack',
  );
  const [entry, ...others] = stacks;
  if (!entry || others.length > 0) {
    throw new Error(
      `${directory} holds ${stacks.length} stacks: the local run takes an assembly of exactly one`,
    );
  }
  const [id, artifact] = entry;
  const assets = new Map<string, string>();
  const assetFile = path.join(directory, `${id}.assets.json`);
  if (fs.existsSync(assetFile)) {
    for (const [hash, { source }] of Object.entries<Json>(
      JSON.parse(fs.readFileSync(assetFile, 'utf8')).files,
    )) {
      assets.set(hash, path.resolve(directory, source.path));
    }
  }
  return {
    name: artifact.properties.stackName ?? id,
    template: JSON.parse(fs.readFileSync(path.join(directory, artifact.properties.templateFile), 'utf8')),
    assets,
  };
}

/** What a resource is known by once it stands: `ref` for Ref, `attributes` for Fn::GetAtt. */
export interface Standing {
  ref: string;
  attributes: Record<string, string>;
}

/** Values of the pseudo parameters, `AWS::Region` and so on. */
export type PseudoParameters = Record<string, string>;

/** Gives template values what CloudFormation would, from the resources that stand so far. */
export class Values {
  readonly standing = new Map<string, Standing>();
  private readonly template: Template;
  private readonly pseudo: PseudoParameters;

  constructor(template: Template, pseudo: PseudoParameters) {
    this.template = template;
    this.pseudo = pseudo;
  }

  /**
   * A copy of `value` in which every intrinsic function is replaced by its result.
   * @throws Error naming the function, or the logical ID that is not known
   */
  resolve(value: unknown): Json {
    if (Array.isArray(value)) {
      return value.map((member) => this.resolve(member)).filter((member) => member !== undefined);
    }
    if (typeof value !== 'object' || value === null) return value;
    const keys = Object.keys(value);
    const [name] = keys;
    if (keys.length === 1 && name && (name === 'Ref' || name.startsWith('Fn::'))) {
      return this.intrinsic(name, (value as Record<string, unknown>)[name]);
    }
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, member]) => [key, this.resolve(member)] as const)
        .filter(([, member]) => member !== undefined),
    );
  }

  /** Whether a named condition of the template holds; no name holds always. */
  holds(condition: string | undefined): boolean {
    return condition === undefined || this.condition({ Condition: condition });
  }

  private intrinsic(name: string, argument: unknown): unknown {
    switch (name) {
      case 'Ref':
        return this.ref(String(argument));
      case 'Fn::GetAtt': {
        const [id = '', ...rest] = Array.isArray(argument)
          ? argument.map(String)
          : String(argument).split('.');
        return this.attribute(id, rest.join('.'));
      }
      case 'Fn::Join': {
        const [separator, parts] = argument as [string, unknown];
        return (this.resolve(parts) as unknown[]).join(separator);
      }
      case 'Fn::Sub': {
        const [text, variables] = Array.isArray(argument) ? argument : [argument, {}];
        return String(text).replace(/\$\{([^}]+)\}/g, (_, key: string) => {
          if (key.startsWith('!')) return `\${${key.slice(1)}}`;
          if (key in variables) return String(this.resolve(variables[key]));
          return String(key.includes('.') ? this.intrinsic('Fn::GetAtt', key) : this.ref(key));
        });
      }
      case 'Fn::Select': {
        const [index, list] = argument as [number | string, unknown];
        return (this.resolve(list) as unknown[])[Number(index)];
      }
      case 'Fn::Split': {
        const [separator, text] = argument as [string, unknown];
        return String(this.resolve(text)).split(separator);
      }
      case 'Fn::If': {
        const [condition, yes, no] = argument as [string, unknown, unknown];
        return this.resolve(this.holds(condition) ? yes : no);
      }
      default:
        throw new Error(`the local run does not know the intrinsic function ${name}`);
    }
  }

  private ref(id: string): string | undefined {
    if (id === 'AWS::NoValue') return undefined;
    const parameter = this.template.Parameters?.[id];
    const value = this.pseudo[id] ?? this.standing.get(id)?.ref ?? parameter?.Default;
    if (value === undefined)
      throw new Error(`Ref to ${id}, which is neither a parameter nor a resource that stands`);
    return String(value);
  }

  private attribute(id: string, name: string): string {
    const value = this.standing.get(id)?.attributes[name];
    if (value === undefined)
      throw new Error(`Fn::GetAtt of ${id}.${name}, which the local run does not have`);
    return value;
  }

  private condition(expression: unknown): boolean {
    const [name, argument] = Object.entries(expression as Record<string, Json>)[0] ?? [];
    switch (name) {
      case 'Condition':
        return this.condition(this.template.Conditions?.[argument]);
      case 'Fn::Equals':
        return this.resolve(argument[0]) === this.resolve(argument[1]);
      case 'Fn::And':
        return argument.every((each: unknown) => this.condition(each));
      case 'Fn::Or':
        return argument.some((each: unknown) => this.condition(each));
      case 'Fn::Not':
        return !this.condition(argument[0]);
      default:
        throw new Error(`the local run does not know the condition function ${name}`);
    }
  }
}

/**
 * The logical IDs in an order in which every resource comes after those it refers to or depends on.
 * @throws Error naming the IDs of a circle, as CloudFormation would refuse it
 */
export function deploymentOrder(resources: Record<string, Resource>): string[] {
  const ordered: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (id: string, trail: string[]): void => {
    if (state.get(id) === 'done') return;
    if (state.get(id) === 'open') throw new Error(`circular dependency: ${[...trail, id].join(' → ')}`);
    state.set(id, 'open');
    for (const needed of referred(resources[id])) if (resources[needed]) visit(needed, [...trail, id]);
    state.set(id, 'done');
    ordered.push(id);
  };
  for (const id of Object.keys(resources)) visit(id, []);
  return ordered;
}

function referred(value: unknown, key?: string): string[] {
  if (typeof value === 'string') {
    if (key === 'Ref' || key === 'DependsOn') return [value];
    if (key === 'Fn::GetAtt') return [value.split('.')[0] ?? ''];
    if (key === 'Fn::Sub') return [...value.matchAll(/\$\{([^}.!]+)[^}]*\}/g)].map(([, id]) => id ?? '');
    return [];
  }
  if (Array.isArray(value)) {
    if (key === 'Fn::GetAtt') return [String(value[0])];
    if (key === 'Fn::Sub') return [...referred(value[0], 'Fn::Sub'), ...referred(value[1])];
    return value.flatMap((member) => referred(member, key === 'DependsOn' ? key : undefined));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => referred(member, name));
}
