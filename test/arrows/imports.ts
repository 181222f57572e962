/**
 * What every source file imports, and how, found by the compiler's own parser: a pattern over the text would take strings and
 * comments for imports, and esbuild's list of a bundle's inputs leaves out the imports of types.
 */

import { globSync } from 'node:fs';
import { join, posix } from 'node:path';
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isMetaProperty,
  isNewExpression,
  isPropertyAccessExpression,
  isStringLiteralLikeNode,
  isTemplateExpression,
  SyntaxKind,
  type Node,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

export interface Import {
  /** Path from the root, as in `target`. */
  file: string;
  line: number;
  /** `path`: a file named relative to `import.meta.url`, to be started as a process. */
  how: 'static' | 'type' | 'dynamic' | 'path';
  /** `computed`: only a run can tell what an `import()` names. */
  to: 'file' | 'package' | 'computed';
  target: string;
}

/** Of all sources under `root`, whether or not Git knows them. */
export function readImports(root: string): Import[] {
  const files = globSync('**/*.{ts,mjs}', { cwd: root, exclude: ['**/node_modules', '**/dist'] }).toSorted();
  const config = join(root, 'arrows.tsconfig.json');
  // Parsed and nothing more: what an import leads to is not looked up.
  const options = { allowJs: true, noResolve: true, noLib: true, types: [] };
  const text = JSON.stringify({ compilerOptions: options, files });
  const api = new API({ cwd: root, fs: { readFile: (path) => (path === config ? text : undefined) } });
  try {
    const program = api.updateSnapshot({ openProjects: [config] }).getProject(config)?.program;
    return files.flatMap((file) => {
      const source = program?.getSourceFile(join(root, file));
      if (source === undefined) throw new Error(`the compiler did not parse ${file}`);
      const lineOf = (node: Node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      return descendants(source).flatMap((node) => {
        const found = importIn(node);
        return found === undefined ? [] : [{ file, line: lineOf(node), how: found.how, ...resolve(file, found) }];
      });
    });
  } finally {
    api.close();
  }
}

function descendants(node: Node): Node[] {
  const all: Node[] = [];
  node.forEachChild((child) => void all.push(child, ...descendants(child)));
  return all;
}

interface Found {
  how: Import['how'];
  /** Undefined when it is not a literal. */
  path: string | undefined;
}

function importIn(node: Node): Found | undefined {
  if (isImportDeclaration(node)) {
    const typeOnly = node.importClause?.phaseModifier === SyntaxKind.TypeKeyword;
    return { how: typeOnly ? 'type' : 'static', path: textOf(node.moduleSpecifier) };
  }
  if (isExportDeclaration(node) && node.moduleSpecifier)
    return { how: node.isTypeOnly ? 'type' : 'static', path: textOf(node.moduleSpecifier) };
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument)) return { how: 'type', path: textOf(node.argument.literal) };
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword)
    return { how: 'dynamic', path: textOf(node.arguments[0]) };
  if (isCallExpression(node) || isNewExpression(node)) {
    const path = pathFromHere(node.arguments ?? []);
    if (path !== undefined && /\.m?[jt]s$/.test(path)) return { how: 'path', path };
  }
  return undefined;
}

/** The path in `new URL(path, import.meta.url)` and `join(import.meta.dirname, path)`. */
function pathFromHere(given: readonly Node[]): string | undefined {
  const here = given.some((each) => isPropertyAccessExpression(each) && isMetaProperty(each.expression));
  return here ? given.map(textOf).find((each) => each !== undefined) : undefined;
}

/** What stands in a literal, with `*` for each `${}`. */
function textOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (isStringLiteralLikeNode(node)) return node.text;
  if (isTemplateExpression(node) && node.head.text !== '')
    return [node.head.text, ...node.templateSpans.map((span) => span.literal.text)].join('*');
  return undefined;
}

function resolve(file: string, { how, path }: Found): Pick<Import, 'to' | 'target'> {
  if (path === undefined) return { to: 'computed', target: 'a computed path' };
  if (how !== 'path' && !path.startsWith('.')) return { to: 'package', target: path };
  return { to: 'file', target: posix.join(posix.dirname(file), path) };
}
