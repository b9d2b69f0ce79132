// The shape of a parsed Nix expression: a lossless syntax tree of offsets into the text.
// Types only. The parser makes it, readers and editors walk it; nothing here evaluates.

/** A range of the text: UTF-16 offsets, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One attribute of an attribute path. `${"x"}` and `"x"` are both `static` with the cooked name. */
export type AttrName =
  | (Span & { readonly kind: 'static'; readonly name: string; readonly quoted: boolean })
  | (Span & { readonly kind: 'dynamic'; readonly expr: Expr });

/** `a.b."c"`; never empty. */
export interface AttrPath extends Span {
  readonly names: readonly AttrName[];
}

/** A binding with its closing `;` inside the span. */
export type Binding =
  | (Span & { readonly kind: 'bind'; readonly path: AttrPath; readonly value: Expr })
  | (Span & { readonly kind: 'inherit'; readonly from?: Expr; readonly names: readonly AttrName[] });

/** A piece of a string or path: cooked text (escapes done, indentation stripped), or an interpolation. */
export type StringPart =
  | (Span & { readonly kind: 'text'; readonly value: string })
  | (Span & { readonly kind: 'interpolation'; readonly expr: Expr });

export interface Formal extends Span {
  readonly name: string;
  readonly fallback?: Expr;
}

/** `{ a, b ? 1, ... }`; `ellipsis` is the offset of `...` where there is one. */
export interface Formals extends Span {
  readonly formals: readonly Formal[];
  readonly ellipsis?: number;
}

export type UnaryOp = '-' | '!';
export type BinaryOp =
  | '+'
  | '-'
  | '*'
  | '/'
  | '++'
  | '//'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '&&'
  | '||'
  | '->'
  | '|>'
  | '<|';

export type Expr = Span &
  (
    | { readonly kind: 'var'; readonly name: string }
    | { readonly kind: 'int'; readonly text: string }
    | { readonly kind: 'float'; readonly text: string }
    /** `./a`, `/a`, `~/a`, `a/b`, with interpolations as parts. */
    | { readonly kind: 'path'; readonly parts: readonly StringPart[] }
    /** `<nixpkgs/lib>`; `name` without the angle brackets. */
    | { readonly kind: 'searchPath'; readonly name: string }
    | { readonly kind: 'uri'; readonly value: string }
    | { readonly kind: 'string'; readonly style: '"' | "''"; readonly parts: readonly StringPart[] }
    | { readonly kind: 'list'; readonly items: readonly Expr[] }
    /** `open` and `close` are the offsets of the braces. */
    | {
        readonly kind: 'attrs';
        readonly rec: boolean;
        readonly bindings: readonly Binding[];
        readonly open: number;
        readonly close: number;
      }
    | { readonly kind: 'let'; readonly bindings: readonly Binding[]; readonly body: Expr }
    /** The ancient `let { …; body = …; }`. */
    | { readonly kind: 'letAttrs'; readonly bindings: readonly Binding[] }
    /** `x: …`, `{ … }: …`, `x@{ … }: …`: at least one of `param`, `formals`. */
    | {
        readonly kind: 'lambda';
        readonly param?: Span & { readonly name: string };
        readonly formals?: Formals;
        readonly body: Expr;
      }
    | { readonly kind: 'apply'; readonly fn: Expr; readonly arg: Expr }
    | { readonly kind: 'select'; readonly target: Expr; readonly path: AttrPath; readonly fallback?: Expr }
    | { readonly kind: 'hasAttr'; readonly target: Expr; readonly path: AttrPath }
    | { readonly kind: 'unary'; readonly op: UnaryOp; readonly operand: Expr }
    | { readonly kind: 'binary'; readonly op: BinaryOp; readonly left: Expr; readonly right: Expr }
    | { readonly kind: 'if'; readonly cond: Expr; readonly then: Expr; readonly else: Expr }
    | { readonly kind: 'with'; readonly scope: Expr; readonly body: Expr }
    | { readonly kind: 'assert'; readonly cond: Expr; readonly body: Expr }
    | { readonly kind: 'paren'; readonly inner: Expr }
  );

/** A comment with its marks; `#…` without the newline, or `/* … *\/`. */
export interface Comment extends Span {
  readonly kind: 'line' | 'block';
}

export interface SyntaxError extends Span {
  /** One lower-case clause. */
  readonly message: string;
}

/** First error only: a broken file is refused, not edited. */
export type Parsed =
  | { readonly ok: true; readonly root: Expr; readonly comments: readonly Comment[]; readonly usesPipes: boolean }
  | { readonly ok: false; readonly error: SyntaxError };
