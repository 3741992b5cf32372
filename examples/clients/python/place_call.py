"""Places one call, tells what becomes of it, and hangs up on Ctrl-C.

    python3 place_call.py BUSINESS AGENT PHONE_NUMBER_ID TO_NUMBER KEY

Exit codes: 0 the call is over, 1 it could not be placed, 2 usage, 75 no room within the budget: queue it yourself.
"""

import os
import signal
import sys

from callgate import Callgate, Refusal


def main() -> int:
    if len(sys.argv) != 6:
        print("usage: python3 place_call.py BUSINESS AGENT PHONE_NUMBER_ID TO_NUMBER KEY", file=sys.stderr)
        return 2
    business_id, agent_id, phone_number_id, to_number, key = sys.argv[1:]
    gate = Callgate(os.environ.get("CALLGATE_URL", "http://127.0.0.1:8080"), os.environ.get("CALLGATE_KEY"))
    budget_seconds = float(os.environ.get("BUDGET_SECONDS", "120"))
    request = {
        "businessId": business_id,
        "agentId": agent_id,
        "phoneNumberId": phone_number_id,
        "toNumber": to_number,
        "clientData": {"name": "Ada"},
    }
    try:
        call_id = gate.place(request, key, budget_seconds)["callId"]
        print(call_id, flush=True)
        signal.signal(signal.SIGINT, lambda *_: gate.hang_up(call_id))

        print(gate.settled(call_id)["status"], flush=True)
        for event in gate.follow(call_id):
            print(event["type"], flush=True)
        call = gate.call(call_id)
        print(call["status"], call["endReason"], flush=True)
        return 0
    except Refusal as refusal:
        print(f"{refusal.error}: {refusal}", file=sys.stderr)
        if not refusal.may_pass:
            return 1
        print(f"ask again in {refusal.retry_after} s, with the same key", file=sys.stderr)
        return 75


if __name__ == "__main__":
    sys.exit(main())
