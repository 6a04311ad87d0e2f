// The values of a template's intrinsic functions.
import type { Json } from '../protocol/json.ts';
import type { Template } from './assembly.ts';

/** What is known of a resource that was created: `ref` for Ref, `attributes` for Fn::GetAtt. */
export interface CreatedResource {
  ref: string;
  attributes: Record<string, string>;
}

/** Values of the pseudo parameters, `AWS::Region` and so on. */
type PseudoParameters = Record<string, string>;

/** Gives template values what CloudFormation would, from the resources that were created so far. */
export class TemplateValues {
  readonly created = new Map<string, CreatedResource>();
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
    const value = this.pseudo[id] ?? this.created.get(id)?.ref ?? parameter?.Default;
    if (value === undefined)
      throw new Error(`Ref to ${id}, which is neither a parameter nor a resource that was created`);
    return String(value);
  }

  private attribute(id: string, name: string): string {
    const value = this.created.get(id)?.attributes[name];
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
