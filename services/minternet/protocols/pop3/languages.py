"""The languages of LANG (RFC 6856 section 3). English texts are the keys; a test checks that no translation is missing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Language(NamedTuple):
    """A language by its tag (RFC 5646), its name in itself, and what each English text is in it."""

    tag: str
    name: str
    texts: Mapping[str, str]


ENGLISH = Language("en", "English", MappingProxyType({}))
DEFAULT = Language("i-default", "English for everybody", MappingProxyType({}))
GERMAN = Language(
    "de",
    "Deutsch",
    MappingProxyType(
        {
            "capabilities follow": "Fähigkeiten folgen",
            "mechanisms follow": "Verfahren folgen",
            "languages follow": "Sprachen folgen",
            "language changed": "Sprache gewechselt",
            "UTF-8 from here on": "UTF-8 von hier an",
            "begin the TLS handshake": "TLS-Handshake kann beginnen",
            "now the password": "jetzt das Passwort",
            "%s's maildrop has %d messages (%d octets)": "Das Postfach von %s hat %d Nachrichten (%d Oktette)",
            "%d messages (%d octets)": "%d Nachrichten (%d Oktette)",
            "%d octets": "%d Oktette",
            "the first lines follow": "die ersten Zeilen folgen",
            "unique ids follow": "Kennungen folgen",
            "message %d is marked as deleted": "Nachricht %d ist als gelöscht markiert",
            "maildrop has %d messages (%d octets)": "Das Postfach hat %d Nachrichten (%d Oktette)",
            "goodbye": "Auf Wiedersehen",
            "goodbye, %d messages removed": "Auf Wiedersehen, %d Nachrichten entfernt",
            "unknown command": "unbekannter Befehl",
            "%s is not for this state: log in first": "%s gehört nicht in diesen Zustand: zuerst anmelden",
            "%s is not for this state: you are logged in": "%s gehört nicht in diesen Zustand: Sie sind angemeldet",
            "too many bad commands": "zu viele falsche Befehle",
            "a line has at most %d octets": "eine Zeile hat höchstens %d Oktette",
            "internal error": "interner Fehler",
            "%s takes no argument": "%s hat kein Argument",
            "usage: %s": "Gebrauch: %s",
            "%s is no message number": "%s ist keine Nachrichtennummer",
            "%s is no number of lines": "%s ist keine Zeilenzahl",
            "there is no message %d, the maildrop has %d": "es gibt keine Nachricht %d, das Postfach hat %d",
            "message %d is deleted already": "Nachricht %d ist schon gelöscht",
            "message %d is gone: another session has expunged it": "Nachricht %d ist fort: eine andere Sitzung hat sie entfernt",
            "passwords are taken under TLS only: use STLS": "Passwörter nur unter TLS: erst STLS",
            "first USER, then PASS": "erst USER, dann PASS",
            "wrong user name or password": "Benutzername oder Passwort falsch",
            "wrong user name or password, too often": "Benutzername oder Passwort falsch, zu oft",
            "the log-in failed": "die Anmeldung ist gescheitert",
            "another session has this maildrop locked": "eine andere Sitzung hält dieses Postfach gesperrt",
            "the account has no INBOX": "das Konto hat keine INBOX",
            "TLS is active already": "TLS ist schon aktiv",
            "TLS is not offered here": "TLS wird hier nicht angeboten",
            "after UTF8 it is too late for STLS": "nach UTF8 ist es für STLS zu spät",
            "no such language; LANG lists those there are": "diese Sprache gibt es nicht; LANG zählt auf, welche",
            "some deleted messages could not be removed": "manche gelöschte Nachrichten ließen sich nicht entfernen",
        }
    ),
)
FRENCH = Language(
    "fr",
    "Français",
    MappingProxyType(
        {
            "capabilities follow": "voici les capacités",
            "mechanisms follow": "voici les mécanismes",
            "languages follow": "voici les langues",
            "language changed": "langue changée",
            "UTF-8 from here on": "désormais en UTF-8",
            "begin the TLS handshake": "la négociation TLS peut commencer",
            "now the password": "maintenant le mot de passe",
            "%s's maildrop has %d messages (%d octets)": "La boîte de %s contient %d messages (%d octets)",
            "%d messages (%d octets)": "%d messages (%d octets)",
            "%d octets": "%d octets",
            "the first lines follow": "voici les premières lignes",
            "unique ids follow": "voici les identifiants",
            "message %d is marked as deleted": "le message %d est marqué comme effacé",
            "maildrop has %d messages (%d octets)": "la boîte contient %d messages (%d octets)",
            "goodbye": "au revoir",
            "goodbye, %d messages removed": "au revoir, %d messages supprimés",
            "unknown command": "commande inconnue",
            "%s is not for this state: log in first": "%s n'a pas cours dans cet état : connectez-vous d'abord",
            "%s is not for this state: you are logged in": "%s n'a pas cours dans cet état : vous êtes connecté",
            "too many bad commands": "trop de commandes erronées",
            "a line has at most %d octets": "une ligne a au plus %d octets",
            "internal error": "erreur interne",
            "%s takes no argument": "%s ne prend pas d'argument",
            "usage: %s": "usage : %s",
            "%s is no message number": "%s n'est pas un numéro de message",
            "%s is no number of lines": "%s n'est pas un nombre de lignes",
            "there is no message %d, the maildrop has %d": "il n'y a pas de message %d, la boîte en a %d",
            "message %d is deleted already": "le message %d est déjà effacé",
            "message %d is gone: another session has expunged it": "le message %d a disparu : une autre session l'a supprimé",
            "passwords are taken under TLS only: use STLS": "mots de passe sous TLS seulement : utilisez STLS",
            "first USER, then PASS": "d'abord USER, puis PASS",
            "wrong user name or password": "nom d'utilisateur ou mot de passe erroné",
            "wrong user name or password, too often": "nom d'utilisateur ou mot de passe erroné, trop souvent",
            "the log-in failed": "la connexion a échoué",
            "another session has this maildrop locked": "une autre session a verrouillé cette boîte",
            "the account has no INBOX": "le compte n'a pas d'INBOX",
            "TLS is active already": "TLS est déjà actif",
            "TLS is not offered here": "TLS n'est pas proposé ici",
            "after UTF8 it is too late for STLS": "après UTF8 il est trop tard pour STLS",
            "no such language; LANG lists those there are": "cette langue n'existe pas ; LANG donne la liste",
            "some deleted messages could not be removed": "certains messages effacés n'ont pas pu être supprimés",
        }
    ),
)
LANGUAGES = (ENGLISH, GERMAN, FRENCH, DEFAULT)


def matching(wanted: str) -> Language | None:
    """The language for a range: `*` is the default one; `de-CH` finds `de` (lookup, RFC 4647 section 3.4)."""
    if wanted == "*":
        return DEFAULT
    wanted = wanted.lower()
    while wanted:
        for language in LANGUAGES:
            if language.tag == wanted:
                return language
        wanted = wanted.rpartition("-")[0]
    return None
