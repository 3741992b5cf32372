"""A small client of callgate: place a call once, wait for room, follow it, hang up.

Standard library only; Python 3.9 or later. Copy it and make it yours.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import random
import time
import urllib.error
import urllib.request
from typing import Any, Dict, Iterator, Optional, Tuple

Json = Dict[str, Any]

# A placement may ring for a minute before it is answered.
PATIENCE_SECONDS = 100
# The event stream says something every 15 seconds; silence of this length is a dead line.
SILENCE_SECONDS = 45
# After one of these a call is over.
ENDINGS = ("CallEnded", "PlacementFailed", "AdmissionAbandoned")
# Lost connections, time-outs, answers that break off.
LINE_ERRORS = (OSError, http.client.HTTPException)


class Refusal(Exception):
    """What callgate says when it does not do what it was asked (application/problem+json)."""

    def __init__(self, status: int, error: str, detail: str, retry_after: int, call_id: Optional[str]) -> None:
        super().__init__(detail)
        self.status = status
        # For programs: GLOBAL_CAPACITY_EXCEEDED, BUSINESS_LIMIT, … Empty where somebody else answered, a balancer for example.
        self.error = error
        # Seconds; 0 where nobody said.
        self.retry_after = retry_after
        self.call_id = call_id

    @property
    def may_pass(self) -> bool:
        """Whether the same request, under the same key, may succeed later."""
        return self.status >= 500 and self.error != "CALL_INITIATION_FAILED"


class Callgate:
    def __init__(self, url: str, key: Optional[str] = None) -> None:
        self._url = url
        self._key = key

    def place(self, request: Json, idempotency_key: str, budget_seconds: float = 120) -> Json:
        """Places a call. Asks again while there is no room, or no answer, until the budget is spent; the key makes that one call.

        The call may still be `placing` or `uncertain`: see `settled`.
        """
        deadline = time.monotonic() + budget_seconds
        attempt = 0
        while True:
            try:
                return self._ask("POST", "/api/calls", request, {"Idempotency-Key": idempotency_key})
            except (Refusal, *LINE_ERRORS) as error:
                if isinstance(error, Refusal) and error.error == "CALL_OUTCOME_UNKNOWN" and error.call_id:
                    return self.call(error.call_id)
                wait = seconds_to_wait(error, attempt)
                if time.monotonic() + wait > deadline:
                    raise
            time.sleep(wait)
            attempt += 1

    def settled(self, call_id: str) -> Json:
        """Asks until it is known whether the call was dialled. Its slot is kept meanwhile, and nobody dials again."""
        while True:
            call = self.call(call_id)
            if call["status"] not in ("placing", "uncertain"):
                return call
            time.sleep(1 + random.random())

    def call(self, call_id: str) -> Json:
        """The call as it is now."""
        return self._ask("GET", f"/api/calls/{call_id}")

    def hang_up(self, call_id: str) -> None:
        """Hangs up; a call that is over already is fine."""
        try:
            self._ask("DELETE", f"/api/calls/{call_id}")
        except Refusal as refusal:
            if refusal.error != "CALL_ALREADY_OVER":
                raise

    def follow(self, call_id: str) -> Iterator[Json]:
        """Every event of a call from its first to its last, each once, over lost connections and restarts of the gate."""
        position: Optional[str] = None
        sequence = 0
        while True:
            try:
                for position, event in self._events_since(position, call_id):
                    if event["sequence"] <= sequence:
                        continue
                    sequence = event["sequence"]
                    yield event
                    if event["type"] in ENDINGS:
                        return
            except Refusal as refusal:
                if not refusal.may_pass:
                    raise
            except LINE_ERRORS:
                pass
            time.sleep(random.random())

    def _events_since(self, position: Optional[str], call_id: str) -> Iterator[Tuple[Optional[str], Json]]:
        headers = {"Accept": "text/event-stream"}
        if position is not None:
            headers["Last-Event-ID"] = position
        with self._open("GET", "/api/events/stream", None, headers, SILENCE_SECONDS) as stream:
            if position is None:
                # A new stream begins now: what came before it is in the call's own list.
                for event in self._ask("GET", f"/api/calls/{call_id}/events")["events"]:
                    yield None, event
            fields: Dict[str, str] = {}
            for line in stream:
                name, _, value = line.decode().rstrip("\n").partition(":")
                if name:
                    fields[name] = value.lstrip(" ")
                elif "data" in fields:
                    position, event = fields.get("id"), json.loads(fields["data"])
                    # Of other calls only the position counts, which the next event of this one has anyway.
                    if event["callId"] == call_id:
                        yield position, event
                    fields = {}

    def relay(self, webhook: Json, secret: str) -> str:
        """Tells callgate what happened at the provider, for platforms that hear of it first. Sent again, it changes nothing."""
        body = json.dumps(webhook).encode()
        headers = {"ElevenLabs-Signature": signature_of(body, secret)}
        return self._ask("POST", "/api/webhooks/elevenlabs", body, headers)["outcome"]

    def _ask(self, method: str, path: str, body: Any = None, headers: Optional[Dict[str, str]] = None) -> Json:
        with self._open(method, path, body, headers or {}, PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def _open(
        self, method: str, path: str, body: Any, headers: Dict[str, str], timeout: float
    ) -> http.client.HTTPResponse:
        headers = dict(headers)
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data=body, headers=headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=timeout)
        except urllib.error.HTTPError as answer:
            with answer:
                raise refusal_of(answer, f"{method} {path}") from None


def refusal_of(answer: urllib.error.HTTPError, asked: str) -> Refusal:
    try:
        problem = json.load(answer)
    except ValueError:
        problem = {}
    retry_after = answer.headers.get("Retry-After") or ""
    return Refusal(
        answer.code,
        problem.get("error", ""),
        problem.get("detail", f"{asked} was answered with {answer.code}"),
        int(retry_after) if retry_after.isdigit() else 0,
        problem.get("callId"),
    )


def seconds_to_wait(error: Exception, attempt: int) -> float:
    """Not before Retry-After, and then not together with everybody else: the jitter grows from 1 to 30 seconds."""
    if isinstance(error, Refusal) and not error.may_pass:
        raise error
    at_least = error.retry_after if isinstance(error, Refusal) else 0
    return at_least + random.random() * min(30, 2**attempt)


def signature_of(body: bytes, secret: str) -> str:
    """HMAC-SHA256 over the time in seconds, a dot and the body."""
    seconds = int(time.time())
    signed = f"{seconds}.".encode() + body
    return f"t={seconds},v0={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
