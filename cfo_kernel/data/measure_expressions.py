"""Reads the expression of a measure as people write it: `(revenue - cost) / revenue`, `avg(orders.amount) * 100`.

The grammar is that of arithmetic: numbers, names, `+ - * /`, parentheses, and functions of one or two arguments. A name
is a column, `table.column`, or another measure. A name with spaces or signs is written in double quotes. Text from a
file is never evaluated, only parsed into these values.
"""

import re
from dataclasses import dataclass
from typing import Literal

_MOST_NESTED = 40
_MOST_TOKENS = 400
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)(?![\w.])|(?P<name>[^\W\d]\w*)|\"(?P<quoted>[^\"]+)\"|(?P<sign>[-+*/().,]))"
)


class ExpressionInvalid(ValueError):
    """Raised if a string is not a valid expression. The message tells its author what is wrong."""


@dataclass(frozen=True)
class Number:
    value: int | float


@dataclass(frozen=True)
class Name:
    """A column or measure, with its table if the expression names one."""

    table: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}" if self.table else self.name


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True)
class Operation:
    op: Literal["+", "-", "*", "/"]
    left: "Node"
    right: "Node"


Node = Number | Name | Call | Operation


def parse(text: str) -> Node:
    """Parses an expression. Raises `ExpressionInvalid`."""
    parser = _Parser(text)
    node = parser.sum(0)
    if parser.next is not None:
        raise ExpressionInvalid(f"{parser.next.text!r} is not expected after {parser.before!r}")
    return node


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ExpressionInvalid(f"{text[at:end].strip()[:20]!r} is not a name, a number or one of + - * / ( ) ,")
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
        if len(found) > _MOST_TOKENS:
            raise ExpressionInvalid(f"it has more than {_MOST_TOKENS} names and signs; divide it into several measures")
    if not found:
        raise ExpressionInvalid("it is empty")
    return found


class _Parser:
    """A recursive-descent parser of limited depth."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    @property
    def before(self) -> str:
        return self._tokens[self._at - 1].text

    def sum(self, depth: int) -> Node:
        node = self._product(depth)
        while (op := self._sign("+-")) is not None:
            node = Operation("+" if op == "+" else "-", node, self._product(depth))
        return node

    def _product(self, depth: int) -> Node:
        node = self._factor(depth)
        while (op := self._sign("*/")) is not None:
            node = Operation("*" if op == "*" else "/", node, self._factor(depth))
        return node

    def _factor(self, depth: int) -> Node:
        if depth >= _MOST_NESTED:
            raise ExpressionInvalid("it is nested too deeply; divide it into several measures")
        if self._sign("-"):
            return Operation("-", Number(0), self._factor(depth + 1))
        if self._sign("("):
            node = self.sum(depth + 1)
            self._expect(")")
            return node
        token = self.next
        if token is None:
            raise ExpressionInvalid(f"something is missing after {self.before!r}")
        self._at += 1
        match token.kind:
            case "number":
                return Number(float(token.text) if "." in token.text else int(token.text))
            case "name" if self._sign("("):
                return Call(token.text.lower(), self._arguments(depth + 1))
            case "name" | "quoted":
                return self._name(token.text)
            case _:
                raise ExpressionInvalid(f"{token.text!r} is not expected here")

    def _name(self, first: str) -> Name:
        if not self._sign("."):
            return Name(None, first)
        token = self.next
        if token is None or token.kind not in ("name", "quoted"):
            raise ExpressionInvalid(f"the name of a column is missing after '{first}.'")
        self._at += 1
        return Name(first, token.text)

    def _arguments(self, depth: int) -> tuple[Node, ...]:
        if self._sign(")"):
            return ()
        found = [self.sum(depth)]
        while self._sign(","):
            found.append(self.sum(depth))
        self._expect(")")
        return tuple(found)

    def _sign(self, signs: str) -> str | None:
        token = self.next
        if token is None or token.kind != "sign" or token.text not in signs:
            return None
        self._at += 1
        return token.text

    def _expect(self, sign: str) -> None:
        if self._sign(sign) is None:
            raise ExpressionInvalid(f"{sign!r} is missing after {self.before!r}")
