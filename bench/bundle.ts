/**
 * Bytes and cold start of each consumer's bundle: `node bench/bundle.ts [runs]`. Compares what is deployed with the same
 * code without Powertools and with all of zod. Cold start is the import of the bundle in a fresh process; only the ratios
 * carry over to Lambda.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const RUNS = Number(process.argv[2] ?? 15);
const LAMBDA = join(import.meta.dirname, '..', 'lambda');

const ENVIRONMENT = {
  PATH: process.env.PATH,
  AWS_REGION: 'us-east-1',
  QUEUE_URL: 'http://127.0.0.1/000000000000/queue',
  DEAD_LETTER_QUEUE_URL: 'http://127.0.0.1/000000000000/dead-letters',
  MAX_RECEIVE_COUNT: '5',
  POWERTOOLS_SERVICE_NAME: 'bench',
  POWERTOOLS_METRICS_NAMESPACE: 'OrderFanOut',
  INVOICES_TABLE: 'invoices',
  SHIPMENTS_TABLE: 'shipments',
  RESERVATIONS_TABLE: 'reservations',
  STOCK_TABLE: 'stock',
};

/** As much of Powertools as the consumers use, written by hand. */
const BY_HAND: Record<string, string> = {
  batch: `
    export const EventType = { SQS: 'SQS' };
    export class BatchProcessor {}
    export async function processPartialResponse({ Records }, handle) {
      const results = await Promise.allSettled(Records.map(handle));
      return { batchItemFailures: Records.filter((_, i) => results[i].status === 'rejected')
        .map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }`,
  logger: `
    const service = process.env.POWERTOOLS_SERVICE_NAME;
    const write = (level) => (message, more) => process.stdout.write(
      JSON.stringify({ level, message, timestamp: new Date().toISOString(), service, ...more }) + '\\n');
    export class Logger { info = write('INFO'); warn = write('WARN'); error = write('ERROR'); }`,
  metrics: `
    export const MetricUnit = { Count: 'Count', Seconds: 'Seconds' };
    export class Metrics {
      #values = new Map();
      addMetric(name, unit, value) {
        const metric = this.#values.get(name) ?? { unit, values: [] };
        metric.values.push(value);
        this.#values.set(name, metric);
      }
      hasStoredMetrics() { return this.#values.size > 0; }
      publishStoredMetrics() {
        const all = [...this.#values];
        this.#values.clear();
        process.stdout.write(JSON.stringify({
          _aws: { Timestamp: Date.now(), CloudWatchMetrics: [{
            Namespace: process.env.POWERTOOLS_METRICS_NAMESPACE, Dimensions: [['service']],
            Metrics: all.map(([Name, { unit }]) => ({ Name, Unit: unit })) }] },
          service: process.env.POWERTOOLS_SERVICE_NAME,
          ...Object.fromEntries(all.map(([name, { values }]) => [name, values])),
        }) + '\\n');
      }
    }`,
};

const withoutPowertools: Plugin = {
  name: 'powertools-by-hand',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@aws-lambda-powertools\// }, ({ path }) => ({
      path: path.split('/')[1] ?? '',
      namespace: 'by-hand',
    }));
    onLoad({ filter: /.*/, namespace: 'by-hand' }, ({ path }) => ({
      contents: BY_HAND[path] ?? '',
      loader: 'js',
    }));
  },
};

const VARIANTS: { name: string; plugins?: Plugin[]; alias?: Record<string, string> }[] = [
  { name: 'as deployed' },
  { name: 'Powertools by hand', plugins: [withoutPowertools] },
  { name: 'zod instead of zod/mini', alias: { 'zod/mini': 'zod' } },
];

const consumers = readdirSync(LAMBDA, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const directory = mkdtempSync(join(tmpdir(), 'bundle-'));
try {
  const bundles: { consumer: string; variant: string; outfile: string; times: number[] }[] = [];
  for (const { name: consumer } of consumers) {
    for (const { name: variant, ...options } of VARIANTS) {
      const outfile = join(directory, `${consumer}-${variant.replace(/\W/g, '-')}`, 'index.mjs');
      mkdirSync(join(outfile, '..'));
      await build({
        ...options,
        entryPoints: [join(LAMBDA, consumer, 'handler.ts')],
        outfile,
        bundle: true,
        platform: 'node',
        target: 'node24',
        format: 'esm',
        minify: true,
        sourcemap: true,
        mainFields: ['module', 'main'],
        banner: {
          js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
        },
      });
      bundles.push({ consumer, variant, outfile, times: [] });
    }
  }
  // Round after round, so that a busy moment of the machine falls on all alike.
  for (let run = 0; run < RUNS; run++) {
    for (const { outfile, times } of bundles) times.push(importTime(outfile));
  }
  console.table(
    bundles.map(({ consumer, variant, outfile, times }) => {
      const deployed = bundles.find((other) => other.consumer === consumer);
      return {
        consumer,
        variant,
        bytes: statSync(outfile).size,
        'init ms (median)': Number(median(times).toFixed(1)),
        'of deployed': Number((median(times) / median(deployed?.times ?? times)).toFixed(2)),
      };
    }),
  );
} finally {
  rmSync(directory, { recursive: true });
}

/** Milliseconds to import `file` in a fresh process. */
function importTime(file: string): number {
  const script = `const start = performance.now(); await import('${pathToFileURL(file)}'); console.log(performance.now() - start)`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: ENVIRONMENT,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${file} cannot be imported: ${stderr}`);
  return Number(stdout);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
