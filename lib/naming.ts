/** Names derived from the kebab-case names in lib/config.ts. */
import { ConfigError } from './limits.ts';

/** `stock-levels` as `StockLevels`, for construct IDs and output names. */
export function pascalCase(name: string): string {
  return words(name)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** `stock-levels` as `STOCK_LEVELS`, for environment variables. */
export function upperSnakeCase(name: string): string {
  return words(name).join('_').toUpperCase();
}

function words(name: string): string[] {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new ConfigError(`"${name}" is not a name in kebab-case, such as billing or stock-levels`);
  }
  return name.split('-');
}
