"""Mailboxes and messages."""

from __future__ import annotations

from .. import schemas as s
from ..resources import mailboxes, messages
from ..table import Octets, Row
from .group import ACCOUNT, DOWNLOAD, MAIL, group

BOX = ACCOUNT + "/mailboxes/{mailbox}"
MESSAGE = BOX + "/messages/{uid:int}"

ROWS = group(
    "Mail",
    Row("GET", ACCOUNT + "/mailboxes", mailboxes.list_mailboxes, "Mailboxes", answer=s.Mailboxes, problems=(404,)),
    Row(
        "POST",
        ACCOUNT + "/mailboxes",
        mailboxes.create_mailbox,
        "A new mailbox",
        body=s.NewMailbox,
        answer=s.MailboxView,
        status=201,
        problems=(404, 409),
    ),
    Row(
        "GET",
        BOX,
        mailboxes.get_mailbox,
        "A mailbox (write / in its name as %2F)",
        answer=s.MailboxView,
        problems=(404,),
    ),
    Row(
        "PATCH",
        BOX,
        mailboxes.change_mailbox,
        "Rename a mailbox, subscribe to it, say what it is for",
        body=s.MailboxPatch,
        answer=s.MailboxView,
        problems=(404, 409),
    ),
    Row("DELETE", BOX, mailboxes.delete_mailbox, "Delete a mailbox and its mail", status=204, problems=(404, 409)),
    Row(
        "GET",
        BOX + "/messages",
        messages.list_messages,
        "Messages of a mailbox, or those that match",
        query=s.MessageQuery,
        answer=s.Messages,
        problems=(404,),
    ),
    Row(
        "POST",
        BOX + "/messages",
        messages.put_message,
        "Put a raw message into a mailbox; clients that idle are told",
        query=s.PutMessage,
        body=Octets(MAIL, "message"),
        answer=s.Stored,
        status=201,
        problems=(404, 409),
    ),
    Row("DELETE", BOX + "/messages", messages.clear, "Expunge all messages", answer=s.Cleared, problems=(404,)),
    Row("GET", MESSAGE, messages.get_message, "A message, read", answer=s.MessageView, problems=(404,)),
    Row("GET", MESSAGE + "/raw", messages.get_raw, "Its octets", answer=Octets(("message/rfc822",)), problems=(404,)),
    Row(
        "GET",
        MESSAGE + "/parts/{section}",
        messages.get_part,
        "A part's content, decoded, by its section number",
        answer=DOWNLOAD,
        problems=(404,),
    ),
    Row(
        "PATCH",
        MESSAGE,
        messages.change_flags,
        "Change its flags",
        body=s.FlagsPatch,
        answer=s.Flags,
        problems=(404,),
    ),
    Row("DELETE", MESSAGE, messages.remove_message, "Expunge it", status=204, problems=(404,)),
    Row(
        "GET",
        "/messages",
        messages.search_messages,
        "Search all mail",
        query=s.AllMessagesQuery,
        answer=s.Messages,
        problems=(404,),
    ),
    Row(
        "POST",
        "/messages",
        messages.deliver,
        "Deliver a raw message to addresses, by aliases, lists and catch-all",
        query=s.DeliverMessage,
        body=Octets(MAIL, "message"),
        answer=s.Delivered,
        status=201,
        problems=(404, 409),
    ),
)
