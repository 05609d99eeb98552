// Verify again, offline, what BTCPay Server sent: each envelope of the verified topic, up to its end.
//
//     npm ci --ignore-scripts
//     node verify.mjs --bootstrap broker:9092 --environment prod --group audit --key-file secret
//
// The value of a record is the body as it was received, byte by byte, and the headers that were
// signed stand behind the prefix `signed-`. That and the secret is all it takes: no gateway is asked.
// BTCPay Server signs with HMAC-SHA256 over the body; docs/providers.md says what the others do.
// Ends with 3 where an envelope does not hold, and with 1 where the end of the topic was not met.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Consumer, stringDeserializer } from '@platformatic/kafka'

const { values: asked } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: '127.0.0.1:9092' },
    environment: { type: 'string' },
    group: { type: 'string' },
    'key-file': { type: 'string' }
  }
})
// As Sealgate reads it: without the one line end that an editor adds.
const secret = readFileSync(asked['key-file'], 'latin1').replace(/\r?\n$/, '')

function holds (headers, body) {
  const [, sent] = /^sha256=([0-9a-f]{64})$/.exec(headers.get('signed-btcpay-sig') ?? '') ?? []
  if (!sent || !body) return false
  const made = createHmac('sha256', Buffer.from(secret, 'latin1')).update(body).digest()
  return timingSafeEqual(made, Buffer.from(sent, 'hex'))
}

const IDLE_MS = 10_000
const topic = `payments.${asked.environment}.verified`
const consumer = new Consumer({
  clientId: asked.group,
  groupId: asked.group,
  bootstrapBrokers: asked.bootstrap.split(','),
  // The value stays the bytes that were signed: text that is decoded and written again is others.
  deserializers: {
    key: stringDeserializer,
    headerKey: stringDeserializer,
    headerValue: stringDeserializer
  },
  autocommit: false
})
const begins = (await consumer.listOffsets({ topics: [topic], timestamp: -2n })).get(topic)
const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic)
const open = new Set([...ends.keys()].filter(number => ends[number] > begins[number]))
const count = { proven: 0, failed: 0 }

const stream = open.size ? await consumer.consume({ topics: [topic], mode: 'earliest' }) : []
// The last offsets may be no records: what a transaction of somebody leaves there, for one.
const patience = open.size ? setTimeout(() => stream.close(), IDLE_MS) : null
for await (const { headers, value, partition, offset } of stream) {
  patience.refresh()
  if (offset < ends[partition] && headers.get('ce_provider') === 'btcpay') {
    const word = holds(headers, value) ? 'proven' : 'failed'
    count[word]++
    if (word === 'failed') console.log(`${topic}/${partition}/${offset}: FAILED`)
  }
  if (offset + 1n >= ends[partition]) open.delete(partition)
  if (!open.size) break
}
clearTimeout(patience)
await consumer.close(true)
if (open.size) console.log(`nothing more came of partition ${[...open]}, and its end was not met`)
console.log(`${count.proven} proven, ${count.failed} failed`)
process.exitCode = count.failed ? 3 : Number(open.size > 0)
