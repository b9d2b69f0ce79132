// Reads the text of a git configuration file: .git/config, ~/.gitconfig, .gitmodules. Follows no include.
// Syntax of git-config(1), "Syntax".

/**
 * The values of each variable, in order; git takes the last one where it takes one. Keys are `section.name` or
 * `section.subsection.name`, section and name in lower case, the subsection as written. A variable without `=` has
 * the value 'true'. From the first line that git refuses on, nothing more is read (git itself stops working there).
 */
export function readGitConfig(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { key, value } of readVariables(text)) {
    const values = found.get(key);
    if (values) values.push(value ?? 'true');
    else found.set(key, [value ?? 'true']);
  }
  return found;
}

/** The line that git refuses, and with it the whole file; undefined where it reads all of it. */
export function brokenLineOf(text: string): number | undefined {
  const variables = readVariables(text);
  for (let next = variables.next(); ; next = variables.next()) if (next.done === true) return next.value;
}

type Variable = { readonly key: string; readonly value: string | undefined };

/**
 * The variables in order; `value` undefined where there is no `=`, as `git config --list -z` tells them apart. Returns the line
 * that git refuses, where there is one.
 */
export function* readVariables(text: string): Generator<Variable, number | undefined> {
  // git reads CR LF as LF, and only there; a byte-order mark may open the file.
  const source = text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n');
  let section: string | undefined;
  let at = 0;
  while (at < source.length) {
    const blank = match(/[ \t\n\v\f\r]+|[#;][^\n]*/y, source, at);
    const header = match(HEADER, source, at);
    const name = match(/[A-Za-z][A-Za-z0-9-]*/y, source, at);
    if (blank) {
      at += blank[0].length;
    } else if (header) {
      section = sectionName(header);
      at += header[0].length;
    } else if (name && section !== undefined) {
      const read = readValue(source, at + name[0].length);
      if (!read) return lineAt(source, at);
      yield { key: `${section}.${name[0].toLowerCase()}`, value: read.value };
      at = read.end;
    } else {
      return lineAt(source, at);
    }
  }
  return undefined;
}

const lineAt = (source: string, at: number): number => source.slice(0, at).split('\n').length;

/** `[section]`, `[section "sub"]` or the old `[section.sub]`. */
const HEADER = /\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?\]/y;

function match(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

function sectionName([, section, sub]: RegExpExecArray): string {
  const name = section!.toLowerCase();
  return sub === undefined ? name : `${name}.${sub.replace(/\\(.)/g, '$1')}`;
}

interface Value {
  readonly value: string | undefined;
  readonly end: number;
}

/** `start` is after the name. Undefined where git refuses the line. */
function readValue(source: string, start: number): Value | undefined {
  const equals = match(/[ \t]*(=?)/y, source, start)!;
  const begin = start + equals[0].length;
  if (equals[1] === '') {
    return begin >= source.length || source[begin] === '\n' ? { value: undefined, end: begin + 1 } : undefined;
  }
  let value = '';
  let spaces = '';
  let isQuoted = false;
  for (let at = begin; ; at++) {
    const char = source[at];
    if (char === undefined || char === '\n') return isQuoted ? undefined : { value, end: at + 1 };
    if (!isQuoted && /[ \t\v\f\r]/.test(char)) {
      // Blanks stay only between other characters of the value.
      if (value !== '') spaces += char;
      continue;
    }
    if (!isQuoted && (char === '#' || char === ';')) {
      const newline = source.indexOf('\n', at);
      return { value, end: newline < 0 ? source.length : newline + 1 };
    }
    value += spaces;
    spaces = '';
    if (char === '"') {
      isQuoted = !isQuoted;
    } else if (char === '\\') {
      const escaped = source[++at];
      if (escaped === '\n') continue;
      const meant = escaped === undefined ? undefined : ESCAPES[escaped];
      if (meant === undefined) return undefined;
      value += meant;
    } else {
      value += char;
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b', '"': '"', '\\': '\\' };
