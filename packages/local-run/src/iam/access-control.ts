// Who may do what: every call to the emulators is held against the policies of its caller and of what it touches.
import { ACCOUNT, CREDENTIALS } from '../client/account.ts';
import { compilePolicy, evaluate, type Policy, type PolicyRequest, type Principal } from './policy.ts';
import type { Permission } from './required-permissions.ts';

/** A caller with its own credentials, and the policies of its role. */
interface Caller {
  accessKeyId: string;
  /** As AWS names them in an error: `arn:aws:sts::…:assumed-role/<role>/<function>`. */
  arn: string;
  roleArn: string;
  /** Policy documents without intrinsic functions. */
  policies: object[];
}

/** The callers of a stack, and the policies of what the emulators know nothing of. */
export interface StackPolicies {
  callers: Caller[];
  /** Key ARN → policy document. */
  keyPolicies: Record<string, object>;
  /** By ARN. */
  buckets: Record<string, ResourceSettings>;
}

/** A service that acts by itself, for a resource of the account: SNS for a topic, CloudWatch for an alarm. */
export interface ServiceCaller {
  /** `sns.amazonaws.com`. */
  service: string;
  /** ARN of the resource it acts for. */
  source: string;
}

/** A permission that was asked for, and the answer. */
export interface Access extends Permission {
  /** The caller's ARN, or the service. */
  caller: string;
  allowed: boolean;
}

/** What is known of a queue, a topic or a bucket at the time of a call. */
export interface ResourceSettings {
  /** Its policy, a JSON document. */
  policy?: string | undefined;
  /** ARN of the key that encrypts it. */
  key?: string | undefined;
}

/** A call that the policies do not allow; the message is AWS's own sentence. */
export class AccessDenied extends Error {
  override readonly name = 'AccessDenied';
  readonly permission: Permission;
  constructor(who: string, permission: Permission, why: string) {
    const { action, resource } = permission;
    // S3 alone quotes it.
    const named = action.startsWith('s3:') ? `"${resource}"` : resource;
    super(`${who} is not authorized to perform: ${action} on resource: ${named} ${why}`);
    this.permission = permission;
  }
}

/** A call with an unknown access key. */
export class UnknownAccessKey extends Error {
  override readonly name = 'UnknownAccessKey';
}

interface Identity {
  /** For the sentence: `User: arn:…`, or the service and what it acts for. */
  who: string;
  id: string;
  principal: Principal;
  source?: string;
  policies: Policy[];
}

/** Reading a message takes the first; writing one, for a new data key, takes both. */
const DECRYPT = ['kms:Decrypt'];
const ENCRYPT = ['kms:GenerateDataKey', 'kms:Decrypt'];
/**
 * What is needed of the key of an encrypted queue, topic or bucket, on top.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
 * https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 */
const KEY_ACTIONS: Record<string, string[]> = {
  'sqs:ReceiveMessage': DECRYPT,
  'sqs:SendMessage': ENCRYPT,
  'sns:Publish': ENCRYPT,
  's3:GetObject': DECRYPT,
  's3:PutObject': ['kms:GenerateDataKey'],
};

/** Decides on calls, and records which permissions they needed. */
export class AccessControl {
  private readonly settingsOf: (arn: string) => ResourceSettings;
  private readonly onDenied: (sentence: string) => void;
  private readonly identities = new Map<string, Identity>();
  private readonly keyPolicies = new Map<string, string>();
  private readonly compiled = new Map<string, Policy[]>();
  private readonly asked = new Map<string, Access>();

  /**
   * @param settingsOf what queues, topics, and buckets with their objects say of themselves; nothing for anything else
   * @param onDenied called once for each permission that a caller lacks
   */
  constructor(settingsOf: (arn: string) => ResourceSettings, onDenied: (sentence: string) => void) {
    this.settingsOf = settingsOf;
    this.onDenied = onDenied;
    this.identities.set(CREDENTIALS.accessKeyId, {
      ...user(`arn:aws:iam::${ACCOUNT}:user/operator`),
      policies: [compilePolicy({ Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }, 'identity')],
    });
  }

  /** Takes up the callers and key policies of a stack. */
  permit({ callers, keyPolicies }: StackPolicies): void {
    for (const { accessKeyId, arn, roleArn, policies } of callers) {
      this.identities.set(accessKeyId, {
        ...user(arn, roleArn),
        policies: policies.map((each) => compilePolicy(each, 'identity')),
      });
    }
    for (const [arn, document] of Object.entries(keyPolicies))
      this.keyPolicies.set(arn, JSON.stringify(document));
    this.asked.clear();
  }

  /**
   * Why a call may not be made: the first permission that is lacking; undefined where it may be.
   * @param isQuestion whether nobody makes the call, so that nothing of it is recorded
   * @throws UnknownAccessKey
   */
  denial(
    caller: string | ServiceCaller,
    permissions: readonly Permission[],
    isQuestion = false,
  ): AccessDenied | undefined {
    const identity = this.identityOf(caller);
    for (const permission of this.withKeys(permissions)) {
      const denied = this.decide(identity, permission);
      if (!isQuestion) this.record(identity, permission, denied);
      if (denied) return denied;
    }
    return undefined;
  }

  /** Every permission that was asked for since the start, once. */
  accesses(): Access[] {
    return [...this.asked.values()];
  }

  /** With what is needed of the key of an encrypted queue, topic or bucket. Only keys of the stack have a policy here. */
  private *withKeys(permissions: readonly Permission[]): Generator<Permission> {
    for (const permission of permissions) {
      yield permission;
      const actions = permission.isOfMetadata ? undefined : KEY_ACTIONS[permission.action];
      const key = actions && this.settingsOf(permission.resource).key;
      if (!key || !this.keyPolicies.has(key)) continue;
      for (const action of actions) yield { action, resource: key };
    }
  }

  private record({ id: caller }: Identity, { action, resource }: Permission, denied?: AccessDenied): void {
    const id = JSON.stringify([caller, action, resource]);
    const allowed = denied === undefined;
    if (this.asked.get(id)?.allowed === allowed) return;
    this.asked.set(id, { caller, action, resource, allowed });
    if (denied) this.onDenied(denied.message);
  }

  /** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html */
  private decide(identity: Identity, permission: Permission): AccessDenied | undefined {
    const request: PolicyRequest = {
      ...permission,
      principal: identity.principal,
      context: {
        // The local run speaks plain HTTP, but never leaves loopback: that is as good as TLS, and a policy that
        // denies anything else must not lock everybody out.
        'aws:SecureTransport': 'true',
        'aws:PrincipalIsAWSService': String('service' in identity.principal),
        ...(identity.source && { 'aws:SourceArn': identity.source, 'aws:SourceAccount': ACCOUNT }),
      },
    };
    const isKey = permission.action.startsWith('kms:');
    const document = isKey
      ? this.keyPolicies.get(permission.resource)
      : this.settingsOf(permission.resource).policy;
    const byResource = evaluate(document ? this.resourcePolicy(document) : [], request);
    const byIdentity = evaluate(identity.policies, request);
    const denial = (why: string) => new AccessDenied(identity.who, permission, why);

    if (byIdentity === 'deny') return denial('with an explicit deny in an identity-based policy');
    if (byResource === 'deny') return denial('with an explicit deny in a resource-based policy');
    if (byResource === 'allow') return undefined;
    // A key's policy has the last word, and has to leave the decision to the account.
    if (byIdentity === 'allow' && (!isKey || byResource === 'delegate')) return undefined;
    const kind = 'service' in identity.principal || byIdentity === 'allow' ? 'resource' : 'identity';
    return denial(`because no ${kind}-based policy allows the ${permission.action} action`);
  }

  private resourcePolicy(document: string): Policy[] {
    let policies = this.compiled.get(document);
    if (!policies) {
      policies = [compilePolicy(JSON.parse(document), 'resource')];
      this.compiled.set(document, policies);
    }
    return policies;
  }

  private identityOf(caller: string | ServiceCaller): Identity {
    if (typeof caller !== 'string') {
      const { service, source } = caller;
      const id = `${service} for ${source}`;
      return { who: id, id, principal: { service }, source, policies: [] };
    }
    const identity = this.identities.get(caller);
    if (!identity) throw new UnknownAccessKey('The security token included in the request is invalid.');
    return identity;
  }
}

function user(...arns: [string, ...string[]]): Omit<Identity, 'policies'> {
  return { who: `User: ${arns[0]}`, id: arns[0], principal: { arns, account: ACCOUNT } };
}
