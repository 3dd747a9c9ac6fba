"""THREAD's algorithms (RFC 5256 section 3) as functions on frozen subjects; none recurses, for threads may be deep.

Each is a generator that yields every few hundred messages, so that who runs it can let others go on, and returns the roots.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec

T = TypeVar("T")
Work = Generator[None, None, T]
"""A piece of work that may be interrupted."""
STEP = 300
"""Messages or threads looked at between two interruptions."""


def in_steps(items: Iterable[T], each: Callable[[T], object]) -> Work[None]:
    """Do something with each item."""
    for count, item in enumerate(items, 1):
        each(item)
        if count % STEP == 0:
            yield


class Subject(msgspec.Struct, frozen=True):
    """What threading needs of a message: its number in the reply, when it was sent, its base subject and its ids."""

    number: int
    sent: float
    base_subject: str
    reply: bool
    message_id: str
    references: tuple[str, ...]


class Node:
    """A place in a thread; without a message where one is only known from a reference."""

    __slots__ = ("children", "parent", "subject")

    def __init__(self, subject: Subject | None = None) -> None:
        self.subject = subject
        self.parent: Node | None = None
        self.children: list[Node] = []

    def adopt(self, child: Node) -> None:
        """Make the child ours alone."""
        if child.parent is not None:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)

    def descends_from(self, other: Node) -> bool:
        """Whether the other is this one or above it."""
        at: Node | None = self
        while at is not None:
            if at is other:
                return True
            at = at.parent
        return False


def ordered_subject(subjects: Iterable[Subject]) -> Work[list[Node]]:
    """ORDEREDSUBJECT: messages of one base subject are one thread, the first the parent of all others."""
    threads: dict[str, list[Subject]] = {}
    for subject in sorted(subjects, key=by_date):
        threads.setdefault(subject.base_subject, []).append(subject)
    yield
    roots: list[Node] = []

    def add(thread: list[Subject]) -> None:
        root = Node(thread[0])
        root.children = [Node(other) for other in thread[1:]]
        roots.append(root)

    yield from in_steps(sorted(threads.values(), key=lambda thread: by_date(thread[0])), add)
    return roots


def by_date(subject: Subject) -> tuple[float, int]:
    """The order by sent date, then by number."""
    return subject.sent, subject.number


def references(subjects: Sequence[Subject]) -> Work[list[Node]]:
    """REFERENCES: parents by Message-ID, References and In-Reply-To, then roots of one base subject joined."""
    everything = yield from linked(subjects)
    roots = yield from pruned([root for root in everything if root.parent is None])
    yield from ordered(roots)
    roots = yield from joined(roots)
    yield from ordered(roots)
    return roots


def linked(subjects: Sequence[Subject]) -> Work[list[Node]]:
    """Step 1: every message and every id that is referred to, each under its parent."""
    nodes: dict[str, Node] = {}
    everything: list[Node] = []

    def node_of(identifier: str) -> Node:
        node = nodes.get(identifier)
        if node is None:
            node = nodes[identifier] = Node()
            everything.append(node)
        return node

    def add(subject: Subject) -> None:
        node = nodes.get(subject.message_id) if subject.message_id else None
        if node is None or node.subject is not None:
            # No id, or one that was seen before: the message stands for itself (step 1, "assign a unique id").
            unique = node is None and bool(subject.message_id)
            node = Node()
            everything.append(node)
            if unique:
                nodes[subject.message_id] = node
        node.subject = subject
        link(node, [node_of(identifier) for identifier in subject.references])

    yield from in_steps(subjects, add)
    return everything


def link(node: Node, ancestors: list[Node]) -> None:
    """Put each reference under the one before it where it has no parent, and the message under the last; never in a loop."""
    for parent, child in pairwise(ancestors):
        if child.parent is None and not parent.descends_from(child):
            parent.adopt(child)
    if not ancestors:
        return
    last = ancestors[-1]
    if node.parent is not last and not last.descends_from(node):
        last.adopt(node)


def pruned(roots: list[Node]) -> Work[list[Node]]:
    """Step 4: empty places go; their children rise, at the top level only when there is one."""
    yield from in_steps(reversed(below(roots)), without_empty_children)
    kept: list[Node] = []
    for root in roots:
        if root.subject is None and len(root.children) <= 1:
            kept += root.children
        else:
            kept.append(root)
    for node in kept:
        node.parent = None
    return kept


def without_empty_children(node: Node) -> None:
    """Put the children of empty children in their place."""
    if not all(child.subject for child in node.children):
        children: list[Node] = []
        for child in node.children:
            children += [child] if child.subject is not None else child.children
        node.children = children


def below(roots: Iterable[Node]) -> list[Node]:
    """The roots and all below them, parents before children."""
    order = list(roots)
    at = 0
    while at < len(order):
        order += order[at].children
        at += 1
    return order


def sent(node: Node) -> tuple[float, int]:
    """The order of siblings: by date; an empty root is as old as its first child."""
    subject = node.subject or node.children[0].subject
    assert subject is not None
    return by_date(subject)


def ordered(roots: list[Node]) -> Work[None]:
    """Step 4 and 6: children, then roots, by sent date."""
    yield from in_steps(reversed(below(roots)), order_children)
    roots.sort(key=sent)


def order_children(node: Node) -> None:
    """The children by sent date."""
    if len(node.children) > 1:
        node.children.sort(key=sent)


def joined(roots: list[Node]) -> Work[list[Node]]:
    """Step 5: roots of the same base subject become one thread."""
    table = subject_table(roots)
    result: list[Node] = []

    def join(root: Node) -> None:
        subject = thread_subject(root)
        other = table.get(subject.base_subject) if subject.base_subject else None
        if other is None or other is root:
            result.append(root)
        else:
            merge(root, subject, other, result, table)

    yield from in_steps(roots, join)
    return result


def subject_table(roots: Iterable[Node]) -> dict[str, Node]:
    """For each base subject, the root that the others go under: an empty one first, then one that is no reply."""
    table: dict[str, Node] = {}
    for root in roots:
        subject = thread_subject(root)
        if not subject.base_subject:
            continue
        held = table.get(subject.base_subject)
        emptier = held is not None and held.subject is not None and root.subject is None
        earlier = held is not None and held.subject is not None and held.subject.reply and not subject.reply
        if held is None or emptier or earlier:
            table[subject.base_subject] = root
    return table


def thread_subject(root: Node) -> Subject:
    """The subject of a thread: its root's, or its first child's."""
    subject = root.subject or root.children[0].subject
    assert subject is not None
    return subject


def merge(root: Node, subject: Subject, other: Node, result: list[Node], table: dict[str, Node]) -> None:
    """Join a root with the one its subject's table holds."""
    if root.subject is None and other.subject is None:
        other.children += root.children
    elif other.subject is None or (subject.reply and not other.subject.reply):
        other.children.append(root)
    else:
        # Both are alike: siblings under a new empty place, which takes the other's place.
        place = Node()
        place.children = [other, root]
        table[subject.base_subject] = place
        if other in result:
            result[result.index(other)] = place
        else:
            result.append(place)


def formatted(roots: Sequence[Node]) -> bytes:
    """Threads as THREAD's reply has them: `(1)(2 3 (4)(5))`."""
    pieces: list[bytes] = []
    stack: list[Node | bytes] = []
    for root in roots:
        stack += [b")", root, b"("]
        drop_into(pieces, stack)
    return b"".join(pieces)


def drop_into(pieces: list[bytes], stack: list[Node | bytes]) -> None:
    """Write one thread; the stack holds what is still to come, the next on top."""
    while stack:
        top = stack.pop()
        if isinstance(top, bytes):
            pieces.append(top)
            continue
        if top.subject is not None:
            pieces.append(b"%d" % top.subject.number)
            if top.children:
                pieces.append(b" ")
        if len(top.children) == 1 and top.subject is not None:
            stack.append(top.children[0])
            continue
        for child in reversed(top.children):
            stack += [b")", child, b"("]
