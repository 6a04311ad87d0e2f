// The values of a template's intrinsic functions.
import type { Json } from '../protocol/json.ts';

/** What is known of a resource that was created: `ref` for Ref, `attributes` for Fn::GetAtt. */
export interface CreatedResource {
  ref: string;
  attributes: Record<string, string>;
}

/** Gives template values what CloudFormation would, from the resources that were created so far. */
export class TemplateValues {
  readonly created = new Map<string, CreatedResource>();
  private readonly pseudo: Record<string, string>;

  /** @param pseudo the values of the pseudo parameters, `AWS::Region` and so on */
  constructor(pseudo: Record<string, string>) {
    this.pseudo = pseudo;
  }

  /**
   * A copy of `value` in which every intrinsic function is replaced by its result.
   * @throws Error naming the function, or the logical ID that is not known
   */
  resolve(value: unknown): Json {
    if (Array.isArray(value)) return value.map((member) => this.resolve(member));
    if (typeof value !== 'object' || value === null) return value;
    const keys = Object.keys(value);
    const [name] = keys;
    if (keys.length === 1 && name && (name === 'Ref' || name.startsWith('Fn::'))) {
      return this.intrinsic(name, (value as Record<string, unknown>)[name]);
    }
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.resolve(member)]));
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
        if (typeof argument !== 'string') throw new Error('the local run does not know variables of Fn::Sub');
        return argument.replace(/\$\{([^}]+)\}/g, (_, key: string) =>
          String(key.includes('.') ? this.intrinsic('Fn::GetAtt', key) : this.ref(key)),
        );
      }
      case 'Fn::Select': {
        const [index, list] = argument as [number | string, unknown];
        return (this.resolve(list) as unknown[])[Number(index)];
      }
      case 'Fn::Split': {
        const [separator, text] = argument as [string, unknown];
        return String(this.resolve(text)).split(separator);
      }
      default:
        throw new Error(`the local run does not know the intrinsic function ${name}`);
    }
  }

  private ref(id: string): string {
    const value = this.pseudo[id] ?? this.created.get(id)?.ref;
    if (value === undefined) throw new Error(`Ref to ${id}, which is no resource that was created`);
    return String(value);
  }

  private attribute(id: string, name: string): string {
    const value = this.created.get(id)?.attributes[name];
    if (value === undefined)
      throw new Error(`Fn::GetAtt of ${id}.${name}, which the local run does not have`);
    return value;
  }
}
