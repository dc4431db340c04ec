// Type-check dashboards: node check.mjs FILE… Prints each error; exit status 1 if there is any.
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const files = process.argv.slice(2).map((file) => resolve(file));
const plugins = ['bargauge', 'stat', 'statetimeline', 'table', 'timeseries'];
let errors = 0;

for (const version of ['oldest', 'newest']) {
  const root = join(here, 'node_modules', `grafana-schema-${version}`);
  const schema = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const raw = [join(root, 'dist/types/raw'), join(root, 'dist/esm/raw')].find(existsSync);
  const paths = { '@grafana/schema': [join(root, schema.types)] };
  for (const plugin of plugins) {
    const folder = join(raw, 'composable', plugin, 'panelcfg/x');
    const [name] = readdirSync(folder).filter((file) => file.endsWith('.d.ts'));
    paths[`@plugin/${plugin}`] = [join(folder, name)];
  }
  const options = {
    strict: true, noEmit: true, skipLibCheck: true, types: [],
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
    baseUrl: here, paths,
  };
  // Each dashboard becomes a file of TypeScript in memory: its JSON as a value of the type.
  const sources = new Map(
    files.map((file, place) => [
      join(here, `shipped-${place}.ts`),
      `import type { Shipped } from './strict';\nexport const shipped: Shipped =\n${readFileSync(file, 'utf8')};\n`,
    ]),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name) ?? readFile(name);
  host.getSourceFile = (name, ...rest) =>
    sources.has(name)
      ? ts.createSourceFile(name, sources.get(name), ts.ScriptTarget.ES2022)
      : getSourceFile(name, ...rest);
  const program = ts.createProgram([...sources.keys()], options, host);
  for (const found of ts.getPreEmitDiagnostics(program)) {
    errors += 1;
    const place = [...sources.keys()].indexOf(found.file?.fileName ?? '');
    const line = found.file ? found.file.getLineAndCharacterOfPosition(found.start).line - 1 : 0;
    const where = place < 0 ? (found.file?.fileName ?? '') : basename(files[place]);
    console.log(`${where}:${line}: Grafana ${schema.version}: ${ts.flattenDiagnosticMessageText(found.messageText, '\n')}`);
  }
  console.log(`${files.length} dashboards held against Grafana ${schema.version}`);
}
process.exit(errors ? 1 : 0);
