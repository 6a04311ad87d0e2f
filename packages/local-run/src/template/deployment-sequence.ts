import type { Resource } from './assembly.ts';

/**
 * The logical IDs in a sequence in which every resource comes after those it refers to or depends on.
 * @throws Error naming the IDs of a circular dependency, which CloudFormation would refuse
 */
export function deploymentSequence(resources: Record<string, Resource>): string[] {
  const sequence: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (id: string, trail: string[]): void => {
    if (state.get(id) === 'done') return;
    if (state.get(id) === 'open') throw new Error(`circular dependency: ${[...trail, id].join(' → ')}`);
    state.set(id, 'open');
    for (const needed of references(resources[id])) if (resources[needed]) visit(needed, [...trail, id]);
    state.set(id, 'done');
    sequence.push(id);
  };
  for (const id of Object.keys(resources)) visit(id, []);
  return sequence;
}

function references(value: unknown, key?: string): string[] {
  if (typeof value === 'string') {
    if (key === 'Ref' || key === 'DependsOn') return [value];
    if (key === 'Fn::GetAtt') return [value.split('.')[0] ?? ''];
    if (key === 'Fn::Sub') return [...value.matchAll(/\$\{([^}.]+)[^}]*\}/g)].map(([, id]) => id ?? '');
    return [];
  }
  if (Array.isArray(value)) {
    if (key === 'Fn::GetAtt') return [String(value[0])];
    return value.flatMap((member) => references(member, key === 'DependsOn' ? key : undefined));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => references(member, name));
}
