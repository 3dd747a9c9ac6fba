"""Webhooks that lose nothing: each event is posted to a receiver on this machine, in order, until it says 2xx.

A hook holds the numbers of the events it owes, the journal holds the events: what the journal has to drop before it could be
delivered is told of by a notice in its place. Requests are signed as Standard Webhooks has it.
"""
