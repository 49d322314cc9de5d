// Prints the SHA-256 that NfcTests expects: the NFC of every code point and of 20,000 random sequences, as this Node has it (Unicode 17).
import { createHash } from 'node:crypto';

const sha = createHash('sha256');
const put = s => sha.update(Buffer.from(s.normalize('NFC') + '\n', 'utf8'));
for (let cp = 0; cp < 0x110000; cp++)
  if (cp < 0xd800 || cp > 0xdfff) put(String.fromCodePoint(cp));

// The same generator as in FastCdcTests; each value picks a character that takes part in composing.
let state = 17n;
const mask = (1n << 64n) - 1n;
const next = () => {
  state = (state + 0x9e3779b97f4a7c15n) & mask;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
  return z ^ (z >> 31n);
};
const ranges = [[0x41, 0x5a], [0xc0, 0x17f], [0x300, 0x36f], [0x300, 0x36f], [0x5b0, 0x5ea], [0x64b, 0x655], [0x900, 0x9ff], [0xb80, 0xdff],
  [0x1100, 0x11ff], [0xac00, 0xd7a3], [0x1e00, 0x1fff], [0x3040, 0x30ff], [0xfb1d, 0xfb4e], [0x11080, 0x11130], [0x113b8, 0x113c9], [0x1d15e, 0x1d1ad], [0x2f800, 0x2fa1d]];
for (let i = 0; i < 20000; i++) {
  let s = '';
  for (let n = 0; n < 7; n++) {
    const value = next();
    const [first, last] = ranges[Number(value % BigInt(ranges.length))];
    s += String.fromCodePoint(first + Number((value >> 32n) % BigInt(last - first + 1)));
  }
  put(s);
}
console.log(sha.digest('hex'));
