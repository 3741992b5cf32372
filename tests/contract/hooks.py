"""What schemathesis cannot know of callgate: telephone numbers that exist, and how webhooks are signed.

Loaded by tests/contract/run. The secrets are those that tests/contract/run gives to the gate.
"""

import base64
import hashlib
import hmac
import itertools
import os
import time
from urllib.parse import parse_qsl

import schemathesis
from hypothesis import strategies as st

# A schema can only say that a text is a telephone number; which ones there are, numbering plans say.
schemathesis.openapi.format("phone", st.integers(0, 99).map(lambda last: f"+120655501{last:02}"))

# The same of countries and plans.
schemathesis.openapi.format("country", st.sampled_from(["US", "gb", "DE"]))
schemathesis.openapi.format("plan", st.sampled_from(["PAYG", "STARTER", "PRO", "ENTERPRISE"]))

SIGN = "sign"
NUMBERS = itertools.count(1)
WEBHOOK_SECRET = os.environ["CONTRACT_WEBHOOK_SECRET"].encode()
TWILIO_SID = os.environ["CONTRACT_TWILIO_SID"]
TWILIO_TOKEN = os.environ["CONTRACT_TWILIO_TOKEN"].encode()


@schemathesis.hook
def filter_case(context, case):
    """A parameter without a value is as good as none: that is no wrong data, whatever its schema says of empty text."""
    return not any(value in ("", [""]) for value in (case.query or {}).values())


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """Two names are the gate's own, and refused with 400. The business that tests/contract/run registers stays."""
    gone = ("999999", "unassigned", "42") if context.operation.method == "delete" else ("999999", "unassigned")
    alone = context.operation.path == "/api/businesses/{businessId}"
    return not (alone and (path_parameters or {}).get("businessId") in gone)


@schemathesis.hook
def map_body(context, body):
    """Whoever signs for the carrier has the carrier's account; every other call is that of a business that there is."""
    if isinstance(body, dict) and isinstance(body.get("AccountSid"), str):
        return {**body, "AccountSid": TWILIO_SID}
    if context.operation.path == "/api/calls" and isinstance(body, dict) and isinstance(body.get("businessId"), str):
        return {**body, "businessId": "42"} if len(repr(body)) % 2 else body
    return body


def raw(body):
    return body.encode() if isinstance(body, str) else body or b""


def sign(request):
    """Signs what is sent, where the configured key says so; other signatures are left as wrong as they are."""
    if request.headers.get("ElevenLabs-Signature") == SIGN:
        at = str(int(time.time()))
        code = hmac.new(WEBHOOK_SECRET, at.encode() + b"." + raw(request.body), hashlib.sha256).hexdigest()
        request.headers["ElevenLabs-Signature"] = f"t={at},v0={code}"
    if request.headers.get("X-Twilio-Signature") == SIGN:
        fields = parse_qsl(raw(request.body).decode(errors="replace"), keep_blank_values=True)
        text = request.url + "".join(name + value for name, value in sorted(fields))
        code = hmac.new(TWILIO_TOKEN, text.encode(), hashlib.sha1).digest()
        request.headers["X-Twilio-Signature"] = base64.b64encode(code).decode()
    return request


@schemathesis.hook
def before_call(context, case, kwargs):
    kwargs.setdefault("auth", sign)
    # Under one key the second call would be a replay, or be refused.
    key = (case.headers or {}).get("Idempotency-Key")
    if key and len(key) < 200:
        case.headers["Idempotency-Key"] = f"{key}-{next(NUMBERS)}"
