"""Text in old encodings is decoded on the evidence of its letters, and a note says so if there is any doubt."""

from pathlib import Path

import pytest

from cfo_kernel.data.legacy_encodings import encoding_of
from tests.data.conftest import Ingest

RUSSIAN = "Счет;Название\n50;Касса\n51;Расчетные счета\n"
GERMAN = "Konto;Name\n1;Müller\n2;Größe\n3;Straße\n4;Übertrag\n"
POLISH = "Konto;Nazwa\n1;Należności\n2;Środki pieniężne\n3;Zobowiązania\n"
TEXTS = {
    "cp1251": [RUSSIAN, "Рахунок;Назва\n1;Каса підприємства\n", "ПОСТАВЩИК;Сумма\nООО РОМАШКА;1\n"],
    "cp1250": [POLISH, "Účet;Název\n1;Přehled účtů\n2;Dvořák\n", "Számla;Név\n1;Főkönyvi számla\n2;Működő tőke\n"],
    "cp1252": [
        *(GERMAN, "Compte;Libellé\n1;Créances\n2;Dépôts à vue\n3;Œuvre\n", "Conta;Descrição\n1;Ações\n2;Depósitos\n"),
        *("Name;x\nMüller;1\nSeñor;2\nFrançais;3\nKøbenhavn;4\nGöteborg;5\n", "Item;Price\nA;€5\nB;£6\n", "x\nè\n"),
    ],
    "mac_roman": [GERMAN, "Compte;Libellé\n1;Créances\n2;Dépôts à vue\n"],
    "cp850": [GERMAN],
    "iso8859-2": [POLISH],
    "koi8-r": [RUSSIAN],
    "cp866": [RUSSIAN],
    "cp1253": ["Λογαριασμός;Ποσό\nΤαμείο;100\n"],
    "cp1254": ["Hesap;Ad\n1;Şirket gideri\n2;İşçilik\n3;Satış ağı\n"],
    "cp932": ["勘定科目;金額\n現金;100\n売上高;200\n"],
    "gb18030": ["科目;金额\n现金;100\n银行存款;200\n应收账款;300\n"],
}


@pytest.mark.parametrize(("codec", "text"), [(codec, text) for codec, texts in TEXTS.items() for text in texts])
def test_the_letters_prove_the_encoding(tmp_path: Path, codec: str, text: str) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(text.encode(codec))
    found = encoding_of(path)
    assert (found.codec, found.is_proven) == (codec, True)


def test_a_russian_ledger_keeps_its_names(ingest: Ingest) -> None:
    [table] = ingest("ledger.csv", RUSSIAN.encode("cp1251"))
    assert [column.name for column in table.table.columns] == ["Счет", "Название"]
    assert table.rows[0][1] == "Касса"
    assert "The file is not UTF-8; it was read as Windows-1251." in table.notes


def test_too_few_letters_leave_a_doubt(ingest: Ingest) -> None:
    [table] = ingest("names.csv", "Name,Amount\nDvořák,1\nNovak,2\n".encode("cp1250"))
    [decision] = [d for d in table.table.decisions if "UTF-8" in d.text]
    assert decision.needs_check
    assert "it was read as Windows-1252. Its letters do not prove that" in decision.text
