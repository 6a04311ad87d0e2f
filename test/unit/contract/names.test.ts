import { expect, test } from '@jest/globals';
import {
  alarmsId,
  isKebabCase,
  kebabCase,
  pascalCase,
  upperSnakeCase,
  withArticle,
} from '../../../contract/names.ts';

test.each([
  ['billing', 'Billing', 'BILLING'],
  ['stock-levels', 'StockLevels', 'STOCK_LEVELS'],
  ['area-51-sales', 'Area51Sales', 'AREA_51_SALES'],
])('%s is %s as an ID and %s in the environment', (name, id, variable) => {
  expect(pascalCase(name)).toBe(id);
  expect(upperSnakeCase(name)).toBe(variable);
  expect(alarmsId(name)).toBe(`${id}Alarms`);
});

test.each(['billing', 'stock-levels', 'a-b-c'])('the ID of %s leads back to it', (name) => {
  expect(kebabCase(pascalCase(name))).toBe(name);
});

test('a name is in kebab-case or it is not', () => {
  const names = [
    'a',
    'a1',
    'stock-levels',
    'area-51',
    '',
    'A',
    'stockLevels',
    '1a',
    '-a',
    'a-',
    'a--b',
    'a_b',
    'a\n',
  ];

  expect(names.filter(isKebabCase)).toEqual(['a', 'a1', 'stock-levels', 'area-51']);
});

test('a noun has the article that it needs', () => {
  const a = ['reading', 'user', 'usageId', 'unit', 'euro'];
  const an = ['order', 'image', 'event', 'umbrella'];

  expect(a.map(withArticle)).toEqual(a.map((noun) => `a ${noun}`));
  expect(an.map(withArticle)).toEqual(an.map((noun) => `an ${noun}`));
});
