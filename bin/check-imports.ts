/**
 * Prints each import that the table of rooms forbids and each circle between files or between folders, and exits with 1 for
 * any. Type imports and dynamic imports count: a circle of types ties files together for the reader as any other does.
 */
import fs from 'node:fs';
import path from 'node:path';

/** What each room may import, beside itself; CONTRIBUTING.md says what each is. A room that is not here may import everything. */
export const ROOMS: Record<string, string[]> = {
  contract: [],
  lib: ['contract'],
  lambda: ['contract'],
  cli: ['contract', 'packages/local-run/src/client'],
  'packages/local-run': [],
  scenarios: ['contract', 'cli', 'packages/local-run'],
  'docs/examples': ['contract'],
};

const PACKAGES = { '@order-fan-out/local-run': 'packages/local-run' };
const IMPORT = /\b(?:from|import)\s*\(?\s*'([^']+)'/g;
const IGNORED = /^(node_modules|cdk\.out|coverage)$|^\.[^/]/;

type Graph = Map<string, Set<string>>;

/** A line for each forbidden import and each circle below `root`. */
export function findProblems(root: string, rooms = ROOMS): string[] {
  const problems: string[] = [];
  const files: Graph = new Map();
  const folders: Graph = new Map();
  const found = fs.globSync(['**/*.ts', 'bin/*.mjs'], {
    cwd: root,
    exclude: (name) => IGNORED.test(path.basename(name)),
  });
  for (const file of found.sort()) {
    for (const [, specifier = ''] of fs.readFileSync(path.join(root, file), 'utf8').matchAll(IMPORT)) {
      const target = targetOf(root, file, specifier);
      if (!target) continue;
      if (!mayImport(rooms, file, target)) problems.push(`${file} may not import ${target}`);
      if (specifier.startsWith('.') && packageOf(target) && packageOf(target) !== packageOf(file))
        problems.push(`${file} must import ${target} by the name of its package`);
      connect(files, file, target);
      connect(folders, path.dirname(file), path.dirname(target));
    }
  }
  return [...problems, ...circlesIn('files', files), ...circlesIn('folders', folders)];
}

/** The file that is imported, from the root; undefined for what is not ours. */
function targetOf(root: string, file: string, specifier: string): string | undefined {
  if (specifier.includes('node_modules/')) return undefined;
  if (specifier.startsWith('.')) return path.join(path.dirname(file), specifier);
  for (const [name, folder] of Object.entries(PACKAGES)) {
    if (!specifier.startsWith(`${name}/`)) continue;
    const { exports } = JSON.parse(fs.readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
    return path.join(folder, exports[`.${specifier.slice(name.length)}`]);
  }
  return undefined;
}

const isIn = (file: string, folder: string) => file.startsWith(`${folder}/`);
const packageOf = (file: string) => Object.values(PACKAGES).find((folder) => isIn(file, folder));

function mayImport(rooms: Record<string, string[]>, file: string, target: string): boolean {
  const room = Object.keys(rooms).find((each) => isIn(file, each));
  return !room || [room, ...(rooms[room] ?? [])].some((folder) => isIn(target, folder));
}

function connect(graph: Graph, from: string, to: string): void {
  if (from !== to) graph.set(from, (graph.get(from) ?? new Set()).add(to));
}

/** The shortest circle through each node that is in one; a node that was named in a circle is not named again. */
function circlesIn(kind: string, graph: Graph): string[] {
  const named = new Set<string>();
  return [...graph.keys()].flatMap((start) => {
    const circle = named.has(start) ? undefined : shortestCircle(graph, start);
    for (const node of circle ?? []) named.add(node);
    return circle ? [`circle of ${kind}: ${circle.join(' -> ')}`] : [];
  });
}

function shortestCircle(graph: Graph, start: string): string[] | undefined {
  const queue = [[start]];
  const reached = new Set<string>();
  for (const route of queue) {
    for (const next of graph.get(route.at(-1) ?? '') ?? []) {
      if (next === start) return [...route, start];
      if (!reached.has(next)) queue.push([...route, next]);
      reached.add(next);
    }
  }
  return undefined;
}

if (import.meta.main) {
  const problems = findProblems(path.resolve(import.meta.dirname, '..'));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
