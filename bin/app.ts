/** The CDK app. esbuild bundles the handlers while CDK, which takes as long to load, is loaded. */
import { consumers, handlers } from '#config';
import { bundleAhead } from '../lib/consumer/handler-bundle.ts';

const bundled = bundleAhead(Object.keys(consumers), handlers);
const { synthesizeApp } = await import('../lib/app.ts');
await synthesizeApp(bundled);
