// Text of others in XML and HTML, between tags and in attributes with double quotes. Pure.

/** XML 1.0 has no way to say U+FFFE and U+FFFF; control characters and lone surrogates were written out before (`escapeLine`). */
export const xml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\ufffe\uffff]/g, '\ufffd');
