/** What `-c` overrides in config.ts. */
import type { Node } from 'constructs';
import type { Config, ConsumerSettings, Stage, StageName } from './types.ts';
import { ConfigError } from './validation.ts';

/** The stage to deploy, and its consumers. */
export interface Choices {
  readonly stage: StageName;
  readonly settings: Stage;
  readonly consumers: Readonly<Record<string, ConsumerSettings>>;
}

/**
 * The stage that `-c stage=` names (default dev), and what `-c` overrides for this run: `account` and `region`, `alarmEmail`,
 * `operatorPolicy`, `gradualReleases`, `ordered`, `archive`, and `outlastMinutes` of all consumers and of the archive.
 *
 * @throws ConfigError naming the value and what is allowed
 */
export function readChoices(node: Node, { stages, consumers, archive }: Config): Choices {
  const context = new Context(node);
  const stage = context.oneOf('stage', Object.keys(stages) as StageName[]) ?? 'dev';
  const settings = stages[stage];
  const { operations } = settings;
  const isArchived = context.flag('archive') ?? settings.archive !== undefined;
  const outlast = context.like('outlastMinutes', /^[1-9]\d{0,4}$/, 'a whole number of minutes');
  const outlasting = outlast !== undefined && { outlastMinutes: Number(outlast) };
  return {
    stage,
    settings: {
      ...settings,
      archive: isArchived ? { ...(settings.archive ?? archive), ...outlasting } : undefined,
      env: environment(context, settings),
      ordered: context.flag('ordered') ?? settings.ordered,
      gradualReleases: context.flag('gradualReleases') ?? settings.gradualReleases,
      operations: {
        ...operations,
        policy: context.flag('operatorPolicy') ?? operations.policy,
        email:
          context.like(
            'alarmEmail',
            /^[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+$/,
            'an e-mail address like ops@example.com, or leave it out',
          ) ?? operations.email,
      },
    },
    consumers: Object.fromEntries(
      Object.entries(consumers).map(([name, each]) => [name, { ...each, ...outlasting }]),
    ),
  };
}

function environment(context: Context, { env }: Stage): Stage['env'] {
  const account = context.like('account', /^\d{12}$/, 'an account ID of 12 digits') ?? env?.account;
  const region =
    context.like('region', /^[a-z]{2}(-[a-z]+)+-\d$/, 'a region like eu-central-1') ?? env?.region;
  if (account && region) return { account, region };
  if (!account && !region) return undefined;
  const [given, missing] = account ? [`account=${account}`, 'region'] : [`region=${region}`, 'account'];
  throw new ConfigError(`-c ${given}: give -c ${missing} as well, or neither`);
}

/** The context: what `-c` or cdk.json sets; undefined for the rest. */
class Context {
  private readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.read(name);
    const found = allowed.find((each) => each === value);
    if (value === undefined || found !== undefined) return found;
    throw new ConfigError(`-c ${name}=${value}: use one of ${allowed.join(', ')}`);
  }

  flag(name: string): boolean | undefined {
    const value = this.oneOf(name, ['true', 'false']);
    return value === undefined ? undefined : value === 'true';
  }

  like(name: string, pattern: RegExp, what: string): string | undefined {
    const value = this.read(name);
    if (value === undefined || pattern.test(value)) return value;
    throw new ConfigError(`-c ${name}=${value}: use ${what}`);
  }

  /** `-c` gives text; cdk.json may hold a boolean or a number. */
  private read(name: string): string | undefined {
    const value: unknown = this.node.tryGetContext(name);
    if (value === undefined) return undefined;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}
