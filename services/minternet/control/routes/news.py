"""Newsgroups and articles."""

from __future__ import annotations

from .. import schemas as s
from ..resources import news
from ..table import Octets, Row
from .group import MAIL, group

ROWS = group(
    "News",
    Row("GET", "/groups", news.list_groups, "All newsgroups", answer=s.Groups),
    Row(
        "POST",
        "/groups",
        news.create_group,
        "A new newsgroup",
        body=s.NewGroup,
        answer=s.GroupView,
        status=201,
        problems=(409,),
    ),
    Row("GET", "/groups/{group}", news.get_group, "A newsgroup", answer=s.GroupView, problems=(404,)),
    Row(
        "PATCH",
        "/groups/{group}",
        news.change_group,
        "Change its description, status or moderator",
        body=s.GroupPatch,
        answer=s.GroupView,
        problems=(404,),
    ),
    Row("DELETE", "/groups/{group}", news.remove_group, "Remove it with its articles", status=204, problems=(404,)),
    Row(
        "GET",
        "/groups/{group}/articles",
        news.list_articles,
        "Articles of a newsgroup, or those that match",
        query=s.ArticleQuery,
        answer=s.Articles,
        problems=(404,),
    ),
    Row(
        "GET",
        "/groups/{group}/articles/{number:int}",
        news.get_article_by_number,
        "An article by its number",
        answer=s.ArticleView,
        problems=(404,),
    ),
    Row(
        "POST",
        "/articles",
        news.post,
        "Post a raw article to the groups it names, whatever their status",
        body=Octets((*MAIL, "message/news"), "article"),
        answer=s.Posted,
        status=201,
        problems=(409,),
    ),
    Row(
        "GET",
        "/articles/{message_id}",
        news.get_article,
        "An article by its message-id",
        answer=s.ArticleView,
        problems=(404,),
    ),
    Row(
        "GET",
        "/articles/{message_id}/raw",
        news.get_raw,
        "Its octets",
        answer=Octets(("message/rfc822",)),
        problems=(404,),
    ),
    Row("DELETE", "/articles/{message_id}", news.cancel, "Cancel an article", status=204, problems=(404,)),
)
