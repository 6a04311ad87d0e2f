/** The CDK app. esbuild bundles the handlers while CDK, which takes as long to load, is loaded. */
import { join } from 'node:path';
import { bundleAhead } from '../lib/consumer/handler-bundle.ts';

const bundled = bundleAhead(join(import.meta.dirname, '..', 'lambda'));
const { synthesizeApp } = await import('../lib/app.ts');
await synthesizeApp(bundled);
