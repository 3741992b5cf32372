// How a stream of text becomes events. Run by stream.rs, next to the page's own files.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parser } from "./stream.js";

function heard(...chunks) {
  const events = [];
  const feed = parser((event) => events.push([event.type, event.data, event.id]));
  chunks.forEach((chunk) => feed(chunk));
  return events;
}

const TEXT = "event: overview\ndata: {\ndata: }\nid: 7\n\ndata:second\n\n";
const EVENTS = [["overview", "{\n}", "7"], ["message", "second", null]];

for (const [name, end] of [["LF", "\n"], ["CR", "\r"], ["CRLF", "\r\n"]]) {
  const text = TEXT.replaceAll("\n", end);

  test(`given lines that end in ${name} then their events are heard, the last one too`, () => {
    assert.deepEqual(heard(text), EVENTS);
  });

  test(`given lines that end in ${name} when they come in two parts, cut anywhere, then nothing changes`, () => {
    for (let cut = 0; cut <= text.length; cut += 1) {
      assert.deepEqual(heard(text.slice(0, cut), text.slice(cut)), EVENTS, `cut at ${cut}`);
    }
  });

  test(`given lines that end in ${name} when each character comes alone then nothing changes`, () => {
    assert.deepEqual(heard(...text), EVENTS);
  });
}

test("given a comment then it is not heard, and ends no event", () => {
  assert.deepEqual(heard(": still here\n\n"), []);
  assert.deepEqual(heard("data: a\n: still here\ndata: b\n\n"), [["message", "a\nb", null]]);
});

test("given an event without data then it is not heard, and leaves nothing to the next", () => {
  assert.deepEqual(heard("event: overview\nid: 7\n\ndata: next\n\n"), [["message", "next", null]]);
});

test("given a data field that is empty then the event is heard", () => {
  assert.deepEqual(heard("data\n\n", "data:\n\n"), [["message", "", null], ["message", "", null]]);
});

test("given a value then one space before it is cut, and colons in it stay", () => {
  assert.deepEqual(heard("data:  a: b\n\n"), [["message", " a: b", null]]);
});

test("given an event that is not finished then it is not heard", () => {
  assert.deepEqual(heard("data: half\n"), []);
});
