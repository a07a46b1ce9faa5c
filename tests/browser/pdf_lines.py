"""Reads the text of a PDF that Chromium has printed: enough of the format to see what is on which page."""

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_TOKEN = re.compile(
    rb"/(\w+) [\d.]+ (Tf)|((?:-?[\d.]+ )+)(cm|Tm|Td)\b|<([0-9A-Fa-f]+)> (Tj)"
    rb"|/ActualText \(((?:\\.|[^\\)])*)\) >> (BDC)|\b(q|Q|BT|EMC)\b"
)
Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)


def lines_by_page(pdf: bytes) -> list[list[str]]:
    """The lines of each page from top to bottom, without their spaces."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    [root] = [body for body in objects.values() if b"/Type /Pages" in body and b"/Parent" not in body]
    return [_lines(objects, page) for page in _pages(objects, root)]


def _pages(objects: dict[int, bytes], node: bytes) -> list[bytes]:
    kids = re.search(rb"/Kids \[(.*?)\]", node, re.DOTALL)
    if not kids:
        return [node]
    return [page for kid in re.findall(rb"(\d+) 0 R", kids[1]) for page in _pages(objects, objects[int(kid)])]


def _stream(body: bytes) -> bytes:
    return zlib.decompress(body.partition(b"stream\n")[2])


def _lines(objects: dict[int, bytes], page: bytes) -> list[str]:
    fonts = {name: objects[int(number)] for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", page)}
    readers = {name: _FontReader(objects, font) for name, font in fonts.items()}
    contents = re.search(rb"/Contents (\d+)", page)
    assert contents
    by_height: dict[int, list[tuple[float, str]]] = {}
    font, actual, matrix, saved, text, line = b"", None, _IDENTITY, [], _IDENTITY, _IDENTITY
    for name, tf, numbers, place, hexadecimal, tj, meant, bdc, plain in _TOKEN.findall(
        _stream(objects[int(contents[1])])
    ):
        match tf or place or tj or bdc or plain:
            case b"Tf":
                font = name
            case b"BDC":
                actual = re.sub(r"\\(.)", r"\1", meant.decode("latin-1"))
            case b"EMC":
                actual = None
            case b"q":
                saved.append(matrix)
            case b"Q":
                matrix = saved.pop()
            case b"BT":
                text = line = _IDENTITY
            case b"cm":
                matrix = _product(_matrix(numbers), matrix)
            case b"Tm":
                text = line = _matrix(numbers)
            case b"Td":
                x, y = map(float, numbers.split())
                text = line = _product((1, 0, 0, 1, x, y), line)
            case _:
                *_, x, y = _product(text, matrix)
                piece = readers[font].read(hexadecimal.decode()) if actual is None else actual
                by_height.setdefault(round(y), []).append((x, piece))
    ordered = (sorted(pieces) for _, pieces in sorted(by_height.items(), reverse=True))
    return ["".join("".join(piece for _, piece in pieces).split()) for pieces in ordered]


def _matrix(numbers: bytes) -> Matrix:
    a, b, c, d, e, f = map(float, numbers.split())
    return a, b, c, d, e, f


def _product(first: Matrix, second: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


class _FontReader:
    """The characters of a font by the codes of its glyphs."""

    def __init__(self, objects: dict[int, bytes], font: bytes) -> None:
        self._digits = 4 if b"/Type0" in font else 2
        self._characters: dict[int, str] = {}
        reference = re.search(rb"/ToUnicode (\d+)", font)
        table = _stream(objects[int(reference[1])]).decode() if reference else ""
        for block in re.findall(r"beginbfchar\n(.*?)endbfchar", table, re.DOTALL):
            for code, characters in re.findall(r"<(\w+)> <(\w+)>", block):
                self._characters[int(code, 16)] = bytes.fromhex(characters).decode("utf-16-be")
        for block in re.findall(r"beginbfrange\n(.*?)endbfrange", table, re.DOTALL):
            for first, last, character in re.findall(r"<(\w+)> <(\w+)> <(\w+)>", block):
                for code in range(int(first, 16), int(last, 16) + 1):
                    self._characters[code] = chr(int(character, 16) + code - int(first, 16))

    def read(self, hexadecimal: str) -> str:
        codes = (hexadecimal[i : i + self._digits] for i in range(0, len(hexadecimal), self._digits))
        return "".join(self._characters.get(int(code, 16), "") for code in codes)
