// One client of a peer: what a driver does with one event, timed. Node only; docs/benchmarks.md says what each does.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** The settings, as JSON in the variable PEER. */
export const given = JSON.parse(process.env.PEER);

/** Run `migrate` or `client`, whichever was asked for. */
export async function run(migrate, open) {
  if (process.argv[2] === "migrate") await migrate();
  else await client(await open());
}

/** Apply the events, each timed, once the parent says so; the first ones only warm up. */
async function client({ once, close }) {
  const events = readFileSync(given.events, "utf8").trimEnd().split("\n").map(JSON.parse);
  for (const event of events.slice(0, given.warm)) await once(event);
  console.log("ready");
  for await (const _ of createInterface({ input: process.stdin })) break;
  const milliseconds = [];
  const began = process.hrtime.bigint();
  for (const event of events.slice(given.warm)) {
    const at = process.hrtime.bigint();
    await once(event);
    milliseconds.push(Number(process.hrtime.bigint() - at) / 1e6);
  }
  const ended = process.hrtime.bigint();
  console.log(JSON.stringify({ milliseconds, began: Number(began) / 1e9, ended: Number(ended) / 1e9 }));
  await close();
  process.exit(0);
}
