"""Text files that are not tables are refused whatever their suffix, and tables that resemble them are accepted."""

from pathlib import Path

import pytest

from cfo_kernel.data import file_formats
from cfo_kernel.errors import UnsupportedFile

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NO_TABLES = {
    "MT940": ":20:STARTUMS\n:25:50010517/0648489890\n:28C:00001/001\n:60F:C240301EUR1000,00\n:61:2403040304CR250,00N\n",
    "SWIFT message": "{1:F01BANKDEFFAXXX0000000000}{2:I100BANKDEFFXXXXN}{4:\n:23:x\n-}",
    "QIF": "!Type:Bank\nD01/05/2024\nT-50.00\nPGrocery\n^\n",
    "OFX": "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX>\n<SIGNONMSGSRSV1>",
    "CAMT": f'{_XML}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">\n<BkToCstmrStmt>',
    "pain": f'{_XML}<!-- x --><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03">\n<CstmrCdtTrfInitn>',
    "saved as XML": f'{_XML}<?mso-application?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
    "an XML file": "<rows>\n<row>1</row></rows>",
    "BAI2": "01,122099999,123456789,240301,0800,1,,,2/\n02,031001234,122099999,1,240229,0800,,2/\n",
    "NACHA": "".join(f"{line:94}\n" for line in ("101 091000019 123456789", "5200COMPANY", "62209100001912345678")),
    "EDIFACT": "UNA:+.? 'UNB+UNOA:1+SENDER+RECEIVER+240101:1200+1'UNH+1+INVOIC:D:96A:UN'",
    "X12": "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *240101*1200*U*00401*1*0*P*>~",
    "SIE": '#FLAGGA 0\n#PROGRAM "Books" 1\n#FORMAT PC8\n',
    "settings": "; a comment\n[database]\nhost = localhost\nport=5432\n\n[user]\nname=x\n",
    "SQL": "-- a dump\nCREATE TABLE ledger (\n  account int\n);\n",
    "calendar": "BEGIN:VCALENDAR\nVERSION:2.0\n",
}
_TABLES = (
    "[Account],Amount\n[1],2\n[2],3\n",
    "[Report]\nA,B\n1,2\n3,4\n",
    "Report=Sales\nA,B\n1,2\n",
    "Set,Amount\nA,1\nB,2\n",
    "Create date,Amount\n2024-01-05,1\n",
    "Begin (EUR);End\n1;2\n3;4\n",
    "<5k,5-10k,>10k\n1,2,3\n",
    "01,Account,5\n02,Other,6\n",
    "ISA,Total\nISA1,5\n",
    "#,Name\n1,A\n",
)


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".xls"])
def test_a_text_that_is_no_table_is_refused_by_its_content(tmp_path: Path, suffix: str) -> None:
    for what, text in _NO_TABLES.items():
        for encoding in ("utf-8", "utf-8-sig", *(["utf-16"] if suffix != ".xls" else [])):
            file = tmp_path / f"export{suffix}"
            file.write_text(text, encoding=encoding)
            with pytest.raises(UnsupportedFile, match=f"{what}.*, not a table. .*(export|Export|save)"):
                file_formats.check_content(file)


@pytest.mark.parametrize("text", _TABLES)
def test_a_table_that_resembles_such_a_text_is_accepted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "table.csv"
    file.write_text(text)
    file_formats.check_content(file)


def test_a_suffix_that_says_what_the_file_is_has_its_own_message() -> None:
    for suffix, what in ((".sta", "MT940"), (".qfx", "OFX"), (".XML", "XML"), (".sie", "SIE"), (".ini", "settings")):
        with pytest.raises(UnsupportedFile, match=what):
            file_formats.check_suffix(Path(f"export{suffix}"))
