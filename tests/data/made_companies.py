"""Small made-up companies as files, with what an analyst says of their columns: to try what is inferred of any data.

Each column is given as a letter of `ROLES`, or as two if both are right.
"""

import calendar
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from cfo_kernel.data.semantics.meaning import Role

ROLES = {
    "k": (Role.KEY,),
    "r": (Role.REFERENCE,),
    "a": (Role.NAME, Role.ATTRIBUTE, Role.CODE),
    "d": (Role.DATE,),
    "c": (Role.CURRENCY,),
    "f": (Role.FLOW, Role.COUNT),
    "s": (Role.STOCK,),
    "p": (Role.PRICE,),
    "t": (Role.RATE,),
    "%": (Role.PERCENT,),
    "n": (Role.AMOUNT,),
}


class Made(NamedTuple):
    """A table: its name, the letter of each column, the joins that hold, and its time axis."""

    table: str
    columns: dict[str, str]
    joins: tuple[str, ...] = ()
    axis: str | None = None


def _write(folder: Path, name: str, header: str, rows: Iterator[Sequence[object]], separator: str = ",") -> None:
    lines = [header, *(separator.join("" if cell is None else str(cell) for cell in row) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _month_ends(year: int, count: int, month: int = 1) -> list[date]:
    found: list[date] = []
    for i in range(count):
        y, m = year + (month - 1 + i) // 12, (month - 1 + i) % 12 + 1
        found.append(date(y, m, calendar.monthrange(y, m)[1]))
    return found


def subscriptions(folder: Path) -> list[Made]:
    """A seller of software by subscription: MRR at month ends, movements, tickets, exchange rates."""
    r = random.Random(1)
    accounts = [f"ACC-{1000 + 7 * i}" for i in range(40)]
    plans = ["Starter", "Team", "Business", "Enterprise"]

    def customers() -> Iterator[Sequence[object]]:
        for i, account in enumerate(accounts):
            day = date(2022, 1, 3) + timedelta(days=17 * i)
            gone = day + timedelta(days=500) if i % 7 == 0 else None
            yield account, f"Company {i % 37}", r.choice(["DACH", "Nordics", "UK"]), day, gone, r.choice(["Ada", "Bo"])

    def mrr() -> Iterator[Sequence[object]]:
        value = {a: 100 * r.randint(2, 40) for a in accounts}
        for day in _month_ends(2023, 18):
            for a in accounts:
                value[a] += r.choice([0, 0, 0, 0, 50, -20])
                yield day, a, plans[value[a] // 1100], value[a], max(1, value[a] // 30)

    def movements() -> Iterator[Sequence[object]]:
        for i in range(300):
            day = date(2023, 1, 1) + timedelta(days=r.randint(0, 540))
            kind = r.choice(["new", "expansion", "contraction", "churn"])
            yield f"MV{i:05}", day, r.choice(accounts), kind, r.randint(-300, 600)

    def usage() -> Iterator[Sequence[object]]:
        for y, m in ((2023, m) for m in range(1, 13)):
            for a in accounts[:25]:
                yield f"{y}-{m:02}", a, r.randint(100, 90000), r.randint(0, 12)

    def invoices() -> Iterator[Sequence[object]]:
        for i in range(250):
            day = date(2023, 1, 1) + timedelta(days=i)
            net = round(r.uniform(50, 4000), 2)
            tax = round(net * 0.19, 2)
            paid = day + timedelta(days=r.randint(5, 60)) if i % 9 else None
            currency = r.choice(["EUR", "GBP", "SEK"])
            total = round(net + tax, 2)
            yield 20230000 + i, day, day + timedelta(days=30), paid, r.choice(accounts), currency, net, tax, total

    def rates() -> Iterator[Sequence[object]]:
        for day in _month_ends(2023, 18):
            for code in ("GBP", "SEK"):
                yield day, code, "EUR", round(r.uniform(0.1, 1.2), 5)

    _write(folder, "customers.csv", "account_id,company,region,signed_up,churned_on,csm", customers())
    _write(folder, "mrr_snapshots.csv", "snapshot_date,account_id,plan,mrr,seats", mrr())
    _write(folder, "mrr_movements.csv", "movement_id,movement_date,account_id,movement_type,mrr_change", movements())
    _write(folder, "usage.csv", "month,account_id,api_calls,support_tickets", usage())
    head = "invoice_no,invoice_date,due_date,paid_date,account_id,currency,net,tax,gross"
    _write(folder, "invoices.csv", head, invoices())
    _write(folder, "fx.csv", "month_end,from_ccy,to_ccy,rate", rates())
    account = ("account_id -> customers",)
    return [
        Made(
            "customers",
            {"account_id": "k", "company": "a", "region": "a", "signed_up": "d", "churned_on": "d", "csm": "a"},
            axis="signed_up",
        ),
        Made(
            "mrr_snapshots",
            {"snapshot_date": "d", "account_id": "r", "plan": "a", "mrr": "s", "seats": "s"},
            account,
            "snapshot_date",
        ),
        Made(
            "mrr_movements",
            {"movement_id": "k", "movement_date": "d", "account_id": "r", "movement_type": "a", "mrr_change": "f"},
            account,
            "movement_date",
        ),
        Made("usage", {"month": "d", "account_id": "r", "api_calls": "f", "support_tickets": "f"}, account, "month"),
        Made(
            "invoices",
            {
                "invoice_no": "k",
                "invoice_date": "d",
                "due_date": "d",
                "paid_date": "d",
                "account_id": "r",
                "currency": "c",
                "net": "f",
                "tax": "f",
                "gross": "f",
            },
            account,
            "invoice_date",
        ),
        Made("fx", {"month_end": "d", "from_ccy": "c", "to_ccy": "c", "rate": "t"}),
    ]


def manufacturer(folder: Path) -> list[Made]:
    """A German manufacturer: postings, stock at month ends, a chart of accounts by ranges, a plan by month."""
    r = random.Random(2)
    articles = [f"{70000 + 13 * i}" for i in range(30)]
    centres = [f"{n}" for n in (1000, 1100, 2000, 2100, 3000, 9000)]

    def money(value: float) -> str:
        return f"{value:.2f}".replace(".", ",")

    def stock() -> Iterator[Sequence[object]]:
        level = {(a, w): r.randint(50, 900) for a in articles for w in ("HH", "M")}
        for day in _month_ends(2023, 12):
            for (a, w), before in level.items():
                received, issued = r.randint(0, 80), r.randint(0, 40)
                level[a, w] = before + received - issued
                yield day.strftime("%d.%m.%Y"), a, w, before, received, issued, level[a, w], money(level[a, w] * 7.35)

    def postings() -> Iterator[Sequence[object]]:
        for i in range(600):
            day = date(2023, 1, 2) + timedelta(days=i // 2)
            account = r.choice([4100, 4120, 6300, 6310, 8400, 8410])
            amount = money(r.uniform(10, 9000))
            shown = (amount, "") if account < 8000 else ("", amount)
            yield (
                100001 + i,
                day.strftime("%d.%m.%Y"),
                (day - timedelta(days=r.randint(0, 6))).strftime("%d.%m.%Y"),
                account,
                r.choice(centres),
                r.choice(["Miete", "Material", "Erlös", "Strom"]),
                *shown,
            )

    def chart() -> Iterator[Sequence[object]]:
        yield from ((4000, 4999, "Materialaufwand"), (6000, 6999, "Sonstiger Aufwand"), (8000, 8999, "Umsatzerlöse"))

    def people() -> Iterator[Sequence[object]]:
        for day in _month_ends(2023, 12):
            for centre in centres:
                yield day.strftime("%d.%m.%Y"), centre, r.randint(4, 40), money(r.uniform(3, 39))

    def plan() -> Iterator[Sequence[object]]:
        for centre in centres:
            values = [r.randint(10, 90) * 1000 for _ in range(12)]
            yield centre, *values, sum(values)

    _write(
        folder,
        "Artikelstamm.csv",
        "Artikelnummer;Bezeichnung;Warengruppe;Listenpreis",
        ([a, f"Teil {i % 23}", f"WG {i % 4}", money(5 + i)] for i, a in enumerate(articles)),
        ";",
    )
    head = "Stichtag;Artikelnummer;Lager;Anfangsbestand;Zugang;Abgang;Endbestand;Lagerwert"
    _write(folder, "Lagerbestand.csv", head, stock(), ";")
    head = "Buchungsnummer;Buchungsdatum;Belegdatum;Konto;Kostenstelle;Buchungstext;Soll;Haben"
    _write(folder, "Buchungen.csv", head, postings(), ";")
    _write(folder, "Kontenplan.csv", "Konto von;Konto bis;Bezeichnung", chart(), ";")
    _write(
        folder,
        "Kostenstellen.csv",
        "Kostenstelle;Name;Verantwortlich",
        ([c, f"Bereich {i}", r.choice(["Kurz", "Lang"])] for i, c in enumerate(centres)),
        ";",
    )
    _write(folder, "Personal.csv", "Monatsende;Kostenstelle;Mitarbeiterzahl;Personalkosten", people(), ";")
    months = "Jan;Feb;Mrz;Apr;Mai;Jun;Jul;Aug;Sep;Okt;Nov;Dez"
    _write(folder, "Plankosten_2023.csv", f"Kostenstelle;{months};Gesamt", plan(), ";")
    centre = ("Kostenstelle -> Kostenstellen",)
    return [
        Made("Artikelstamm", {"Artikelnummer": "k", "Bezeichnung": "a", "Warengruppe": "a", "Listenpreis": "p"}),
        Made(
            "Lagerbestand",
            {
                "Stichtag": "d",
                "Artikelnummer": "r",
                "Lager": "a",
                "Anfangsbestand": "s",
                "Zugang": "f",
                "Abgang": "f",
                "Endbestand": "s",
                "Lagerwert": "s",
            },
            ("Artikelnummer -> Artikelstamm",),
            "Stichtag",
        ),
        Made(
            "Buchungen",
            {
                "Buchungsnummer": "k",
                "Buchungsdatum": "d",
                "Belegdatum": "d",
                "Konto": "r",
                "Kostenstelle": "r",
                "Buchungstext": "a",
                "Soll": "f",
                "Haben": "f",
            },
            (*centre, "Konto -> Kontenplan"),
            "Buchungsdatum",
        ),
        Made("Kontenplan", {"Konto von": "k", "Konto bis": "a", "Bezeichnung": "a"}),
        Made("Kostenstellen", {"Kostenstelle": "k", "Name": "a", "Verantwortlich": "a"}),
        Made(
            "Personal",
            {"Monatsende": "d", "Kostenstelle": "r", "Mitarbeiterzahl": "s", "Personalkosten": "f"},
            centre,
            "Monatsende",
        ),
        Made("Plankosten_2023", {"Kostenstelle": "r", **dict.fromkeys([*months.split(";"), "Gesamt"], "f")}, centre),
    ]


def landlord(folder: Path) -> list[Made]:
    """A manager of property: a rent roll, units, leases valid for a time, receipts, loans with balances."""
    r = random.Random(3)
    buildings = [f"B{i:02}" for i in range(1, 7)]
    flats = [f"{b}-{n}" for b in buildings for n in range(101, 109)]

    def roll() -> Iterator[Sequence[object]]:
        for day in _month_ends(2023, 12, 7):
            for flat in flats:
                let = r.random() > 0.08
                rent = 900 + 10 * len(flat) if let else 0
                yield day, flat, "Occupied" if let else "Vacant", rent, r.choice([0, 0, 0, 450])

    def leases() -> Iterator[Sequence[object]]:
        for i, flat in enumerate(flats):
            for k in range(2):
                start = date(2020 + 2 * k, 1 + i % 12, 1)
                stop = date(2022, 1 + i % 12, 1) - timedelta(days=1) if k == 0 else None
                yield f"L{10000 + 2 * i + k}", flat, f"Tenant {i}{k}", start, stop, 850 + 15 * (i % 9), 1700

    def receipts() -> Iterator[Sequence[object]]:
        for i in range(500):
            day = date(2023, 7, 1) + timedelta(days=i // 2)
            yield 7000 + i, day, r.choice(flats), r.choice(["Rent", "Parking", "Late fee"]), r.randint(40, 1100)

    def loans() -> Iterator[Sequence[object]]:
        for i, building in enumerate(buildings):
            left = 1_000_000 + 50_000 * i
            for day in _month_ends(2023, 12, 7):
                interest = round(left * 0.003, 2)
                yield day, building, left, interest, 4000, left - 4000
                left -= 4000

    def bank() -> Iterator[Sequence[object]]:
        balance = 50_000.0
        for i in range(120):
            amount = round(r.uniform(-3000, 3300), 2)
            balance = round(balance + amount, 2)
            yield date(2023, 7, 1) + timedelta(days=i), r.choice(["rent", "repairs", "tax"]), amount, balance

    _write(
        folder,
        "buildings.csv",
        "building,address,city,year_built,sq_ft",
        ([b, f"{i} Elm St", "Leeds" if i % 2 else "York", 1960 + i, 8000 + 70 * i] for i, b in enumerate(buildings)),
    )
    _write(
        folder,
        "units.csv",
        "unit,building,bedrooms,floor_area",
        ([f, f[:3], r.randint(1, 3), r.randint(40, 95)] for f in flats),
    )
    _write(folder, "rent_roll.csv", "as_of,unit,status,monthly_rent,arrears", roll())
    _write(folder, "leases.csv", "lease,unit,tenant,lease_start,lease_end,monthly_rent,deposit", leases())
    _write(folder, "receipts.csv", "receipt_no,received_on,unit,charge_type,amount", receipts())
    _write(folder, "loans.csv", "month_end,building,opening_principal,interest,repayment,closing_principal", loans())
    _write(folder, "bank.csv", "date,category,amount,balance", bank())
    return [
        Made("buildings", {"building": "k", "address": "a", "city": "a", "year_built": "an", "sq_ft": "n"}),
        Made("units", {"unit": "k", "building": "r", "bedrooms": "na", "floor_area": "n"}, ("building -> buildings",)),
        Made(
            "rent_roll",
            {"as_of": "d", "unit": "r", "status": "a", "monthly_rent": "st", "arrears": "s"},
            ("unit -> units",),
            "as_of",
        ),
        Made(
            "leases",
            {
                "lease": "k",
                "unit": "r",
                "tenant": "a",
                "lease_start": "d",
                "lease_end": "d",
                "monthly_rent": "tnf",
                "deposit": "nf",
            },
            ("unit -> units",),
            "lease_start",
        ),
        Made(
            "receipts",
            {"receipt_no": "k", "received_on": "d", "unit": "r", "charge_type": "a", "amount": "f"},
            ("unit -> units",),
            "received_on",
        ),
        Made(
            "loans",
            {
                "month_end": "d",
                "building": "r",
                "opening_principal": "s",
                "interest": "f",
                "repayment": "f",
                "closing_principal": "s",
            },
            ("building -> buildings",),
            "month_end",
        ),
        Made("bank", {"date": "d", "category": "a", "amount": "f", "balance": "s"}, (), "date"),
    ]


def trader(folder: Path) -> list[Made]:
    """A French importer: orders with lines that repeat the order's total, prices by period, stock, receivables."""
    r = random.Random(4)
    clients = [f"C{i:04}" for i in range(1, 31)]
    products = [f"P-{i:03}" for i in range(1, 21)]

    def orders() -> Iterator[Sequence[object]]:
        for i in range(200):
            day = date(2023, 1, 2) + timedelta(days=i)
            client, total = r.choice(clients), round(r.uniform(100, 4000), 2)
            for line, product in enumerate(r.sample(products, r.randint(1, 4)), 1):
                price = round(r.uniform(3, 90), 2)
                yield f"CM{5000 + i}", line, day, client, product, r.randint(1, 30), price, total

    def prices() -> Iterator[Sequence[object]]:
        for product in products:
            for start in (date(2022, 1, 1), date(2023, 1, 1), date(2023, 7, 1)):
                yield product, start, round(r.uniform(3, 90), 2)

    def receivables() -> Iterator[Sequence[object]]:
        for day in _month_ends(2023, 12):
            for client in clients:
                parts = [r.randint(0, 5000), r.randint(0, 900), r.randint(0, 300)]
                yield day, client, *parts, sum(parts)

    def targets() -> Iterator[Sequence[object]]:
        for family in ("Vin", "Fromage", "Huile"):
            yield family, *(f"{r.uniform(0.2, 0.4):.3f}" for _ in range(2))

    families = ["Vin", "Fromage", "Huile"]
    _write(
        folder,
        "clients.csv",
        "code_client,nom,ville,commercial",
        (
            [c, f"Société {i % 27}", r.choice(["Lyon", "Lille"]), r.choice(["Dupont", "Petit"])]
            for i, c in enumerate(clients)
        ),
    )
    _write(
        folder,
        "produits.csv",
        "code_produit,libelle,famille",
        ([p, f"Produit {i % 17}", families[i % 3]] for i, p in enumerate(products)),
    )
    head = "numero_commande,ligne,date_commande,code_client,code_produit,quantite,prix_unitaire,total_commande"
    _write(folder, "commandes.csv", head, orders())
    _write(folder, "tarifs.csv", "code_produit,applicable_depuis,prix", prices())
    _write(folder, "encours_clients.csv", "fin_de_mois,code_client,non_echu,echu_30j,echu_60j,total", receivables())
    _write(folder, "objectifs_marge.csv", "famille,2023,2024", targets())
    client, product = "code_client -> clients", "code_produit -> produits"
    return [
        Made("clients", {"code_client": "k", "nom": "a", "ville": "a", "commercial": "a"}),
        Made("produits", {"code_produit": "k", "libelle": "a", "famille": "a"}),
        Made(
            "commandes",
            {
                "numero_commande": "k",
                "ligne": "a",
                "date_commande": "d",
                "code_client": "r",
                "code_produit": "r",
                "quantite": "f",
                "prix_unitaire": "p",
                "total_commande": "f",
            },
            (client, product),
            "date_commande",
        ),
        Made("tarifs", {"code_produit": "r", "applicable_depuis": "d", "prix": "p"}, (product,)),
        Made(
            "encours_clients",
            {"fin_de_mois": "d", "code_client": "r", "non_echu": "s", "echu_30j": "s", "echu_60j": "s", "total": "s"},
            (client,),
            "fin_de_mois",
        ),
        Made("objectifs_marge", {"famille": "k", "2023": "%", "2024": "%"}),
    ]


COMPANIES: tuple[Callable[[Path], list[Made]], ...] = (subscriptions, manufacturer, landlord, trader)
