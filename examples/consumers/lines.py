"""Follows the roster's changes as JSON lines. Run: cleverctl changes --consumer app --json --values | python3 lines.py"""
import json
import sys


def apply(change):
    # Here the app writes its own rows; a change may come twice, so write what should be, not what is to be added.
    user = change["after"] or {}
    print(change["op"], change["kind"], change["id"], sorted(user.get("roles", {})), flush=True)


for line in sys.stdin:
    apply(json.loads(line))
