/** The environment variable `name`. Throws, naming it, where it is missing or empty: a function without it cannot work. */
export function environment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`environment variable ${name} is missing; the stack sets it on the function`);
  return value;
}

/** The environment variable `name` as a whole number of at least 1. Throws, naming it, for anything else. */
export function environmentCount(name: string): number {
  const value = environment(name);
  if (!/^[1-9]\d{0,8}$/.test(value)) {
    throw new Error(`environment variable ${name} is "${value}"; it must be a whole number of at least 1`);
  }
  return Number(value);
}
