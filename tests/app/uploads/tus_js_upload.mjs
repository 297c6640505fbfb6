// Uploads files with tus-js-client: a job in JSON a line on stdin, an answer in JSON a line on stdout.
import { createReadStream, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Upload } from 'tus-js-client'

function send({ path, name, endpoint, key, chunkBytes }) {
  return new Promise((resolve) => {
    const upload = new Upload(createReadStream(path), {
      endpoint,
      uploadSize: statSync(path).size,
      chunkSize: chunkBytes,
      headers: { Authorization: `Bearer ${key}` },
      metadata: { filename: name },
      // A killed server takes seconds to come back.
      retryDelays: Array(120).fill(250),
      onSuccess: () => resolve({ url: upload.url }),
      onError: (error) => resolve({ error: String(error) }),
    })
    upload.start()
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await send(JSON.parse(line))))
}
