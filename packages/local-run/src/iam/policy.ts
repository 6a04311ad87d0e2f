// IAM's evaluation of policies, as far as CDK's grants use it. What it does not know is an error that names it: to pass over
// a condition would let a call through, or hold one back, that AWS would not.

/** Who makes a request: a role's session or a user by its ARNs, or an AWS service. */
export type Principal =
  | { readonly arns: readonly string[]; readonly account: string }
  | { readonly service: string };

/** A request, as policies are evaluated for it. */
export interface PolicyRequest {
  readonly principal: Principal;
  /** `sqs:SendMessage`. */
  readonly action: string;
  /** An ARN, or `*` for an action that knows no resources. */
  readonly resource: string;
  /** Values of the condition keys that the request carries, like `aws:SourceArn`. */
  readonly context: Readonly<Partial<Record<ConditionKey, string>>>;
}

/**
 * What policies say of a request. `delegate`: a resource's policy leaves it to the account, whose own policies then decide;
 * key policies do that. https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
 */
export type Decision = 'deny' | 'allow' | 'delegate' | 'silent';

type Test<T> = (value: T) => boolean;
/** One statement, compiled. */
interface Statement {
  readonly denies: boolean;
  readonly names: (principal: Principal) => 'directly' | 'by account' | undefined;
  readonly action: Test<string>;
  readonly resource: Test<string>;
  readonly condition: Test<PolicyRequest['context']>;
}
/** A policy document, compiled. */
export type Policy = readonly Statement[];

type Node = Record<string, unknown>;

const CONDITION_KEYS = [
  'aws:PrincipalIsAWSService',
  'aws:SecureTransport',
  'aws:SourceAccount',
  'aws:SourceArn',
  // Only CloudWatch Logs gives it, which does not run here.
  'kms:EncryptionContext:aws:logs:arn',
  // Of CreateGrant, which nothing calls here.
  'kms:GrantIsForAWSResource',
] as const;
type ConditionKey = (typeof CONDITION_KEYS)[number];

/** Tells of a value whether it is what the policy asks for. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
const OPERATORS: Readonly<Record<string, (expected: string) => Test<string>>> = {
  StringEquals: (expected) => (value) => value === expected,
  // Both allow wildcards.
  ArnEquals: arnPattern,
  ArnLike: arnPattern,
  Bool: bool,
  BoolIfExists: bool,
};
const ELEMENTS = ['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition'];

/**
 * Compiles a policy document in which every intrinsic function has been replaced by its value.
 * @param kind a resource's policy names principals, an identity's does not
 * @throws Error naming what the evaluation does not know
 */
export function compilePolicy(document: unknown, kind: 'identity' | 'resource'): Policy {
  const { Statement: statements } = document as Node;
  return list(statements).map((statement) => compileStatement(statement as Node, kind));
}

/** An explicit deny overrides any allow. */
export function evaluate(policies: Iterable<Policy>, request: PolicyRequest): Decision {
  let decision: Decision = 'silent';
  for (const policy of policies) {
    for (const statement of policy) {
      const named = statement.names(request.principal);
      if (named === undefined || !statement.action(request.action) || !statement.resource(request.resource))
        continue;
      if (!statement.condition(request.context)) continue;
      if (statement.denies) return 'deny';
      if (named === 'directly') decision = 'allow';
      else if (decision === 'silent') decision = 'delegate';
    }
  }
  return decision;
}

function compileStatement(statement: Node, kind: 'identity' | 'resource'): Statement {
  known('statement element', Object.keys(statement), ELEMENTS);
  const { Effect, Principal, Action, Resource, Condition } = statement;
  return {
    denies: Effect === 'Deny',
    names: kind === 'resource' ? principals(Principal) : () => 'directly',
    action: anyOf(strings(Action).map((pattern) => test(new RegExp(glob(pattern).source, 'is')))),
    resource: anyOf(strings(Resource).map(arnPattern)),
    condition: conditions((Condition ?? {}) as Record<string, Node>),
  };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html */
function principals(value: unknown): Statement['names'] {
  if (value === '*') return () => 'directly';
  const named = value as Node;
  known('kind of principal', Object.keys(named), ['AWS', 'Service']);
  const services = new Set(strings(named.Service ?? []));
  const identities = new Set(strings(named.AWS ?? []));
  return (principal) => {
    if ('service' in principal) return services.has(principal.service) ? 'directly' : undefined;
    if (identities.has('*') || principal.arns.some((arn) => identities.has(arn))) return 'directly';
    const { account } = principal;
    if (identities.has(account) || identities.has(`arn:aws:iam::${account}:root`)) return 'by account';
    return undefined;
  };
}

function conditions(blocks: Record<string, Node>): Statement['condition'] {
  known('condition operator', Object.keys(blocks), Object.keys(OPERATORS));
  const tests = Object.entries(blocks).flatMap(([operator, block]) =>
    Object.entries(block).map(([name, expected]) => {
      const key = CONDITION_KEYS.find((each) => each.toLowerCase() === name.toLowerCase());
      if (!key) throw unknown('condition key', name, CONDITION_KEYS);
      const matches = anyOf(
        strings(expected).map((each) => (OPERATORS[operator] as typeof arnPattern)(each)),
      );
      // A key that the request does not carry matches nothing, or all.
      const whenAbsent = operator.endsWith('IfExists');
      return (context: PolicyRequest['context']) => {
        const value = context[key];
        return value === undefined ? whenAbsent : matches(value);
      };
    }),
  );
  return (context) => tests.every((each) => each(context));
}

function bool(expected: string): Test<string> {
  return (value) => value.toLowerCase() === expected.toLowerCase();
}

/**
 * A wildcard stays within its part of an ARN, of which the sixth holds the rest; parts that are left out match all.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 */
function arnPattern(pattern: string): Test<string> {
  if (pattern === '*') return () => true;
  if (!pattern.startsWith('arn:')) throw new Error(`${JSON.stringify(pattern)} is neither an ARN nor *`);
  const parts = arnParts(pattern);
  const tests = Array.from({ length: 6 }, (_, index) => test(glob(parts[index] ?? '*')));
  return (arn) => {
    const given = arnParts(arn);
    return tests.every((each, index) => each(given[index] ?? ''));
  };
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length > 6 ? [...parts.slice(0, 5), parts.slice(5).join(':')] : parts;
}

/** `*` stands for any characters, `?` for one. */
function glob(pattern: string): RegExp {
  if (pattern.includes('${')) throw new Error(`policy variables are not known here: ${pattern}`);
  const source = pattern
    .replace(/[\\^$.+()[\]{}|]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

const test =
  (expression: RegExp): Test<string> =>
  (value) =>
    expression.test(value);

const anyOf =
  <T>(tests: readonly Test<T>[]): Test<T> =>
  (value) =>
    tests.some((each) => each(value));

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
const strings = (value: unknown): string[] => list(value).map(String);

function known(what: string, given: readonly string[], allowed: readonly string[]): void {
  for (const name of given) if (!allowed.includes(name)) throw unknown(what, name, allowed);
}

const unknown = (what: string, name: string, allowed: readonly string[]) =>
  new Error(`the ${what} ${name} is not known here; known are ${allowed.join(', ')}`);
