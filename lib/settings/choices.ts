/** What whoever calls `cdk` chooses with `-c`, over the settings in config.ts. */
import type { Node } from 'constructs';
import {
  type ConsumerSettings,
  consumers,
  archive as defaultArchive,
  type Stage,
  type StageName,
  stages,
} from '../config.ts';
import { ConfigError } from './validation.ts';

/** A stage as it is to be deployed, and who consumes orders there. */
export interface Choices {
  readonly stage: StageName;
  readonly settings: Stage;
  readonly consumers: Readonly<Record<string, ConsumerSettings>>;
}

/**
 * The stage that `-c stage=` names (default dev), with what else `-c` overrides for this once: `account` and `region`,
 * `alarmEmail`, `operatorPolicy`, `gradualReleases`, `ordered`, `archive`, and `outlastMinutes` of all consumers and of the archive.
 *
 * @throws ConfigError naming the value and what is allowed
 */
export function readChoices(node: Node): Choices {
  const context = new Context(node);
  const stage = context.oneOf('stage', Object.keys(stages)) ?? 'dev';
  if (!isStageName(stage)) throw new Error('stages has no dev');
  const settings = stages[stage];
  const { env, operations, gradualReleases, ordered, archive, ...others } = settings;
  const account = context.like('account', /^\d{12}$/, 'an account ID of 12 digits') ?? env?.account;
  const region =
    context.like('region', /^[a-z]{2}(-[a-z]+)+-\d$/, 'a region like eu-central-1') ?? env?.region;
  if (Boolean(account) !== Boolean(region)) {
    const [given, missing] = account ? [`account=${account}`, 'region'] : [`region=${region}`, 'account'];
    throw new ConfigError(`-c ${given}: give -c ${missing} as well, or neither`);
  }
  const email = context.like(
    'alarmEmail',
    /^[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+$/,
    'an e-mail address like ops@example.com, or leave it out',
  );
  const isArchived = context.flag('archive') ?? archive !== undefined;
  const outlast = context.like('outlastMinutes', /^[1-9]\d{0,4}$/, 'a whole number of minutes');
  const outlasting = outlast !== undefined && { outlastMinutes: Number(outlast) };
  return {
    stage,
    settings: {
      ...others,
      ...(isArchived && { archive: { ...(archive ?? defaultArchive), ...outlasting } }),
      ...(account && region && { env: { account, region } }),
      ordered: context.flag('ordered') ?? ordered,
      gradualReleases: context.flag('gradualReleases') ?? gradualReleases,
      operations: {
        ...operations,
        policy: context.flag('operatorPolicy') ?? operations.policy,
        ...(email && { email }),
      },
    },
    consumers: Object.fromEntries(
      Object.entries<ConsumerSettings>(consumers).map(([name, each]) => [name, { ...each, ...outlasting }]),
    ),
  };
}

/** What the caller of `cdk` chose with `-c`, or cdk.json holds; undefined for what nobody did. */
class Context {
  private readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  oneOf(name: string, allowed: readonly string[]): string | undefined {
    const value = this.read(name);
    if (value === undefined || allowed.includes(value)) return value;
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

  /** The command line gives text, cdk.json may hold a boolean or a number. */
  private read(name: string): string | undefined {
    const value: unknown = this.node.tryGetContext(name);
    if (value === undefined) return undefined;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}

function isStageName(value: string): value is StageName {
  return Object.hasOwn(stages, value);
}
