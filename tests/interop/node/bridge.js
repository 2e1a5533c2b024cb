'use strict';
// SMPP sessions of the npm package `smpp`, steered from a test: one JSON command a line comes in on stdin, one JSON
// event a line goes out on stdout. It decides nothing: what is sent, and what requests are answered, the test says.
// Octets are written {"hex": "..."} both ways.

const readline = require('readline');
const smpp = require('smpp');

const sessions = new Map(); // by number, in the order in which they came to be
const unanswered = new Map(); // the peer's requests, by session and sequence_number

function tell(event) {
  process.stdout.write(JSON.stringify(event, (_key, value) => (
    value && value.type === 'Buffer' ? { hex: Buffer.from(value.data).toString('hex') } : value
  )) + '\n');
}

function understand(line) {
  return JSON.parse(line, (_key, value) => (value && 'hex' in Object(value) ? Buffer.from(value.hex, 'hex') : value));
}

function follow(session, tag) {
  const number = sessions.size + 1;
  sessions.set(number, session);
  session.on('pdu', (pdu) => {
    if (!pdu.isResponse()) {
      unanswered.set(`${number}/${pdu.sequence_number}`, pdu);
      tell({ event: 'request', session: number, pdu });
    }
  });
  session.on('close', () => tell({ event: 'closed', session: number }));
  session.on('error', (error) => tell({ event: 'error', session: number, reason: error.message }));
  tell({ event: 'opened', session: number, tag });
}

const commands = {
  connect({ host, port, tag }) {
    const session = smpp.connect({ host, port }, () => follow(session, tag));
  },
  listen({ tag }) {
    const server = smpp.createServer((session) => follow(session));
    server.listen(0, '127.0.0.1', () => tell({ event: 'listening', port: server.address().port, tag }));
  },
  send({ session, command, fields, tag }) {
    sessions.get(session).send(new smpp.PDU(command, fields), (pdu) => tell({ event: 'response', session, pdu, tag }));
  },
  respond({ session, sequence_number: sequence, fields }) {
    const key = `${session}/${sequence}`;
    sessions.get(session).send(unanswered.get(key).response(fields));
    unanswered.delete(key);
  },
  close({ session }) {
    sessions.get(session).close();
  },
};

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = understand(line);
    commands[command.do](command);
  })
  .on('close', () => process.exit());
