/** Names derived from the kebab-case names of consumers and tables, and the way back; nouns in a sentence. */

/** Whether `name` is in kebab-case: `analytics`, `credit-notes`. */
export function isKebabCase(name: string): boolean {
  return /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name);
}

/** `credit-notes` as `CreditNotes`, for construct IDs and output names. */
export function pascalCase(name: string): string {
  return name.replace(/(?:^|-)([a-z0-9])/g, (_, first: string) => first.toUpperCase());
}

/** `CreditNotes` as `credit-notes`: what `pascalCase` was given. */
export function kebabCase(id: string): string {
  return id.replace(/(?<!^)(?=[A-Z])/g, '-').toLowerCase();
}

/** `credit-notes` as `CREDIT_NOTES`, for environment variables. */
export function upperSnakeCase(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}

/** ID of the construct that holds a consumer's alarms; alarm names begin with the stack's name and this. */
export function alarmsId(consumer: string): string {
  return `${pascalCase(consumer)}Alarms`;
}

/** ID, within that construct, of the alarm that only CodeDeploy acts on. */
export const RELEASE_ALARM = 'ReleaseRetrying';

/** `an event`, `a reading`, `a user`. */
export function withArticle(noun: string): string {
  return `${/^(?!eu|one|uni|us[ae])[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
