/**
 * Obeys `--domain <name>`: `#domain` and its like then lead to what package.json imports under that condition, in this process and in
 * those that it starts. Runs before the program is loaded, since that resolves its imports.
 */
import './load-errors.mjs';
import { registerHooks } from 'node:module';

const { argv, env } = process;
const end = argv.indexOf('--');
const at = argv.findIndex(
  (each, index) => index > 1 && (end < 0 || index < end) && /^--domain(=|$)/.test(each),
);
if (at > 0) {
  const [, value] = argv[at].split(/=(.*)/s);
  const [, name = value] = argv.splice(at, value === undefined ? 2 : 1);
  const { domainNames } = await import('../cli/options/domain.ts');
  if (!domainNames().includes(name)) {
    const names = domainNames().join(', ') || 'none';
    console.error(`No domain ${JSON.stringify(name ?? '')}: package.json has ${names}`);
    process.exit(2);
  }
  env.NODE_OPTIONS = `${env.NODE_OPTIONS ?? ''} --conditions=${name}`.trim();
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, name] }),
  });
}
