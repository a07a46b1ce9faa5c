"""Recognizes text files that are not tables: bank statements, messages between programs, settings, dumps.

Their lines are tagged or fixed-width records, which would make a meaningless table if they were read as delimited text.
A file is recognized by its first lines, because such files are often named .txt or .csv.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

_BANK = "In online banking, export the statement as CSV or XLSX"
_BOOKS = "In the accounting program, export the ledger as CSV or XLSX"
_SENDER = "In the program that writes or receives it, export its lines as CSV or XLSX"
_TABLE = "Export the table in it as CSV or XLSX"
_RESAVE = "Open it in a spreadsheet program, save it as .xlsx"
Test = Callable[[str], bool]


@dataclass(frozen=True)
class TaggedText:
    """A text format that is not a table: what it is, what to export instead, and how it is recognized.

    `fits` tests the beginning of the text, without leading comments.
    """

    what: str
    advice: str
    fits: Test
    suffixes: tuple[str, ...] = ()

    def problem(self, file: str) -> str:
        """The error message for a file in this format, with what to send instead."""
        return f"{file} is {self.what}, not a table. {self.advice}, and send that file."


def form_of_content(head: bytes) -> TaggedText | None:
    """The format of the text that begins with these bytes, or None if the text may be a table."""
    encoding = next((known for mark, known in _MARKS.items() if head.startswith(mark)), "latin-1")
    text = _without_comments(head.decode(encoding, errors="replace"))
    return next((form for form in _FORMS if form.fits(text)), None)


def form_of_suffix(suffix: str) -> TaggedText | None:
    """The format of files with this lower-case suffix, or None."""
    return next((form for form in _FORMS if suffix in form.suffixes), None)


def _without_comments(text: str) -> str:
    """The text without the blank lines and comments of SQL and settings before its first record."""
    rest = text.lstrip()
    while rest.startswith(("--", ";")):
        rest = rest.partition("\n")[2].lstrip()
    return rest


def _begins(pattern: str) -> Test:
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return lambda text: compiled.match(text) is not None


def _is_xml(pattern: str) -> Test:
    """Whether the text is XML whose first element contains the pattern."""
    compiled = re.compile(pattern, re.IGNORECASE)

    def fits(text: str) -> bool:
        first = _first_element(text)
        return first is not None and compiled.search(first) is not None

    return fits


def _first_element(text: str) -> str | None:
    """The first tag of an XML document after its declaration, or None if the text is not XML."""
    is_declared = text[:5].lower() in ("<?xml", "<?ofx")
    rest = text
    while rest.startswith(("<?", "<!--", "<!")):
        end = "-->" if rest.startswith("<!--") else ">"
        if rest[:5].lower() == "<?ofx":
            return rest.partition(end)[0]
        rest = rest.partition(end)[2].lstrip()
    found = re.match(r"</?([A-Za-z_][\w:.-]*)((?:\s|/)[^<>]*)?>", rest)
    is_element = found is not None and found[1].lower() not in _HTML and bool(is_declared or re.search("</|/>", rest))
    return rest[: found.end()] if found and is_element else "" if is_declared and not found else None


def _is_swift(text: str) -> bool:
    """Whether the lines have the tags of a SWIFT bank statement: reference, account, and a balance or an entry."""
    tags = set(re.findall(r"^:(\d\d)[A-Z]?:", text, re.MULTILINE))
    return {"20", "25"} <= tags and bool(tags & {"28", "34", "60", "61"})


def _has_records(length: int, first: str, others: str) -> Test:
    """Whether the lines have the same length, and begin with the codes of their record types."""

    def fits(text: str) -> bool:
        lines = text.splitlines()[:10]
        lines = lines[:-1] if len(lines) > 2 else lines  # the last one may be cut off
        if len(lines) < 2 or any(not length - 30 <= len(line) <= length for line in lines):
            return False
        return re.match(first, lines[0]) is not None and all(re.match(others, line) for line in lines[1:])

    return fits


def _is_settings(text: str) -> bool:
    """Whether the text begins with a section in brackets, and the lines below it are names with values."""
    first, *others = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] not in "#;"][:20] or [""]
    others = others[:-1] if len(others) > 1 else others  # the last one may be cut off
    is_section = re.compile(r"\s*\[[^\[\],;|\t]+\]\s*")
    pairs = sum(re.match(r"\s*[A-Za-z_][^=,;|\t]{0,80}=", line) is not None for line in others)
    sections = sum(is_section.fullmatch(line) is not None for line in others)
    return is_section.fullmatch(first) is not None and pairs > 0 and pairs + sections == len(others)


_HTML = ("html", "head", "body", "table")
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}
_SQL = r"(CREATE\s+TABLE|DROP\s+TABLE|INSERT\s+INTO)\s+[\w.\"`\[\] ]{1,99}\s*[;(v]"
_FORMS = (
    TaggedText("an MT940 or MT942 bank statement", _BANK, _is_swift, (".sta", ".mt940", ".940", ".942")),
    TaggedText("a SWIFT message", _BANK, _begins(r"\{1:[A-Z]\d\d[A-Z0-9]{12}"), (".fin", ".swi")),
    TaggedText("a Quicken file (QIF)", _BANK, _begins(r"!(type:|account\s|option:|clear:)"), (".qif",)),
    TaggedText("an OFX bank file", _BANK, _begins("OFXHEADER:"), (".ofx", ".qfx")),
    TaggedText("an OFX bank file", _BANK, _is_xml(r"^<[?]?OFX\b")),
    TaggedText("a CAMT bank statement", _BANK, _is_xml(r"\bcamt\.05\d\.")),
    TaggedText("a payment file (ISO 20022 pain)", _SENDER, _is_xml(r"\bpain\.00\d\.")),
    TaggedText("a spreadsheet saved as XML", _RESAVE, _is_xml("schemas-microsoft-com:office:spreadsheet")),
    TaggedText("an XBRL report", _TABLE, _is_xml(r"\bxbrl\b"), (".xbrl",)),
    TaggedText("an XML file", _TABLE, _is_xml(""), (".xml",)),
    TaggedText("a BAI2 bank statement", _BANK, _begins(r"01,[^\n]*/\s*02,[^\n]*/"), (".bai", ".bai2")),
    TaggedText("a NACHA payment file", _SENDER, _has_records(94, "101 ", "[56789]"), (".ach",)),
    TaggedText("a CODA bank statement", _BANK, _has_records(128, "0000", r"[1-9]\d"), (".cod", ".coda")),
    TaggedText("a CFONB bank statement", _BANK, _has_records(120, r"01\d{5} {4}", r"0[1457]\d{5}")),
    TaggedText("a Norma 43 bank statement", _BANK, _has_records(80, r"11\d{18}", "22|23|33|88")),
    TaggedText("an EDIFACT message", _SENDER, _begins(r"(UNA.{6}\s*)?UN[BH]\+"), (".edi", ".edifact")),
    TaggedText("an X12 message", _SENDER, _begins(r"ISA([^A-Za-z0-9\s,;])..\1.{10}\1..\1"), (".x12",)),
    TaggedText("an SIE accounting file", _BOOKS, _begins(r"#FLAGGA\s"), (".sie", ".si")),
    TaggedText("a calendar or an address book", _TABLE, _begins(r"BEGIN:V(CARD|CALENDAR)\s"), (".ics", ".vcf")),
    TaggedText("a file of SQL statements", _TABLE, _begins(_SQL), (".sql",)),
    TaggedText("a formatted document (RTF)", _TABLE, _begins(r"\{\\rtf"), (".rtf",)),
    TaggedText("a PostScript file", _TABLE, _begins("%!PS"), (".ps", ".eps")),
    TaggedText("a settings file", _TABLE, _is_settings, (".ini", ".cfg", ".properties")),
)
