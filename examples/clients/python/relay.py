"""Hands a webhook from standard input to callgate, signed: for platforms that hear of calls before callgate does.

echo '{"type": "conversation.started", …}' | WEBHOOK_SECRET=… python3 relay.py
"""

import json
import os
import sys

from callgate import Callgate

gate = Callgate(os.environ.get("CALLGATE_URL", "http://127.0.0.1:8080"))
print(gate.relay(json.load(sys.stdin), os.environ.get("WEBHOOK_SECRET", "")))
