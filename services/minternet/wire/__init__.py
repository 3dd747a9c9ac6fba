"""Bytes: conversations over sockets or in memory. Knows no protocol and no world."""
