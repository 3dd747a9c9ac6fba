"""Faults: what goes wrong on purpose, in one language for all protocols; see docs/faults.md.

A fault is a record (rule.py) of a kind (kind.py, catalogue.py); `Faults` (faults.py) keeps those of one internet and counts
their strokes; `ServiceFaults` (service.py) is what one service asks: at its door, in its bytes, and in its conversations, which
are spoken by sessions on wires (talk.py), by pyftpdlib (ftp.py) and by ASGI applications (web.py).
"""
