"""Interprets the names of columns: their words, and what they suggest about the numbers in the column.

Short word lists cover English, German, Spanish and French names. A name alone is never decisive: `number_formats`
compares it with the values.
"""

import re
import unicodedata
from functools import lru_cache

_PART = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|\d+|%|#")  # `UnitPriceDiscountPct`, `customerID2`, `growth %`
_SPELLINGS = {"%": "percent", "#": "no", "ß": "ss", "№": " no ", "º": "o", "ø": "o", "œ": "oe"}


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


PERCENT = _listed("percent percentage percentages pct perc prozent porcentaje porciento pourcentage pourcent")
SHARE = _listed("share proportion portion anteil cuota participacion quotepart")
LEVEL = _listed(
    "discount tax vat mwst ust iva tva gst margin marge margen markup ownership utilization utilisation occupancy"
    " attainment achievement completion probability rabatt steuer auslastung descuento impuesto remise impot"
)
"""Quantities whose columns are never entirely below one percent."""
CHANGING = _listed(
    "growth change variance deviation yoy mom qoq cagr churn conversion interest inflation return yield"
    " wachstum veranderung abweichung zins rendite crecimiento variacion interes croissance interet"
)
"""Quantities that may well be below one percent."""
RATE = _listed("rate rates satz taux tasa tipo quote ratio ratios")
EXCHANGE = _listed("fx forex exchange xchg kurs cambio")
_OTHER_RATIOS = _listed("acid coverage turnover leverage multiple times per pro por price")
_LIQUIDITY = _listed("current quick")
_POINTS = _listed("point points pp bp bps basis punkte puntos")
MONEY = _listed(
    "amount balance cost costs expense expenses revenue sales income profit price value salary salaries wage wages"
    " payment fee debit credit cash spend charge"
    " betrag saldo kosten aufwand erlos erlose umsatz ertrag gewinn preis wert soll haben gehalt zahlung"
    " importe coste costes gasto gastos ingreso ingresos venta ventas beneficio precio valor salario pago"
    " montant solde cout couts depense depenses recette chiffre vente ventes prix valeur salaire paiement"
)
_MEASURED = MONEY | _listed(
    "total sum summe somme budget actual forecast plan target variance average avg mean median min max"
)
COUNT = _listed(
    "count counts headcount heads employees staff people persons fte ftes workforce qty quantity quantities units"
    " pieces items lines rows days hours months transactions orders invoices customers users products stores"
    " footage"
    " anzahl menge stuck stuckzahl mitarbeiter mitarbeitende personen kopfe einheiten tage stunden"
    " cantidad unidades plantilla empleados personas dias horas clientes pedidos"
    " nombre quantite effectif effectifs unites jours heures clients commandes"
)
CODE = _listed(
    "id ids uuid guid key code codes codigo clave kode nr no nro nummer number num numero"
    " zip zipcode plz postal postcode postleitzahl phone telephone telefon telefono tel fax mobile movil"
    " account acct konto grootboek grootboekrekening conto cuenta compte gl kostenstelle kst"
    " sku ean gtin upc isbn iban bic swift"
    " ssn tin ein duns siren siret date datum fecha yyyymm yyyymmdd ref reference serial routing"
    " invoice voucher beleg document period periode periodo month week day quarter"
    " monat woche tag quartal mes semana dia trimestre mois semaine jour"
)
YEAR = _listed("year fy jahr ano anio ejercicio annee exercice")
_OTHER_YEARS = _listed("prior last previous this current to vorjahr")  # `prior_year` is an amount
_NUMBER = _listed("number no num nr numero nombre")
_ENDINGS = (
    "postleitzahl", "nummer", "anzahl", "prozent", "anteil", "konto", "vorjahr", "jahr", "kurs", "kosten", "betrag",
    "umsatz", "satz", "quote", "menge", "marge", "preis", "wert", "nr",
)  # fmt: skip
"""Words at the end of German compounds: `Rechnungsnummer`, `Mitarbeiteranzahl`. The first match counts."""
_CENTER = re.compile(r"\b(cost|profit) cent(er|re)s?\b|\bcentr[oe] de (coste|costo|cout|beneficio|profit)s?\b")


@lru_cache(maxsize=1 << 14)  # a table has up to 10,000 columns
def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case and without accents: unit, price, percent for `UnitPrice%`."""
    plain = "".join(_SPELLINGS.get(c, c) for c in name)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    parts = [word for part in _PART.findall(plain) for word in _compound(part.lower())]
    return tuple(_CENTER.sub("kostenstelle", " ".join(parts)).split())


def _compound(word: str) -> tuple[str, ...]:
    if not word.endswith(_ENDINGS):
        return (word,)
    end = next(end for end in _ENDINGS if word.endswith(end))
    first = word.removesuffix(end)
    return (first, end) if first else (word,)


def says_year(parts: tuple[str, ...]) -> bool:
    """Whether the column contains years. `FY2012` and `sales_2012` contain figures for a single year."""
    said = {*parts}
    has_year_in_name = any(part.isdigit() and len(part) == 4 for part in parts)
    return bool(said & YEAR) and not has_year_in_name and not said & (_OTHER_YEARS | _MEASURED)


def says_count(parts: tuple[str, ...]) -> bool:
    """Whether the column counts something: `headcount`, `number_of_orders`, `num_orders`, but not `order_number`."""
    said = {*parts}
    if said & (_OTHER_RATIOS | PERCENT | RATE) or (said & MONEY and not {*parts[-1:]} & COUNT):
        return False
    if len(parts) > 1 and parts[0] in _NUMBER:
        return parts[1] == "of" or parts[-1] in COUNT or parts[-1].endswith(("s", "x"))
    return bool(said & COUNT) and not {*parts[-1:]} & CODE


def says_code(parts: tuple[str, ...]) -> bool:
    """Whether the numbers identify something, such as accounts or postal codes. Those in `account_balance` do not."""
    named = [part for part in parts if not part.isdigit()]
    if not named or {*named} & (_MEASURED | PERCENT | _OTHER_RATIOS):
        return False
    return named[-1] in CODE or named[0] in CODE or bool({*named} & {"id", "code", "codigo"})


def says_money(parts: tuple[str, ...]) -> bool:
    return bool({*parts} & MONEY)


def says_other_ratio(parts: tuple[str, ...]) -> bool:
    """Whether a quotient with this name is not a percentage: `current_ratio`, `revenue_per_head`, `fx_rate`."""
    said = {*parts}
    is_other = bool(said & (_OTHER_RATIOS | EXCHANGE)) or bool(said & _LIQUIDITY and said & RATE)
    return bool(said & _POINTS) or (is_other and not said & PERCENT)


def says_part(parts: tuple[str, ...]) -> bool:
    """Whether a quotient with this name is a percentage: `margin`, `growth`, `share`, `variance_percent`."""
    return bool({*parts} & (PERCENT | SHARE | LEVEL | CHANGING)) and not says_other_ratio(parts)


def says_percent(parts: tuple[str, ...]) -> bool:
    """Whether the values are parts of a whole, as fractions or in percent: `share`, `tax_rate`, `yoy_pct`."""
    said = {*parts}
    if says_other_ratio(parts):
        return False
    is_part = bool(said & PERCENT) or bool({*parts[-1:]} & (SHARE | {"growth", "wachstum", "cagr"}))
    return is_part or bool(said & RATE and said & (LEVEL | CHANGING))


def says_level(parts: tuple[str, ...]) -> bool:
    """Whether the name stands for a quantity whose values are never all below one percent."""
    return bool({*parts} & LEVEL)


def says_rate(parts: tuple[str, ...]) -> bool:
    """Whether the values are rates, such as exchange rates, that are not percentages."""
    return bool({*parts} & (RATE | EXCHANGE))
