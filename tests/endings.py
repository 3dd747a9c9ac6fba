"""Waiting for the ends of conversations, after which nothing more comes into their transcripts."""

from __future__ import annotations

import asyncio

from minternet import Internet


async def all_over(net: Internet, since: int = 0) -> None:
    """Return when every conversation with a client under test has ended, of those with a number above `since`."""
    changed = asyncio.Event()
    unwatch = net.transcripts.watch(changed.set)
    async with asyncio.timeout(10):
        while not all(each.closed for each in net.conversations(since=since)):
            await changed.wait()
            changed.clear()
    unwatch()
