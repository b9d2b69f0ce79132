// The characters that a terminal obeys or that a reader does not see. Whoever shows text from outside, or writes it into a
// file that a person reads, writes these out.

/** C0 and C1 controls, line separators, zero-width and bidirectional marks, tag characters, lone surrogates. */
export const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]/gu;
