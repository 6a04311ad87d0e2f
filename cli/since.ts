// A point in the past, as people say it: 15m, 2h, 3d, or a time.
import { InvalidArgumentError } from 'commander';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads `90s`, `15m`, `2h`, `3d` (ago) or a time like `2026-11-22T17:00:00Z`.
 * @throws InvalidArgumentError for anything else
 */
export function since(text: string, now = Date.now()): Date {
  const [, number, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (number !== undefined) return new Date(now - Number(number) * (SECONDS[unit] ?? 0) * 1000);
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError(
    'It must be a time ago like 15m, 2h or 3d, or a time like 2026-11-22T17:00:00Z.',
  );
}
