"""Decodes a text file, whatever encoding and stray bytes it has.

Runs in the ingest worker. The file is read whole, because the first byte that is not UTF-8 may be a million rows down.
A clean UTF-8 file is used as it is, and any other file is copied as UTF-8. A byte order mark inside the text, as in
concatenated files, would become an invisible part of a name or value, and would hide a quotation mark after it. A stray
NUL, as in files from mainframes, would end a cell early.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cfo_kernel.data import legacy_encodings
from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.legacy_encodings import Encoding
from cfo_kernel.errors import UnreadableFile

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_MARK = "\ufeff"
_MARK_IN_CP1252 = codecs.BOM_UTF8.decode("cp1252")
_UNICODE = {
    codecs.BOM_UTF32_LE: ("utf-32", "UTF-32"),  # before UTF-16, whose mark is its beginning
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}
_NUL_EVERY = 1000  # text has at most one NUL in this many characters, plus a few more
_FEW = 8
_CONTROLS = bytes({*range(1, 27), 127} - {*b"\t\n\v\f\r\x1a"})
_MOST_CONTROLS = 0.05
_LEAST_ZEROS = 0.05  # the share of characters with a zero byte in text with two bytes for each character
_BAD_PER_GOOD = 4  # with more bad bytes for each valid UTF-8 character, the character is there by chance
_NUL = re.compile("\0")
_ESCAPED = re.compile("[\udc80-\udcff]")
_CP1252 = {0xDC00 + byte: bytes([byte]).decode("cp1252", errors="replace") for byte in range(128, 256)}
_STROKES, _CROSSINGS = "-=_─═", "+|: "
_EXPORT = "Export it again as CSV."


@dataclass
class Text:
    """A text file, its encoding, and decisions on how it was decoded."""

    path: Path
    encoding: str = "utf-8-sig"
    decisions: list[Decision] = field(default_factory=list[Decision])


@dataclass
class _Content:
    """What a file contains when it is read as UTF-8: NULs, marks, and bytes that are not UTF-8."""

    nuls: int = 0
    nul_lines: list[int] = field(default_factory=list[int])
    marks: int = 0
    wide: int = 0
    bad: int = 0
    bad_lines: list[int] = field(default_factory=list[int])


def decoded(path: Path, scratch: Path) -> Text:
    """The file as text, without NULs and inner byte order marks. Raises `UnreadableFile` for a binary file."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    wide = next((known for mark, known in _UNICODE.items() if sample.startswith(mark)), None)
    if wide or (wide := _unmarked_utf16(sample)):
        copy = _copied(path, wide[0], scratch, str)
        return Text(copy.path, copy.encoding, [_format(f"The file is {wide[1]}."), *copy.decisions])
    if len(sample) - len(sample.translate(None, _CONTROLS)) > max(_FEW, _MOST_CONTROLS * len(sample)):
        raise UnreadableFile(f"{path.name} is a binary file, not text: it contains control characters. {_EXPORT}")
    content = _content(path)
    _check_nuls(path, content.nuls, "NUL bytes")
    if not content.bad:
        return _copied(path, "utf-8-sig", scratch, str) if content.nuls or content.marks else Text(path)
    found = legacy_encodings.encoding_of(path)
    is_other = found.codec != "cp1252" and found.is_proven and content.bad > content.wide
    if content.wide * _BAD_PER_GOOD >= content.bad and not is_other:
        copy = _copied(path, "utf-8-sig", scratch, lambda text: text.translate(_CP1252))
        return Text(copy.path, copy.encoding, [_mixed(content), *copy.decisions])
    copy = _copied(path, found.codec, scratch, str)
    return Text(copy.path, copy.encoding, [_legacy(found), *copy.decisions])


def _legacy(found: Encoding) -> Decision:
    text = f"The file is not UTF-8; it was read as {found.name}."
    if not found.is_proven:
        text += " Its letters do not prove that. Check a name with accents, or export the file as UTF-8."
    return Decision(kind=DecisionKind.FORMAT, text=text, needs_check=not found.is_proven)


def is_rule(line: str) -> bool:
    """Whether the line consists only of strokes, such as dashes."""
    return not line.strip(_STROKES + _CROSSINGS) and any(3 * stroke in line for stroke in _STROKES)


def without_rules(text: Text, scratch: Path) -> Text:
    """Clears the lines that only frame rows, as in printed lists."""
    copy = scratch / "unruled.csv"
    with text.path.open(encoding=text.encoding) as file, copy.open("w", encoding="utf-8", newline="") as out:
        out.writelines("\n" if is_rule(line.rstrip("\n")) else line for line in file)
    return Text(copy, "utf-8", text.decisions)


def _format(text: str) -> Decision:
    return Decision(kind=DecisionKind.FORMAT, text=text)


def _unmarked_utf16(sample: bytes) -> tuple[str, str] | None:
    """The encoding and its name for text with two bytes per character and no byte order mark, or None."""
    pairs = len(sample) // 2
    even, odd = sample[: 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    for encoding, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros > max(2, _LEAST_ZEROS * pairs) and others * _FEW <= zeros:
            text = sample[: 2 * pairs].decode(encoding, errors="replace")
            unprintable = sum(not c.isprintable() and c not in "\t\r\n\ufeff" for c in text)
            if unprintable <= _MOST_CONTROLS * len(text):
                return encoding, "UTF-16 without a byte order mark"
    return None


def _check_nuls(path: Path, count: int, what: str) -> None:
    if count > _FEW + path.stat().st_size // _NUL_EVERY:
        raise UnreadableFile(f"{path.name} is a binary file, not text: it contains {what}. {_EXPORT}")


def _pieces(path: Path, encoding: str) -> Iterator[str]:
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        while text := file.read(_CHUNK):
            yield text


def _content(path: Path) -> _Content:
    found = _Content()
    if _is_clean(path):
        return found
    line = 1
    for text in _pieces(path, "utf-8-sig"):
        if "\0" in text:
            found.nuls += text.count("\0")
            _add_lines(found.nul_lines, text, _NUL, line)
        if not text.isascii():
            found.marks += text.count(_MARK)
            wide = len(text) - len(text.encode("ascii", errors="ignore"))
            bad = 0 if _is_encodable(text) else len(_ESCAPED.findall(text))
            found.wide += wide - bad - text.count(_MARK)
            found.bad += bad
            if bad:
                _add_lines(found.bad_lines, text, _ESCAPED, line)
        line += text.count("\n")
    return found


def _is_clean(path: Path) -> bool:
    """Whether the file is UTF-8 without NULs and inner marks. This takes less time than finding where they are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        try:
            while chunk := file.read(_CHUNK):
                is_plain = chunk.isascii() and not decoder.getstate()[0]
                if b"\0" in chunk or (not is_plain and _MARK in decoder.decode(chunk)):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _add_lines(lines: list[int], text: str, wanted: re.Pattern[str], line: int) -> None:
    """Adds the numbers of the lines that contain the character, up to a limit.

    `line` is the number of the first line.
    """
    at = 0
    while len(lines) < MAX_ROWS and (found := wanted.search(text, at)):
        line += text.count("\n", at, found.start())
        if line not in lines:
            lines.append(line)
        at = text.find("\n", found.start())  # a line may have a million of them
        if at < 0:
            return


def _copied(path: Path, encoding: str, scratch: Path, changed: Callable[[str], str]) -> Text:
    """A copy in UTF-8, without NULs or embedded byte order marks."""
    copy = scratch / "decoded.csv"
    mark = _MARK_IN_CP1252 if encoding == "cp1252" else _MARK
    nuls = marks = 0
    line, nul_lines = 1, list[int]()
    rest = ""
    with copy.open("w", encoding="utf-8", errors="replace", newline="") as out:
        for piece in _pieces(path, encoding):
            text = rest + piece
            rest = next((mark[:n] for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), "")
            text = text[: len(text) - len(rest)]
            if "\0" in text:
                nuls += text.count("\0")
                _add_lines(nul_lines, text, _NUL, line)
            line += text.count("\n")
            marks += text.count(mark)
            out.write(changed(text.replace("\0", "").replace(mark, "")))
        out.write(changed(rest))
    _check_nuls(path, nuls, "NUL characters")
    decisions = [_left_out("NUL", nuls, nul_lines)] if nuls else []
    decisions += [_left_out("byte order mark", marks, [])] if marks else []
    return Text(copy, "utf-8", decisions)


def _left_out(what: str, count: int, lines: list[int]) -> Decision:
    subject = f"A {what} was" if count == 1 else f"{count:,} {what}s were"
    where = f" (row {lines[0]:,})" if count == 1 and lines else ""
    return Decision(kind=DecisionKind.FORMAT, text=f"{subject} left out{where}.", rows=tuple(lines), count=count)


def _mixed(content: _Content) -> Decision:
    bytes_ = "1 byte was" if content.bad == 1 else f"{content.bad:,} bytes were"
    row = f"row {content.bad_lines[0]:,}" + (", …" if content.bad > 1 else "")
    text = f"The file is UTF-8, but {bytes_} read as Windows-1252 ({row})."
    return Decision(kind=DecisionKind.FORMAT, text=text, rows=tuple(content.bad_lines), count=content.bad)
