// Runs tus-js-client against a server: node tus-client.mjs ENDPOINT TOKEN SPACE SCENARIO FILE
// Prints one JSON object: what became of the upload, as its client sees it.
import { readFileSync, createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { Upload } from 'tus-js-client';

const [endpoint, token, space, scenario, file] = process.argv.slice(2);
const bytes = readFileSync(file);
const seen = { requests: 0, progress: 0 };
const options = {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { space, filename: `${scenario}.bin`, filetype: 'application/octet-stream', relativePath: null, nothing: '' },
  retryDelays: [0, 50, 100, 200],
  chunkSize: 1024 * 1024,
  onBeforeRequest: () => { seen.requests++; },
  onProgress: sent => { seen.progress = sent; },
};

const run = (source, more, during) => new Promise((resolve, reject) => {
  const upload = new Upload(source, { ...options, ...more, onSuccess: () => resolve(upload), onError: reject });
  during?.(upload, resolve);
  upload.start();
});

// Stops for good once some of it has been acknowledged.
const half = more => new Promise((resolve, reject) => {
  const upload = new Upload(bytes, {
    ...options, ...more, onError: reject,
    onChunkComplete: (_, accepted) => { if (accepted >= bytes.length / 3) upload.abort().then(() => resolve(upload.url)); },
  });
  upload.start();
});

const scenarios = {
  pieces: () => run(bytes),
  whole: () => run(bytes, { chunkSize: Infinity, uploadDataDuringCreation: true }),
  empty: () => run(Buffer.alloc(0), { uploadDataDuringCreation: false }),
  parallel: () => run(bytes, { parallelUploads: 4, chunkSize: Infinity }),
  // Through a pipe, since the client would know the length of a file's own stream.
  deferred: () => run(createReadStream(file).pipe(new PassThrough()), { uploadLengthDeferred: true }),
  overridden: () => run(bytes, { overridePatchMethod: true }),
  resumed: async () => run(bytes, { uploadUrl: await half() }),
  async terminated() {
    const url = await half();
    await Upload.terminate(url, options);
    const gone = await fetch(new URL(url, endpoint), { method: 'HEAD', headers: { ...options.headers, 'Tus-Resumable': '1.0.0' } });
    return { url, status: gone.status };
  },
};

try {
  const upload = await scenarios[scenario]();
  console.log(JSON.stringify({ url: upload.url, status: upload.status ?? 0, ...seen }));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
