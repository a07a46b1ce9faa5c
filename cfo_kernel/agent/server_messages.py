"""Extracts a model server's error message (a sentence and a code) from any of the formats that servers use."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import islice
from typing import Any, NamedTuple, cast

from pydantic_core import from_json

from cfo_kernel.agent.shown_text import without_keys
from cfo_kernel.clean_text import clean_text

_LONGEST = 300
_READ = 20_000
_STATUS_DIGITS = 3
_DEEPEST = 6
_MOST_SENTENCES = 20
_SENTENCES = ("message", "msg", "error_message", "error", "errors", "detail", "details", "error_description", "reason")
_FURTHER = ("title", "description", "metadata", "raw", "innererror", "fault", "faultstring", "exception", "body")
"""The keys under which servers put sentences, and the keys that wrap those.

Other keys, such as `input`, repeat the request.
"""

_TAG = re.compile(r"<[^<>]{0,2000}>")
# The parts of a web page that are not text. Each is removed with its content.
_OPENING = re.compile(r"<(script\b|style\b|!--)", re.IGNORECASE)
_CLOSING = {
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
    "!--": re.compile(r"-->"),
}
# Keys with their usual prefixes, and random-looking strings that follow a word such as "key" or "bearer".
_SECRET = re.compile(
    r"\b(?:(?:sk|pk|rk|gsk|hf|xai|r8|nvapi|pplx)[-_][-_A-Za-z0-9*]{10,}|(?:AIza|AKIA|ya29)[-_A-Za-z0-9*]{12,})"
    r"|\beyJ[-_.A-Za-z0-9]{20,}|(?i:(?<=bearer )|(?<=key )|(?<=key: )|(?<=key=)|(?<=token )|(?<=token: )|(?<=token=))"
    r"(?=[^\s,;]*\d)[^\s,;'\"]{12,}"
)


class ServerMessage(NamedTuple):
    """The server's message. Any field may be empty. `is_structured` is false for a web page or other plain text."""

    text: str
    code: str
    is_structured: bool


def server_message(body: object, secrets: Sequence[str] = (), longest: int = _LONGEST) -> ServerMessage:
    """The message in an error's body: on one line, cleaned, without secrets, and truncated to `longest` characters."""
    found = [_one_line(text) for text in islice(_sentences(body, _DEEPEST), _MOST_SENTENCES)]
    unlike = [text for n, text in enumerate(found) if text and not any(text in other for other in found[:n])]
    text = ": ".join(
        dict.fromkeys(text.rstrip(":. ") if n + 1 < len(unlike) else text for n, text in enumerate(unlike))
    )
    code = next((_one_line(code) for code in _codes(body, _DEEPEST)), "")
    return ServerMessage(
        _cut(without_secrets(text, secrets), longest),
        _cut(without_secrets(code, secrets), 60),
        not isinstance(_parsed(body), str),
    )


def with_plain_code(error: object) -> object:
    """The error with its code in ASCII digits if it is a number.

    Clients read the code as a status with `int()`, which refuses some digits of other scripts, and very long numbers.
    """
    if not isinstance(error, dict):
        return error
    fields = cast("dict[str, Any]", error)
    code = fields.get("code")
    if not isinstance(code, str) or not (plain := unicodedata.normalize("NFKC", code[:_LONGEST])).isdigit():
        return fields
    is_status = len(plain) == _STATUS_DIGITS and plain.isdecimal()
    return {**fields, "code": str(int(plain)) if is_status else None}


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """The text without these secrets and without anything that looks like an API key."""
    return _SECRET.sub("***", without_keys(text, secrets))


def parameter_paths(body: object) -> list[str]:
    """The parameters that an error names in a separate field: `param`, or the `loc` of a validation error."""
    return list(_paths(_parsed(body), _DEEPEST))


def _sentences(value: object, depth: int) -> Iterator[str]:
    value = _parsed(value)
    if depth == 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in cast("list[object]", value)[:5]:
            yield from _sentences(each, depth - 1)
    elif isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        place = ".".join(_paths(fields, 1))
        for key in (*_SENTENCES, *_FURTHER):
            for sentence in _sentences(_field(fields, key), depth - 1):
                yield f"{place}: {sentence}" if place and place not in sentence else sentence


def _codes(value: object, depth: int) -> Iterator[str]:
    """The codes that are words. Numeric codes are skipped, because they repeat the status."""
    value = _parsed(value)
    if isinstance(value, list):
        value = cast("list[object]", value)[0] if value else None
    if depth == 0 or not isinstance(value, dict):
        return
    fields = cast("dict[str, Any]", value)
    for key in ("code", "type", "status"):
        code = _field(fields, key)
        if isinstance(code, str) and code and not code.isdigit():
            yield code
    for key in (*_SENTENCES, *_FURTHER):
        yield from _codes(_field(fields, key), depth - 1)


def _paths(value: object, depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(value, list):
        for each in cast("list[object]", value)[:20]:
            yield from _paths(each, depth - 1)
    elif isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        for key in ("param", "loc", "location", "field"):
            place = _field(fields, key)
            if isinstance(place, str) and place:
                yield place
            elif isinstance(place, list):
                yield ".".join(str(part) for part in cast("list[object]", place))
        for key in ("error", "errors", "detail", "details", "message"):
            yield from _paths(_parsed(_field(fields, key)), depth - 1)


def _field(fields: dict[str, Any], key: str) -> object:
    """The field with this name in any case, because some gateways write `Message`."""
    return fields.get(key, fields.get(key.capitalize()))


def _parsed(value: object) -> object:
    """Parses JSON inside a string, because gateways quote the error of the server behind them."""
    if not isinstance(value, str):
        return value
    text = value.strip()[:_READ]
    if text.startswith(("{", "[")):
        try:
            return from_json(text, allow_partial="trailing-strings")  # a long body was cut off
        except ValueError:
            return text
    if text.startswith("<"):
        return _without_markup(text)
    return text


def _without_markup(text: str) -> str:
    """The text of a web page.

    If the end of a part is missing, it is searched for only once, not again from each opening tag.
    """
    kept: list[str] = []
    position, unclosed = 0, set[str]()
    for opening in _OPENING.finditer(text):
        kind = opening[1].lower()
        if opening.start() < position or kind in unclosed:
            continue
        if closing := _CLOSING[kind].search(text, opening.end()):
            kept.append(text[position : opening.start()])
            position = closing.end()
        else:
            unclosed.add(kind)
    return _TAG.sub(" ", " ".join([*kept, text[position:]]))


def _one_line(text: str) -> str:
    return " ".join(clean_text(unescape(text[:_READ])).split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
