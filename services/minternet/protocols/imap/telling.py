"""What a client is told of the selected mailbox: expunges, EXISTS and RECENT, keywords, and the flags of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...world.mail import Mailbox
from .format import flag_list
from .replies import Offence
from .view import View, expunge_lines, permanent_flags, vanished_line, written_flags

if TYPE_CHECKING:
    from .session import ImapSession

FLAG_TEXTS_LIMIT = 4096
"""Combinations of flags whose text is kept."""


def tell(session: ImapSession, *, expunges: bool) -> None:
    """Tell what is pending; message numbers move only where `expunges` (RFC 3501 section 7.4.1)."""
    view = session.view
    if view is None:
        return
    if view.lost:
        raise Offence(view.lost)
    tell_keywords(session, session.mailbox())
    if expunges and view.gone:
        numbers, uids = view.take_expunged()
        if "QRESYNC" in session.enabled:
            session.wire.send(vanished_line(uids) if uids else b"")
        else:
            session.wire.send(expunge_lines(numbers))
    fresh = view.take_fresh()
    if fresh:
        tell_exists(session, view)
        if session.notifying is not None:
            session.wire.send(session.notifying.fetched(view, fresh))
    changed = view.take_changed()
    if changed:
        tell_flags(session, view, changed)
    view.pending = bool(view.gone)


def tell_keywords(session: ImapSession, mailbox: Mailbox) -> None:
    """FLAGS and PERMANENTFLAGS again, where the mailbox has keywords the client has not been told of."""
    view = session.selected
    if len(mailbox.keywords) == view.keywords:
        return
    view.keywords = len(mailbox.keywords)
    flags = written_flags(mailbox)
    session.wire.send(b"* FLAGS (%b)\r\n" % flags)
    permanent = b"" if view.read_only else permanent_flags(view.rights, flags)
    session.wire.send(b"* OK [PERMANENTFLAGS (%b)] Flags permitted\r\n" % permanent)


def tell_exists(session: ImapSession, view: View) -> None:
    """EXISTS, and RECENT before IMAP4rev2."""
    mailbox = session.mailbox()
    view.claim((mailbox.recent_from, mailbox.uidnext))
    if not session.waiting:
        session.claim_recent()
    session.wire.send(b"* %d EXISTS\r\n" % len(view))
    if not session.rev2:
        session.wire.send(b"* %d RECENT\r\n" % view.recent_count())


def tell_flags(session: ImapSession, view: View, uids: list[int]) -> None:
    """Untagged FETCH of the messages' flags, with UID and MODSEQ where the client follows those."""
    messages = session.mailbox().messages
    lines = []
    for uid in uids:
        message = messages.get(uid)
        if message is None:
            continue
        flags = flags_text(session, message.flags, recent=view.is_recent(uid))
        if session.condstore:
            flags = b"UID %d MODSEQ (%d) %b" % (uid, message.modseq, flags)
        lines.append(b"* %d FETCH (%b)\r\n" % (view.position(uid), flags))
    session.wire.send(b"".join(lines))


def flags_text(session: ImapSession, flags: frozenset[str], *, recent: bool) -> bytes:
    """`FLAGS (\\Seen)`."""
    text = session.flag_texts.get(flags)
    if text is None:
        if len(session.flag_texts) > FLAG_TEXTS_LIMIT:
            session.flag_texts.clear()
        text = session.flag_texts[flags] = b"FLAGS (%b)" % flag_list(flags)
    if not recent or session.rev2:
        return text
    return text[:-1] + (b" \\Recent)" if flags else b"\\Recent)")
