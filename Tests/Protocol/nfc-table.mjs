// Writes the body of FileServer/Protocol/NfcTable.cs from the Unicode data that this Node carries:
//   node Tests/Protocol/nfc-table.mjs
// JavaScript gives normalized strings but no raw data, so one-step decompositions and the order of combining marks are found by asking.
import { deflateRawSync } from 'node:zlib';

const text = (...cps) => String.fromCodePoint(...cps);
const points = s => [...s].map(c => c.codePointAt(0));
const all = [];
for (let cp = 0xc0; cp < 0x110000; cp++)
  if (!(cp >= 0xd800 && cp <= 0xdfff) && !(cp >= 0xac00 && cp <= 0xd7a3)) all.push(cp);

// Decompositions: code point, 1 if it can be composed again. A composable one is a pair whose members may decompose further, the others
// (singletons and exclusions) stand with all they decompose to.
const decompositions = [];
for (const cp of all) {
  const nfd = points(text(cp).normalize('NFD'));
  if (nfd.length === 1 && nfd[0] === cp) continue;
  if (text(cp).normalize('NFC') !== text(cp)) { decompositions.push([cp, 0, nfd]); continue; }
  const compose = part => points(text(...part).normalize('NFC'));
  let pair;
  for (let cut = nfd.length - 1; cut > 0 && !pair; cut--) {
    const candidate = [...compose(nfd.slice(0, cut)), ...compose(nfd.slice(cut))];
    if (candidate.length === 2) pair = candidate;
  }
  if (!pair) throw new Error(`no pair for U+${cp.toString(16)}`);
  decompositions.push([cp, 1, pair]);
}

// Classes of combining marks, numbered in their order: two marks of different classes are sorted by NFD, of one class are not.
const swaps = (a, b) => { const s = text(0x61, a, b).normalize('NFD'); return s === text(0x61, b, a).normalize('NFD') && points(s)[1] === b; };
const highest = 0x345, lowest = 0x334;
const nfdSelf = cp => text(cp).normalize('NFD') === text(cp);
const marks = all.filter(cp => nfdSelf(cp) && (cp === highest || cp === lowest || swaps(highest, cp) || swaps(cp, lowest)));
const classes = []; // representatives in ascending order
for (const mark of marks) {
  let low = 0, high = classes.length, same = false;
  while (low < high && !same) {
    const middle = (low + high) >> 1;
    if (swaps(classes[middle], mark)) high = middle;
    else if (swaps(mark, classes[middle])) low = middle + 1;
    else same = true;
  }
  if (!same) classes.splice(low, 0, mark);
}
const classOf = mark => 1 + classes.findIndex(c => c === mark || (!swaps(c, mark) && !swaps(mark, c)));
const runs = []; // first code point, count, class
for (const mark of marks) {
  const last = runs.at(-1), rank = classOf(mark);
  if (last && last[0] + last[1] === mark && last[2] === rank) last[1]++;
  else runs.push([mark, 1, rank]);
}

const bytes = [];
const put = n => { while (n >= 0x80) { bytes.push(0x80 | (n & 0x7f)); n >>>= 7; } bytes.push(n); };
let previous = 0;
put(decompositions.length);
for (const [cp, composes, parts] of decompositions) {
  put((cp - previous) * 2 + composes);
  if (!composes) put(parts.length);
  parts.forEach(put);
  previous = cp;
}
put(runs.length);
previous = 0;
for (const [cp, count, rank] of runs) { put(cp - previous); put(count); put(rank); previous = cp; }
const packed = deflateRawSync(Buffer.from(bytes), { level: 9 }).toString('base64');
console.error(`Unicode ${process.versions.unicode}: ${decompositions.length} decompositions, ${marks.length} marks in ${classes.length} classes, ${bytes.length} bytes, ${packed.length} characters`);
const lines = packed.match(/.{1,120}/g).map(l => '        ' + l);
console.log(`namespace FileServer.Protocol;

/// <summary>The data of NFC for Unicode ${process.versions.unicode}, packed: written by Tests/Protocol/nfc-table.mjs and read by <see cref="Nfc"/>.</summary>
static class NfcTable
{
    internal const string Packed = """
${lines.join('\n')}
        """;
}`);
