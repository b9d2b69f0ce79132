// Tells whether a text may hold an impurity, without parsing it: a superset, so that most files need no parser.

/** True if it may. `text`: the bytes read as Latin-1. */
export const tellsImpurity = (text: string): boolean =>
  WORDS.test(text) ||
  (ABSOLUTE_STRING.test(text) && READ_FROM_STRING.test(text)) ||
  (LITERAL.test(text) && holdsLiteral(text));

const WORDS =
  /fetch(?:Tarball|url|Git|Tree|Mercurial)\b|getFlake|findFile|nixPath|current(?:System|Time)\b|getEnv|storePath|\/etc\/nixos/;

/** Every match of the next pattern holds this one, which costs little. */
const ABSOLUTE_STRING = /(?:"|'')\//;
/** An absolute string where files are read, unless `+` stands before it. */
const READ_FROM_STRING =
  /\b(?:import|imports|modules|sharedModules|extraModules|baseModules|read(?:File|Dir|FileType)|hashFile|import(?:JSON|TOML)|fileContents|pathExists|filterSource|builtins\.path|builtins)\b[^;]{0,2000}?(?<!\+\s{0,20})(?:"|'')\//;

/** The beginning of an absolute path, of one in a home, or of a lookup path; in code or in a string. Behind `}` it is none. */
const LITERAL = /(?<![\w.+\-/}])~?\/(?:[\w.+-]|\$\{)|<[\w.+-]+(?:\/[\w.+-]+)*>/;

const LOOKUP = /<[\w.+-]+(?:\/[\w.+-]+)*>/y;
const PATH = /~?\/(?:[\w.+-]|\$\{)/y;
const IN_CODE = /["'#{}<~/]/g;
const IN_STRING = /["\\$]/g;
const IN_INDENTED = /['$]/g;

/** True if such a literal stands in code: skips strings and comments, but not the code that strings interpolate. */
function holdsLiteral(text: string): boolean {
  const isAt = (pattern: RegExp, at: number): boolean => {
    pattern.lastIndex = at;
    return pattern.test(text);
  };
  /** The strings around the interpolation: the quote that ends each, and the open braces of the code around it. */
  const around: { readonly quote: string; readonly braces: number }[] = [];
  let quote = '';
  let braces = 0;
  const skipTo = (end: string, from: number): number => {
    const found = text.indexOf(end, from);
    return found === -1 ? text.length : found + end.length;
  };
  /** The next sign from `from` that means something in code, or in a string with this quote. */
  const next = (from: number): number => {
    const signs = quote === '' ? IN_CODE : quote === '"' ? IN_STRING : IN_INDENTED;
    signs.lastIndex = from;
    return signs.exec(text)?.index ?? text.length;
  };
  for (let at = next(0); at < text.length; at = next(at)) {
    const char = text[at]!;
    if (quote !== '') {
      if (char === '$' && text[at + 1] === '{') {
        around.push({ quote, braces });
        [quote, braces] = ['', 0];
        at += 2;
      } else if (char === '$' && text[at + 1] === '$') at += 2;
      else if (quote === '"') {
        if (char === '"') quote = '';
        at += char === '\\' ? 2 : 1;
      } else if (char === "'" && text[at + 1] === "'") {
        const third = text[at + 2];
        if (third === '$' || third === "'") at += 3;
        else if (third === '\\') at += 4;
        else {
          quote = '';
          at += 2;
        }
      } else at++;
      continue;
    }
    if (char === '#') at = skipTo('\n', at);
    else if (char === '/' && text[at + 1] === '*') at = skipTo('*/', at + 2);
    else if (char === '"') {
      quote = '"';
      at++;
    } else if (char === "'" && text[at + 1] === "'") {
      quote = "''";
      at += 2;
    } else if (char === '{') {
      braces++;
      at++;
    } else if (char === '}') {
      const outer = braces === 0 ? around.pop() : undefined;
      if (outer === undefined) braces--;
      else ({ quote, braces } = outer);
      at++;
    } else if (char === '<' && isAt(LOOKUP, at)) return true;
    // After these a slash continues a path, or is an operator.
    else if ((char === '/' || char === '~') && !/[\w.+\-/}]/.test(text[at - 1] ?? ' ') && isAt(PATH, at)) return true;
    else at++;
  }
  return false;
}
