"""Every change there is. A change says all that is needed to make it again: times and content are settled before it is
made; UIDs, article numbers and the like follow from the order of changes.

`apply` makes it and returns what came of it; `topics` says who may want to know.
"""

from __future__ import annotations

from .accounts import AddAccount, RemoveAccount, ReplaceAccount, SetAlias, SetList, SetQuota, SetRule
from .base import (
    ACCOUNTS,
    NEWS,
    REQUESTS,
    RESET,
    ROUTES,
    Change,
    Result,
    Topics,
    group_topic,
    mailbox_topic,
    mailboxes_topic,
    tree_topic,
)
from .faults import FAULTS, FaultStruck
from .files import MakeFolder, ModifyEntry, RemoveFile, RemoveFolder, RenameEntry, StoreFile
from .mailboxes import CreateMailbox, DeleteMailbox, RenameMailbox, SetAcl, SetMetadata, SetSpecialUse, Subscribe
from .messages import Append, ClaimRecent, Copy, Deliver, Expunge, Move, ReplaceMessage, StoreFlags, StoreLabels
from .news import Cancel, ChangeGroup, CreateGroup, Expire, Post, RemoveGroup
from .reset import Reset
from .web import ReceiveRequest, RemoveRoute, SetRoute, UseRoute

__all__ = [
    "ACCOUNTS",
    "FAULTS",
    "NEWS",
    "REQUESTS",
    "RESET",
    "ROUTES",
    "AddAccount",
    "Append",
    "Cancel",
    "Change",
    "ChangeGroup",
    "ClaimRecent",
    "Copy",
    "CreateGroup",
    "CreateMailbox",
    "DeleteMailbox",
    "Deliver",
    "Expire",
    "Expunge",
    "FaultStruck",
    "MakeFolder",
    "ModifyEntry",
    "Move",
    "Post",
    "ReceiveRequest",
    "RemoveAccount",
    "RemoveFile",
    "RemoveFolder",
    "RemoveGroup",
    "RemoveRoute",
    "RenameEntry",
    "RenameMailbox",
    "ReplaceAccount",
    "ReplaceMessage",
    "Reset",
    "Result",
    "SetAcl",
    "SetAlias",
    "SetList",
    "SetMetadata",
    "SetQuota",
    "SetRoute",
    "SetRule",
    "SetSpecialUse",
    "StoreFile",
    "StoreFlags",
    "StoreLabels",
    "Subscribe",
    "Topics",
    "UseRoute",
    "group_topic",
    "mailbox_topic",
    "mailboxes_topic",
    "tree_topic",
]
