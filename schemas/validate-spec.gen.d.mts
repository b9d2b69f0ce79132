// Generated from spec.schema.json by scripts/gen.mjs. Do not edit.
export interface Failure {
  readonly keyword: string;
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Where the schema is for the names of properties: the name. */
  readonly propertyName?: string;
  readonly parentSchema: Readonly<Record<string, unknown>>;
  readonly data: unknown;
}
export declare const validate: { (value: unknown): boolean; errors: readonly Failure[] | null };
