// The style and the script of the page, as constants: neither has `<` or `&`, so the page is HTML and XML at once.

/** Follows the theme of the system; a table wider than a phone scrolls by itself. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #8c959f; --box: #f6f8fa;
  --error: #b3141d; --warning: #7a4d00; --note: #0b57b0; --good: #12652b; --old: #ffe3e0; --new: #d7f5dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a3adb8; --paper: #0d1117; --line: #6e7681;
  --box: #161b22; --error: #ff8f88; --warning: #e8b64a; --note: #80b8ff; --good: #6fd687; --old: #4a1a1a; --new: #12381d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 0; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { margin: .5rem 0; padding: .5rem; background: var(--box); white-space: pre-wrap; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; overflow-wrap: normal; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
article { margin: 1rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-left-width: .4rem; border-radius: .3rem; }
article p { margin: .25rem 0; }
.error { border-left-color: var(--error); } .warning { border-left-color: var(--warning); } .note { border-left-color: var(--note); }
.differs, .blocked { color: var(--error); } .undecided { color: var(--warning); } .holds { color: var(--good); }
.soft { color: var(--soft); }
del, ins { text-decoration: none; display: block; padding: .25rem .5rem; }
del { background: var(--old); } ins { background: var(--new); }
.diff { margin: .5rem 0; display: grid; gap: .25rem; }
@media (min-width: 50rem) { .diff { grid-template-columns: 1fr 1fr; } }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; padding: .75rem; background: var(--box); }
label { display: grid; } select, input { font: inherit; max-width: 100%; min-height: 2.5rem; }
:focus-visible { outline: 3px solid var(--note); outline-offset: 2px; }
[hidden] { display: none; }
`;

/** Shows the filters, which do nothing without it, and hides what they leave out. */
export const SCRIPT = `
const form = document.getElementById('filters');
const rows = [...document.querySelectorAll('[data-verdict]')];
const values = (name) => form.elements.namedItem(name)?.value ?? '';
const isShown = ({ dataset: { hosts, verdict, wish } }) => [
  values('host') === '' || hosts === '' || hosts.split(' ').includes(values('host')),
  values('verdict') === '' || verdict === values('verdict'),
  wish.toLowerCase().includes(values('wish').toLowerCase()),
].every(Boolean);
const filter = () => {
  for (const row of rows) row.hidden = !isShown(row);
  document.getElementById('shown').textContent = rows.filter(({ hidden }) => !hidden).length + ' of ' + rows.length + ' shown';
};
form.addEventListener('input', filter);
form.addEventListener('submit', (event) => event.preventDefault());
form.hidden = false;
filter();
`;
