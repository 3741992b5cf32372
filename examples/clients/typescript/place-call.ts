// Places one call, tells what becomes of it, and hangs up on Ctrl-C.
//
//   node place-call.js BUSINESS AGENT PHONE_NUMBER_ID TO_NUMBER KEY
//
// Exit codes: 0 the call is over, 1 it could not be placed, 2 usage, 75 no room within the budget: queue it yourself.

import { Callgate, Refusal } from "./callgate.js";

const [businessId, agentId, phoneNumberId, toNumber, key] = process.argv.slice(2);
if (!businessId || !agentId || !phoneNumberId || !toNumber || !key) {
  console.error("usage: node place-call.js BUSINESS AGENT PHONE_NUMBER_ID TO_NUMBER KEY");
  process.exit(2);
}
const gate = new Callgate(process.env.CALLGATE_URL ?? "http://127.0.0.1:8080", process.env.CALLGATE_KEY);
const budgetSeconds = Number(process.env.BUDGET_SECONDS ?? 120);

try {
  const request = { businessId, agentId, phoneNumberId, toNumber, clientData: { name: "Ada" } };
  const { callId } = await gate.place(request, key, budgetSeconds);
  console.log(callId);
  process.once("SIGINT", () => void gate.hangUp(callId));

  const placed = await gate.settled(callId);
  console.log(placed.status);
  for await (const event of gate.follow(callId)) {
    console.log(event.type);
  }
  const call = await gate.call(callId);
  console.log(call.status, call.endReason);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`${error.error}: ${error.message}`);
  if (error.mayPass) console.error(`ask again in ${error.retryAfter} s, with the same key`);
  process.exitCode = error.mayPass ? 75 : 1;
}
