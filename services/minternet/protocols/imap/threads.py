"""THREAD's algorithms (RFC 5256 section 3) as functions on frozen subjects; none recurses, for threads may be deep.

Each is a generator that yields every few hundred messages, so that who runs it can let others go on, and returns the roots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from .ordering import STEP, Work, in_steps, sorting


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
    keys: list[tuple[float, int, Subject]] = []
    yield from in_steps(subjects, lambda subject: keys.append((subject.sent, subject.number, subject)))
    in_order = yield from sorting(keys)
    yield from in_steps(in_order, lambda key: threads.setdefault(key[2].base_subject, []).append(key[2]))
    roots: list[Node] = []

    def add(thread: list[Subject]) -> None:
        root = Node(thread[0])
        root.children = [Node(other) for other in thread[1:]]
        roots.append(root)

    # The threads were begun in the order of their first messages.
    yield from in_steps(threads.values(), add)
    return roots


def by_date(subject: Subject) -> tuple[float, int]:
    """The order by sent date, then by number."""
    return subject.sent, subject.number


def references(subjects: Sequence[Subject]) -> Work[list[Node]]:
    """REFERENCES: parents by Message-ID, References and In-Reply-To, then roots of one base subject joined."""
    everything = yield from linked(subjects)
    roots = yield from pruned([root for root in everything if root.parent is None])
    roots = yield from ordered(roots)
    roots = yield from joined(roots)
    return (yield from ordered(roots))


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
    everything = yield from below(roots)
    yield from in_steps(reversed(everything), without_empty_children)
    kept: list[Node] = []

    def rise(root: Node) -> None:
        risen = root.children if root.subject is None and len(root.children) <= 1 else [root]
        for node in risen:
            node.parent = None
        kept.extend(risen)

    yield from in_steps(roots, rise)
    return kept


def without_empty_children(node: Node) -> None:
    """Put the children of empty children in their place."""
    if not all(child.subject for child in node.children):
        children: list[Node] = []
        for child in node.children:
            children += [child] if child.subject is not None else child.children
        node.children = children


def below(roots: Iterable[Node]) -> Work[list[Node]]:
    """The roots and all below them, parents before children."""
    order = list(roots)
    at = 0
    while at < len(order):
        order += order[at].children
        at += 1
        if at % STEP == 0:
            yield
    return order


def sent(node: Node) -> tuple[float, int]:
    """The order of siblings: by date; an empty root is as old as its first child."""
    subject = node.subject or node.children[0].subject
    assert subject is not None
    return by_date(subject)


def ordered(roots: list[Node]) -> Work[list[Node]]:
    """Step 4 and 6: children, then roots, by sent date."""
    everything = yield from below(roots)
    yield from in_steps(reversed(everything), order_children)
    keys: list[tuple[float, int, int]] = []
    yield from in_steps(enumerate(roots), lambda placed: keys.append((*sent(placed[1]), placed[0])))
    in_order = yield from sorting(keys)
    return [roots[at] for _, _, at in in_order]


def order_children(node: Node) -> None:
    """The children by sent date."""
    if len(node.children) > 1:
        node.children.sort(key=sent)


class Joining:
    """Step 5: roots of the same base subject become one thread."""

    def __init__(self) -> None:
        self.table: dict[str, Node] = {}
        """For each base subject, the root that the others go under: an empty one first, then one that is no reply."""
        self.result: list[Node] = []
        self.places: dict[Node, int] = {}
        """Where a root is in the result."""

    def enter(self, root: Node) -> None:
        """Put a root into the table, if it is the one for its subject so far."""
        subject = thread_subject(root)
        if not subject.base_subject:
            return
        held = self.table.get(subject.base_subject)
        emptier = held is not None and held.subject is not None and root.subject is None
        earlier = held is not None and held.subject is not None and held.subject.reply and not subject.reply
        if held is None or emptier or earlier:
            self.table[subject.base_subject] = root

    def join(self, root: Node) -> None:
        """Put a root into the result, or under the one its subject's table holds."""
        subject = thread_subject(root)
        other = self.table.get(subject.base_subject) if subject.base_subject else None
        if other is None or other is root:
            self.add(root)
        elif root.subject is None and other.subject is None:
            other.children += root.children
        elif other.subject is None or (subject.reply and not other.subject.reply):
            other.children.append(root)
        else:
            self.pair(root, other, subject)

    def pair(self, root: Node, other: Node, subject: Subject) -> None:
        """Both are alike: siblings under a new empty place, which takes the other's place."""
        place = Node()
        place.children = [other, root]
        self.table[subject.base_subject] = place
        at = self.places.pop(other, None)
        if at is None:
            self.add(place)
        else:
            self.result[at] = place
            self.places[place] = at

    def add(self, root: Node) -> None:
        """Put a root behind the others."""
        self.places[root] = len(self.result)
        self.result.append(root)


def joined(roots: list[Node]) -> Work[list[Node]]:
    """Step 5."""
    joining = Joining()
    yield from in_steps(roots, joining.enter)
    yield from in_steps(roots, joining.join)
    return joining.result


def thread_subject(root: Node) -> Subject:
    """The subject of a thread: its root's, or its first child's."""
    subject = root.subject or root.children[0].subject
    assert subject is not None
    return subject


def formatted(roots: Sequence[Node]) -> Work[bytes]:
    """Threads as THREAD's reply has them: `(1)(2 3 (4)(5))`."""
    pieces: list[bytes] = []
    told = 0
    for root in roots:
        yield from drop_into(pieces, [b")", root, b"("])
        if len(pieces) - told > STEP:
            told = len(pieces)
            yield
    return b"".join(pieces)


def drop_into(pieces: list[bytes], stack: list[Node | bytes]) -> Work[None]:
    """Write one thread; the stack holds what is still to come, the next on top."""
    steps = 0
    while stack:
        steps += 1
        if steps % STEP == 0:
            yield
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
