"""What clients did wrong, and HTTP conversations as HAR."""

from __future__ import annotations

from .. import schemas as s
from ..call import JSON
from ..resources import lint
from ..table import Octets, Row
from .group import group

ROWS = group(
    "Journal",
    Row(
        "GET",
        "/lint",
        lint.list_findings,
        "What clients did wrong by the protocols' rules, in all conversations that are kept, newest first",
        query=s.LintQuery,
        answer=s.Judgements,
    ),
    Row("GET", "/lint/rules", lint.list_rules, "The rules", answer=s.Rules),
    Row(
        "GET",
        "/transcripts/{number:int}/lint",
        lint.get_findings,
        "What the client did wrong in a conversation",
        query=s.LevelQuery,
        answer=s.Judgement,
        problems=(404,),
    ),
    Row(
        "GET",
        "/transcripts/{number:int}/har",
        lint.get_har,
        "An HTTP conversation's requests and replies as HAR 1.2; secrets are masked",
        answer=Octets((JSON,)),
        problems=(404, 409, 503),
    ),
    Row(
        "GET",
        "/transcripts.har",
        lint.list_har,
        "The same of all HTTP conversations that are kept, oldest first",
        query=s.HarQuery,
        answer=Octets((JSON,)),
        problems=(503,),
    ),
)
