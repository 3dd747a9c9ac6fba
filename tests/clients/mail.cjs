// Sends a message by nodemailer and reads it by imapflow. What to do comes as JSON in MAIL; what was seen goes to standard output.
const { ImapFlow } = require("imapflow");
const nodemailer = require("nodemailer");

const told = JSON.parse(process.env.MAIL);
const seen = {};

async function send() {
  const transport = nodemailer.createTransport({
    host: "localhost", port: told.submission, requireTLS: true, auth: { user: told.login, pass: told.password },
  });
  const sent = await transport.sendMail({
    from: told.address, to: [told.address, "bob@example.test"], subject: "Grüße von Node", text: "Hallo\n.\n", html: "<b>Hallo</b>",
    attachments: [{ filename: "ü.bin", content: Buffer.from([0, 255, 13, 10]) }],
  });
  seen.accepted = sent.accepted;
  seen.wrong = await nodemailer
    .createTransport({ host: "localhost", port: told.smtps, secure: true, auth: { user: told.login, pass: "wrong" } })
    .verify().then(() => "logged in", (error) => error.code);
}

async function read() {
  const client = new ImapFlow({
    host: "localhost", port: told.imaps, secure: true, auth: { user: told.login, pass: told.password }, logger: false,
  });
  await client.connect();
  await client.mailboxOpen("INBOX");
  const message = await client.fetchOne("1", { envelope: true, bodyStructure: true, source: true, flags: true });
  seen.subject = message.envelope.subject;
  seen.parts = message.bodyStructure.childNodes.map((part) => part.type);
  seen.octets = message.source.length;
  seen.found = await client.search({ subject: "Node", unseen: true });
  await client.messageFlagsAdd("1", ["\\Flagged", "$Work"]);
  await client.mailboxCreate("Ordner/Ü");
  seen.copied = (await client.messageCopy("1", "Ordner/Ü")).uidMap.get(1);
  const arrived = new Promise((resolve) => client.once("exists", (event) => resolve(event.count)));
  seen.appended = (await client.append("INBOX", "Subject: appended\r\n\r\nx\r\n", ["\\Seen"])).uid;
  seen.exists = await arrived;
  await client.messageMove("2", "Ordner/Ü");
  seen.boxes = (await client.list()).map((box) => box.path).filter((path) => path.startsWith("Ordner"));
  await client.logout();
}

send().then(read).then(() => console.log(JSON.stringify(seen)));
