// Generated from plan.schema.json by scripts/gen.mjs. Do not edit.
export interface Failure {
  readonly keyword: string;
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
}
export declare const validate: { (value: unknown): boolean; errors: readonly Failure[] | null };
