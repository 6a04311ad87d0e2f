/** `--domain`: which of the domains in package.json a program works for. Imports nothing of a domain: none is chosen yet. */
import fs from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';

const SETTINGS = new URL('../../package.json', import.meta.url);

/** The conditions under which package.json imports as `#domain` another than its own. */
export function domainNames(): string[] {
  const target: string | Record<string, string> = JSON.parse(fs.readFileSync(SETTINGS, 'utf8')).imports[
    '#domain'
  ];
  return typeof target === 'string' ? [] : Object.keys(target).filter((name) => name !== 'default');
}

/** The option, for help alone: bin/domain.mjs obeys it, and takes it away before a program reads its arguments. */
export function domainChoice(): Option {
  const names = domainNames();
  return new Option('--domain <name>', `work for another domain: ${names.join(' or ')}`)
    .hideHelp(names.length === 0)
    .argParser((name) => {
      throw new InvalidArgumentError(`use npm's script, or node --conditions=${name}`);
    });
}
