"""Accounts, tokens, quotas, aliases and lists."""

from __future__ import annotations

from .. import schemas as s
from ..resources import accounts
from ..table import Row
from .group import ACCOUNT, group

ROWS = group(
    "Accounts",
    Row("GET", "/accounts", accounts.list_accounts, "All accounts", answer=s.Accounts),
    Row(
        "POST",
        "/accounts",
        accounts.add_account,
        "A new account, with the usual mailboxes and a home",
        body=s.NewAccount,
        answer=s.AccountView,
        status=201,
        problems=(409,),
    ),
    Row(
        "GET",
        ACCOUNT,
        accounts.get_account,
        "An account, by login or address",
        answer=s.AccountView,
        problems=(404,),
    ),
    Row(
        "PUT",
        ACCOUNT,
        accounts.replace_account,
        "Change an account: all of it but its login and its mail",
        body=s.AccountBody,
        answer=s.AccountView,
        problems=(404, 409),
    ),
    Row("DELETE", ACCOUNT, accounts.remove_account, "Remove an account and its mail", status=204, problems=(404,)),
    Row(
        "GET",
        ACCOUNT + "/tokens",
        accounts.list_tokens,
        "Its bearer tokens",
        answer=tuple[s.TokenView, ...],
        problems=(404,),
    ),
    Row(
        "POST",
        ACCOUNT + "/tokens",
        accounts.add_token,
        "A new bearer token",
        body=s.TokenBody,
        body_optional=True,
        answer=s.TokenView,
        status=201,
        problems=(404, 409),
    ),
    Row("DELETE", ACCOUNT + "/tokens/{token}", accounts.remove_token, "Remove a token", status=204, problems=(404,)),
    Row("GET", ACCOUNT + "/quota", accounts.get_quota, "Its quota and use", answer=s.QuotaView, problems=(404,)),
    Row(
        "PUT",
        ACCOUNT + "/quota",
        accounts.set_quota,
        "What it may store",
        body=s.QuotaBody,
        answer=s.QuotaView,
        problems=(404,),
    ),
    Row("GET", "/aliases", accounts.list_aliases, "All aliases", answer=s.AllLeads),
    Row("GET", "/aliases/{address}", accounts.get_alias, "An alias", answer=s.Leads, problems=(404,)),
    Row(
        "PUT",
        "/aliases/{address}",
        accounts.set_alias,
        "Where an alias leads",
        body=s.Targets,
        answer=s.Leads,
        problems=(409,),
    ),
    Row("DELETE", "/aliases/{address}", accounts.remove_alias, "Remove an alias", status=204, problems=(404,)),
    Row("GET", "/lists", accounts.list_lists, "All lists", answer=s.AllLeads),
    Row("GET", "/lists/{address}", accounts.get_list, "A list", answer=s.Leads, problems=(404,)),
    Row(
        "PUT",
        "/lists/{address}",
        accounts.set_list,
        "Who is on a list",
        body=s.Targets,
        answer=s.Leads,
        problems=(409,),
    ),
    Row("DELETE", "/lists/{address}", accounts.remove_list, "Remove a list", status=204, problems=(404,)),
    Row("GET", "/catch-all", accounts.get_catch_all, "Who gets mail for unknown recipients", answer=s.CatchAll),
    Row("PUT", "/catch-all", accounts.set_catch_all, "Set it", body=s.CatchAll, answer=s.CatchAll),
)
