/** The CDK app. esbuild bundles the handlers and TypeScript checks them while CDK, which takes as long to load, is loaded. */
import { consumers, handlers } from '#config';
import { bundleAhead } from '../lib/consumer/handler-bundle.ts';
import { findTypeProblems } from '../lib/type-check.ts';

const bundled = bundleAhead(Object.keys(consumers), handlers);
const typeProblems = findTypeProblems();
const { synthesizeApp } = await import('../lib/app.ts');
await synthesizeApp(bundled, typeProblems);
