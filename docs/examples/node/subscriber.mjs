// A service downstream of Sealgate: hears what became of payments, and lets goods go once.
//
//     npm ci --ignore-scripts
//     node subscriber.mjs --bootstrap broker:9092 --environment prod --group shop --database shop.db
//
// Notices flow in from payments.<environment>.lifecycle; rows flow into this service's own database.
// The log delivers at least once, so what happens once is decided here: each notice is taken in one
// transaction, with its id, and only then is its offset committed. A crash between the two brings
// the notice again, and its id is known. What is no notice is set aside, whole, for people to look at.

import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { Consumer } from '@platformatic/kafka'

// SQLite stands for the database you have. Where several instances share the work, it is shared too.
const SCHEMA = `
CREATE TABLE IF NOT EXISTS heard (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS payments (payment TEXT PRIMARY KEY, version INT, state TEXT, due TEXT);
CREATE TABLE IF NOT EXISTS missing (payment TEXT, version INT, PRIMARY KEY (payment, version));
CREATE TABLE IF NOT EXISTS shipments (effect_key TEXT PRIMARY KEY, payment TEXT);
CREATE TABLE IF NOT EXISTS recalls (notice TEXT PRIMARY KEY, payment TEXT, state TEXT);
CREATE TABLE IF NOT EXISTS strange (place TEXT PRIMARY KEY, why TEXT, headers TEXT, value BLOB);
`
const ALONE = ['com.sealgate.payment.held', 'com.sealgate.payment.released']
// No payment moves so often.
const GAP_MAX = 1000

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

// A record that is no notice of this environment.
class NoNotice extends Error {}
const expect = (holds, why) => { if (!holds) throw new NoNotice(why) }
const utf8 = new TextDecoder('utf-8', { fatal: true })

// Returns the headers and the content of a notice, if a record is one.
function read ({ headers: sent, value }) {
  let headers, notice
  try {
    headers = Object.fromEntries([...sent].map(pair => pair.map(bytes => utf8.decode(bytes))))
    notice = JSON.parse(utf8.decode(value))
  } catch (error) {
    throw new NoNotice(error.message)
  }
  expect(headers.ce_environment === asked.environment, 'it is of another environment')
  expect(headers.ce_id && headers.ce_type && headers.ce_sealgatenotice, 'headers are missing')
  if (headers.ce_sealgatenotice !== '1') {
    throw new Error(`${shown(headers.ce_id)}: a version of notices that this does not know`)
  }
  const { environment, payment, version, after, effect_key: due } = notice ?? {}
  expect([payment, after].every(text => typeof text === 'string'), 'it has no payment or no state')
  expect(Number.isSafeInteger(version), 'it has no version')
  const told = [environment, String(version), due ?? undefined]
  const said = [headers.ce_environment, headers.ce_paymentversion, headers.ce_effectkey]
  expect(told.every((text, at) => text === said[at]), 'its headers say other things than its value')
  return { id: headers.ce_id, isMove: !ALONE.includes(headers.ce_type), payment, version, after, due }
}

// Does something, all of it or nothing of it.
function once (act) {
  db.exec('BEGIN IMMEDIATE')
  try {
    const said = act()
    db.exec('COMMIT')
    return said
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

// Takes one notice, and says what came of it.
function take ({ id, isMove, payment, version, after, due }) {
  if (!run('INSERT OR IGNORE INTO heard VALUES (?)', id).changes) return 'heard before'
  const row = db.prepare('SELECT version FROM payments WHERE payment = ?').get(payment)
  const known = row?.version ?? 0
  const isOne = Number(isMove) <= version && version <= known + GAP_MAX
  expect(isOne, `no version that can be, behind ${known}`)
  // A hold that is placed or let go has the version of the move before it, and is no move.
  const last = isMove ? version - 1 : version
  for (let gone = known + 1; gone <= last; gone++) {
    run('INSERT INTO missing VALUES (?, ?)', payment, gone)
  }
  if (isMove) run('DELETE FROM missing WHERE payment = ? AND version = ?', payment, version)
  // A move with the very version that is known was missed, and a hold behind it was not.
  if (isMove ? version <= known : version < known) return 'older than what is known'
  run('REPLACE INTO payments VALUES (?, ?, ?, ?)', payment, version, after, due ?? null)
  // While it is what its payment has as due, somebody sends it, by this key, and so once.
  if (due) run('INSERT OR IGNORE INTO shipments VALUES (?, ?)', due, payment)
  if (['Reversed', 'Refunded'].includes(after)) {
    run('INSERT INTO recalls VALUES (?, ?, ?)', id, payment, after)
  }
  return last > known ? `GAP: ${last - known} missing before it` : `${after}, ${version}`
}

// Takes a record. What is no notice of this environment does nothing, and is kept.
function handle (record) {
  try {
    const notice = read(record)
    return `${notice.id}: ${once(() => take(notice))}`
  } catch (error) {
    if (!(error instanceof NoNotice)) throw error
    const place = `${record.topic}/${record.partition}/${record.offset}`
    const headers = JSON.stringify([...record.headers].map(pair => pair.map(one => String(one))))
    const kept = [place, error.message, headers, record.value ?? null]
    once(() => run('REPLACE INTO strange VALUES (?, ?, ?, ?)', ...kept))
    return `STRANGE, and set aside: ${place}: ${error.message}`
  }
}

// No terminal must act upon what comes from outside.
function shown (text) {
  return text.replace(/[^ -~]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const consumer = new Consumer({
  clientId: asked.group,
  groupId: asked.group,
  // An instance with a name has its partitions back at once when it is started again.
  ...(asked.instance ? { groupInstanceId: asked.instance } : {}),
  bootstrapBrokers: asked.bootstrap.split(','),
  sessionTimeout: 10_000,
  heartbeatInterval: 3_000,
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
  console.log(shown(handle(message)))
  // Told behind the transaction, and not waited for: where it is lost, ids are heard before.
  message.commit(error => error && console.log(`not committed: ${error.message}`))
}
await consumer.close()
db.close()
