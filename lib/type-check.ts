/** What TypeScript says of the domain, its consumers' settings and their handlers. Loads nothing of CDK, to work while CDK is loaded. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { consumers, handlers } from '#config';
import { words } from '#words';
import type { Words } from '../contract/domain.ts';
import { handlerEntry } from './settings/handler-entry.ts';
import type { ConsumerSettings } from './settings/types.ts';

const PROJECT = join(import.meta.dirname, '..');
const SHOWN = 10;

export interface TypeCheck {
  /** Modules that export `domain` and `consumers`. */
  readonly domain: string;
  readonly config: string;
  readonly consumers: Readonly<Record<string, ConsumerSettings>>;
  /** Path of a consumer's handler. */
  readonly entryOf: (consumer: string) => string;
  /** The condition under which package.json imports the domain. @default - none */
  readonly condition?: string | undefined;
}

/**
 * Runs the type checker over the domain, the settings and the handlers, and whatever these import: some 0.8 CPU seconds. Beyond what
 * they say by themselves, a handler made by `eventConsumer` has to have a function for each event type that its consumer takes.
 * Where the type checker does not run, it says so on standard error.
 * @param check what is checked @default - this project
 * @returns a line for each problem
 */
export async function findTypeProblems(check: TypeCheck = ourOwn()): Promise<string[]> {
  const names = Object.keys(check.consumers).filter((name) => existsSync(check.entryOf(name)));
  const folder = mkdtempSync(join(tmpdir(), 'type-check-'));
  try {
    writeFileSync(join(folder, 'check.mts'), [...PREAMBLE, ...names.map(coverage(check))].join('\n'));
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settingsFor(check)));
    const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(
      'package.json',
      'bin/tsc',
    );
    // CDK's command line sets FORCE_COLOR, which outdoes the setting in a tsconfig.json.
    await promisify(execFile)(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { cwd: PROJECT });
    return [];
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (stdout) return linesOf(stdout, names, check);
    console.error(`The types were not checked: ${(error as Error).message}`);
    return [];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function ourOwn(): TypeCheck {
  const { condition }: Words = words;
  return {
    domain: fileURLToPath(import.meta.resolve('#domain')),
    config: fileURLToPath(import.meta.resolve('#config')),
    consumers,
    entryOf: (name) => handlerEntry(name, handlers),
    condition,
  };
}

function settingsFor({ domain, condition }: TypeCheck) {
  return {
    extends: join(PROJECT, 'tsconfig.json'),
    files: ['check.mts', domain],
    include: [],
    compilerOptions: {
      typeRoots: [join(PROJECT, 'node_modules', '@types')],
      ...(condition && { customConditions: [condition] }),
    },
  };
}

const PREAMBLE = [
  'type TypeIn<E> = E extends { readonly eventTypes: readonly (infer T)[] } ? T : never;',
  'type Lacks<C, H> = H extends { readonly eventTypes: readonly unknown[] } ? Exclude<TypeIn<C>, TypeIn<H>> : never;',
];

/** One line for each consumer, so that the number of an error's line says whose it is. */
function coverage({ config, entryOf }: TypeCheck) {
  const imported = (file: string) => `import(${JSON.stringify(file)})`;
  return (name: string, index: number) =>
    `export const lacks${index}: never = null as unknown as ` +
    `Lacks<(typeof ${imported(config)}.consumers)[${JSON.stringify(name)}], typeof ${imported(entryOf(name))}.handler>;`;
}

function linesOf(output: string, names: readonly string[], { entryOf }: TypeCheck): string[] {
  // Lines that are indented explain the one before.
  const problems = output.split('\n').filter((line) => /^\S/.test(line));
  const lines = problems.map((problem) => {
    const [, line] = /check\.mts\((\d+),\d+\): error TS2322/.exec(problem) ?? [];
    const name = line === undefined ? undefined : names[Number(line) - 1 - PREAMBLE.length];
    if (name === undefined) return problem;
    const types = Array.from(problem.matchAll(/"([^"]+)"/g), ([, type]) => type)
      .sort()
      .join(' and ');
    const handler = relative(process.cwd(), entryOf(name));
    return `consumers.${name} in lib/config.ts takes ${types}, for which ${handler} has no function: write it, or take it out of eventTypes`;
  });
  const [shown, more] = [lines.slice(0, SHOWN), lines.length - SHOWN];
  return more > 0 ? [...shown, `and ${more} more: npm run typecheck`] : shown;
}
