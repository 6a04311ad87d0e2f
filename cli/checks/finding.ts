/** The result of a check: how things are, and what to do if they are not well. */
import { explain, isDenied } from '../aws/errors.ts';

export interface Finding {
  /** What was looked at: `pages topic`, `mappings`. */
  readonly subject: string;
  readonly ok: boolean;
  /** How it is, without a full stop. */
  readonly says: string;
  /** What to do about it, without a full stop; absent where all is well. */
  readonly toDo?: string;
}

export function well(subject: string, says: string): Finding {
  return { subject, ok: true, says };
}

export function problem(subject: string, says: string, toDo: string): Finding {
  return { subject, ok: false, says, toDo };
}

/** The problems, or one finding that all is well. */
export function wellUnless(problems: readonly Finding[], subject: string, says: string): Finding[] {
  return problems.length > 0 ? [...problems] : [well(subject, says)];
}

/** The problems among the findings, or one finding that all is well. */
export async function problemsAmong(
  findings: readonly Promise<Finding | undefined>[],
  subject: string,
  says: string,
): Promise<Finding[]> {
  const problems = (await Promise.all(findings)).filter((each) => each !== undefined);
  return wellUnless(problems, subject, says);
}

/**
 * Runs a check. A missing permission or a failed call is a problem too.
 * @param orElse what else to do about that: `leave it out with --no-drift`
 * @throws errors that are neither AWS's nor the network's
 */
export async function attempt(
  subject: string,
  check: () => Promise<Finding[]>,
  orElse?: string,
): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    const reason = explain(error);
    if (reason === undefined) throw error;
    const again = isDenied(error) ? 'check again with credentials that may do that' : 'check again';
    const toDo = orElse === undefined ? again : `${again}, or ${orElse}`;
    return [problem(subject, `could not be checked: ${reason}`, toDo)];
  }
}
