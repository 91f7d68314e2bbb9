// Validates an AsyncAPI document: `node asyncapi.mjs <file>`.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

/** The severity of errors and warnings; what is below are hints, such as that a newer version of AsyncAPI exists. */
const WARNING = 1;

const [, , file] = process.argv;
const { diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'));
const findings = diagnostics.filter(({ severity }) => severity <= WARNING);
for (const { code, message, path } of findings) console.error(`${file}: ${path.join('.')}: ${message} (${code})`);
console.log(`${file}: ${findings.length} errors and warnings`);
process.exitCode = findings.length > 0 ? 1 : 0;
