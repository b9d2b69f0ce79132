// Hashes in SRI form (`sha256-BASE64`), read as Nix reads them.

/** A hash: the algorithm and its digest. */
export interface SriHash {
  readonly algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512';
  readonly digest: Buffer;
}

/**
 * The hash in `text`; undefined when Nix would refuse it. Like Nix it takes missing padding, and ignores newlines and
 * whatever follows the first `=` (NIX.md section 5).
 */
export function parseSri(text: string): SriHash | undefined {
  const match = /^(md5|sha1|sha256|sha512)-([A-Za-z0-9+/\n]*)(=.*)?$/s.exec(text);
  if (!match) return undefined;
  const algorithm = match[1] as SriHash['algorithm'];
  const digest = Buffer.from(match[2]!.replaceAll('\n', ''), 'base64');
  return digest.length === LENGTHS[algorithm] ? { algorithm, digest } : undefined;
}

/** The canonical spelling, padded. */
export function formatSri({ algorithm, digest }: SriHash): string {
  return `${algorithm}-${digest.toString('base64')}`;
}

/** True when both are well formed and the same hash, however they are padded. */
export function sriEquals(a: string, b: string): boolean {
  const [left, right] = [parseSri(a), parseSri(b)];
  if (left === undefined || right === undefined) return false;
  return left.algorithm === right.algorithm && left.digest.equals(right.digest);
}

const LENGTHS: Readonly<Record<SriHash['algorithm'], number>> = { md5: 16, sha1: 20, sha256: 32, sha512: 64 };
