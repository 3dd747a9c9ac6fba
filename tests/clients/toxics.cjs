// Makes a service go wrong by toxiproxy-node-client. Where it is told comes in CONTROL; what was seen goes to standard output.
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const seen = {};

// What an echo of "hello" comes to: its text and the milliseconds it took, or the error.
function echo(listen) {
  const [host, port] = listen.split(":");
  const began = Date.now();
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect({ host, port: Number(port) }, () => socket.end("hello"));
    socket.on("data", (piece) => (text += piece));
    socket.on("error", (error) => resolve({ text: error.code, took: Date.now() - began }));
    socket.on("end", () => resolve({ text, took: Date.now() - began }));
  });
}

async function main() {
  const toxiproxy = new Toxiproxy(process.env.CONTROL);
  seen.version = JSON.parse(await toxiproxy.getVersion()).version;
  const { name, listen, upstream } = await toxiproxy.get("echo");
  seen.populated = Object.keys(await toxiproxy.populate([{ name, listen, upstream }]));
  const proxy = await toxiproxy.createProxy({ name, listen, upstream });

  const body = { name: "late", type: "latency", stream: "upstream", toxicity: 1, attributes: { latency: 100, jitter: 0 } };
  const late = await proxy.addToxic(body);
  seen.late = (await echo(listen)).took >= 90;
  late.attributes.latency = 10;
  seen.updated = (await late.update(late.toJson())).toJson();
  await (await proxy.getToxic("late")).remove();
  seen.missing = await proxy.getToxic("late").then(() => "there", (error) => error.message);

  await proxy.addToxic({ ...body, name: "short", type: "limit_data", stream: "downstream", attributes: { bytes: 4 } });
  seen.short = (await echo(listen)).text;
  seen.enabled = (await proxy.update({ enabled: false, listen, upstream })).enabled;
  seen.down = (await echo(listen)).text;
  await toxiproxy.reset();
  seen.reset = (await echo(listen)).text;
  await proxy.remove();
  seen.removed = (await toxiproxy.getAll()).echo === undefined;
  await toxiproxy.populate([{ name, listen, upstream }]);
  seen.again = (await echo(listen)).text;
}

main().then(() => console.log(JSON.stringify(seen)));
