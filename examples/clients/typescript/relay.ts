// Hands a webhook from standard input to callgate, signed: for platforms that hear of calls before callgate does.
//
//   echo '{"type": "conversation.started", …}' | WEBHOOK_SECRET=… node relay.js

import { readFileSync } from "node:fs";

import { Callgate } from "./callgate.js";

const gate = new Callgate(process.env.CALLGATE_URL ?? "http://127.0.0.1:8080");
const webhook = JSON.parse(readFileSync(0, "utf8")) as Record<string, unknown>;
console.log(await gate.relay(webhook, process.env.WEBHOOK_SECRET ?? ""));
