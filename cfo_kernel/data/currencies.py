"""Currencies as people write them next to amounts: ISO 4217 codes, signs and abbreviations."""

from cfo_kernel.data.vocabulary import listed

CODES = listed(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF"
    " CHF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD"
    " HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD"
    " LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP"
    " PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP"
    " TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
)
_SIGNS = {
    "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "HK$": "HKD", "NZ$": "NZD", "S$": "SGD",
    "NT$": "TWD", "R$": "BRL", "MX$": "MXN", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY", "円": "JPY",
    "元": "CNY", "₹": "INR", "₨": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "₪": "ILS", "฿": "THB", "₫": "VND",
    "₦": "NGN", "₱": "PHP", "₴": "UAH", "₡": "CRC", "₲": "PYG", "₸": "KZT", "₵": "GHS", "Rs": "INR", "zł": "PLN",
    "Kč": "CZK", "Ft": "HUF", "Fr": "CHF", "SFr": "CHF", "R": "ZAR", "kr": "kr", "lei": "RON", "лв": "BGN", 
    "руб": "RUB",
}  # fmt: skip
_BY_SIGN = {sign.lower(): code for sign, code in _SIGNS.items()}


SIGNS = "".join(sorted({sign for sign in _SIGNS if len(sign) == 1 and not sign.isalnum()}))
"""Currency signs that are not letters."""
_SYMBOLS = "".join(sorted({sign for sign in _SIGNS if len(sign) == 1 and not sign.isascii()}))
CURRENCY = rf"([a-z]{{0,2}}[{_SYMBOLS}$]|zł|kč|лв\.?|руб\.?|[a-z]{{1,3}}\.?)"
"""A pattern for a possible currency next to an amount, for RE2 and Python, ignoring case. `is_currency` decides.

A list of all currencies would make a pattern that takes ten times as long.
"""


def is_currency(written: str) -> bool:
    """Whether these letters or signs next to an amount are a currency, unlike the units in `5 kg`."""
    word = written.strip().rstrip(".")
    return word.upper() in CODES or word.lower() in _BY_SIGN


def code(written: str) -> str:
    """The ISO code of a currency as it is written in a cell. `kr` has none: several countries use it."""
    word = written.strip().rstrip(".")
    return word.upper() if word.upper() in CODES else _BY_SIGN.get(word.lower(), word)
