// Runs `npm ci` here once, also when several builds start at the same moment: the first takes the lock, the others wait
// and find the work done. A lock whose process has gone is taken over.
import { execSync } from 'node:child_process';
import fs from 'node:fs';

const lock = '.installing';
const stamp = 'node_modules/.installed';
const wanted = fs.readFileSync('package-lock.json', 'utf8');
const isDone = () => fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted;

const isAlive = pid => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

for (;;) {
  try {
    fs.writeFileSync(lock, String(process.pid), { flag: 'wx' });
    break;
  } catch (taken) {
    if (taken.code !== 'EEXIST') throw taken;
    let holder = 0;
    try {
      holder = Number(fs.readFileSync(lock, 'utf8'));
    } catch {
      continue; // It was given back just now.
    }
    if (holder && !isAlive(holder)) fs.rmSync(lock, { force: true });
    else await new Promise(resolve => setTimeout(resolve, 100));
  }
}
try {
  if (!isDone()) execSync('npm ci --ignore-scripts --no-audit --no-fund --loglevel=error', { stdio: 'inherit' });
  fs.writeFileSync(stamp, wanted);
} finally {
  fs.rmSync(lock, { force: true });
}
