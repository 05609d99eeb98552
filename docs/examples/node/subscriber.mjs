// A service downstream of Sealgate: hears what became of payments, and lets goods go once.
//
//     npm ci --ignore-scripts
//     node subscriber.mjs --bootstrap broker:9092 --environment prod --group shop --database shop.db
//
// Notices flow in from payments.<environment>.lifecycle; rows flow into this service's own database.
// The log delivers at least once, so what happens once is decided here: each notice is taken in one
// transaction, with its id, and only then is its offset committed. A crash between the two brings
// the notice again, and its id is known. Kafka is never asked what was done; the database is.

import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { Consumer, stringDeserializers } from '@platformatic/kafka'

// SQLite stands for the database you have. Where several instances share the work, it is shared too.
const SCHEMA = `
CREATE TABLE IF NOT EXISTS heard (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS payments (payment TEXT PRIMARY KEY, version INTEGER, state TEXT);
CREATE TABLE IF NOT EXISTS missing (payment TEXT, version INTEGER, PRIMARY KEY (payment, version));
CREATE TABLE IF NOT EXISTS shipments (effect_key TEXT PRIMARY KEY, payment TEXT);
CREATE TABLE IF NOT EXISTS recalls (notice TEXT PRIMARY KEY, payment TEXT, state TEXT);
`
const ALONE = ['com.sealgate.payment.held', 'com.sealgate.payment.released']

const { values: asked } = parseArgs({
  options: {
    bootstrap: { type: 'string', default: '127.0.0.1:9092' },
    environment: { type: 'string' },
    group: { type: 'string' },
    instance: { type: 'string' },
    database: { type: 'string' }
  }
})
for (const name of ['environment', 'group', 'database']) {
  if (!asked[name]) throw new Error(`say --${name}`)
}

// Others read it too: a lock of theirs is waited for.
const db = new DatabaseSync(asked.database, { timeout: 5_000 })
db.exec(SCHEMA)
const run = (sql, ...values) => db.prepare(sql).run(...values)

// Takes one notice, all of it or nothing of it, and says what came of it.
function take (headers, value) {
  if (headers.get('ce_sealgatenotice') !== '1') {
    throw new Error(`${headers.get('ce_id')}: a version of notices that this does not know`)
  }
  db.exec('BEGIN IMMEDIATE')
  try {
    const said = apply(headers.get('ce_id'), headers.get('ce_type'), JSON.parse(value))
    db.exec('COMMIT')
    return said
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

function apply (id, type, { payment, version, after, effect_key: effectKey }) {
  if (!run('INSERT OR IGNORE INTO heard VALUES (?)', id).changes) return 'heard before'
  const row = db.prepare('SELECT version FROM payments WHERE payment = ?').get(payment)
  const known = row?.version ?? 0
  // A hold that is placed or let go has the version of the move before it, and is no move.
  const isMove = !ALONE.includes(type)
  const last = isMove ? version - 1 : version
  for (let gone = known + 1; gone <= last; gone++) {
    run('INSERT INTO missing VALUES (?, ?)', payment, gone)
  }
  if (isMove) run('DELETE FROM missing WHERE payment = ? AND version = ?', payment, version)
  if (version < known) return 'older than what is known'
  run('REPLACE INTO payments VALUES (?, ?, ?)', payment, version, after)
  // Whoever sends the goods takes rows from here, with the key as theirs for "once".
  if (effectKey) run('INSERT OR IGNORE INTO shipments VALUES (?, ?)', effectKey, payment)
  if (['Reversed', 'Refunded'].includes(after)) {
    run('INSERT INTO recalls VALUES (?, ?, ?)', id, payment, after)
  }
  return last > known ? `GAP: ${last - known} missing before it` : `${after}, ${version}`
}

const consumer = new Consumer({
  clientId: asked.group,
  groupId: asked.group,
  // An instance with a name has its partitions back at once when it is started again.
  ...(asked.instance ? { groupInstanceId: asked.instance } : {}),
  bootstrapBrokers: asked.bootstrap.split(','),
  sessionTimeout: 10_000,
  heartbeatInterval: 3_000,
  deserializers: stringDeserializers,
  autocommit: false
})
const stream = await consumer.consume({
  topics: [`payments.${asked.environment}.lifecycle`],
  mode: 'committed',
  // A group that is new, or was away for longer than the log keeps anything.
  fallbackMode: 'earliest'
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stream.close())

for await (const message of stream) {
  console.log(`${message.headers.get('ce_id')}: ${take(message.headers, message.value)}`)
  // Told behind the transaction, and not waited for: where it is lost, ids are heard before.
  message.commit(error => error && console.log(`not committed: ${error.message}`))
}
await consumer.close()
db.close()
