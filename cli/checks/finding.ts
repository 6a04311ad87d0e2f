/** What a look at one side of a stack has found: how it is, and what to do where that is not well. */
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

/** The problems, or where there are none the one finding that all is well. */
export function wellUnless(problems: readonly Finding[], subject: string, says: string): Finding[] {
  return problems.length > 0 ? [...problems] : [well(subject, says)];
}

/**
 * Makes a check. That it could not be made, for want of a permission or of an answer, is a finding, and no good one.
 * @param orElse what else can be done about that: `leave it out with --no-drift`
 * @throws what is no error of AWS's or the network's
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
