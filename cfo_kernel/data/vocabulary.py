"""Words in the cells and headers of finance files, in the ten supported languages.

English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish and Japanese. All words are in lower case
and without accents (`plain`); Japanese needs no table of months, because it numbers them.
"""

import unicodedata


def plain(text: str) -> str:
    """The text in lower case, without accents, as the words of this module are written."""
    spelled = text.lower().replace("ł", "l").replace("ß", "ss")
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))


def listed(text: str) -> frozenset[str]:
    """The words in the string."""
    return frozenset(text.split())


_MONTHS = (
    "january jan januar januari janvier janv enero ene gennaio gen janeiro stycznia styczen sty jaenner janner",
    "february feb febr februar februari fevrier fevr fev febrero febbraio fevereiro lutego luty lut feber",
    "march mar mrz maerz marz mars marzo marco maart mrt marca marzec",
    "april apr avril avr abril abr aprile kwietnia kwiecien kwi",
    "may mai mayo maggio mag maio mei maj maja",
    "june jun juni juin junio giugno giu junho czerwca czerwiec cze",
    "july jul juli juillet juil julio luglio lug julho lipca lipiec lip",
    "august aug aout aou agosto ago augustus augusti sierpnia sierpien sie",
    "september sep sept septembre septiembre set settembre sett setembro wrzesnia wrzesien wrz",
    "october oct okt oktober octobre octubre ottobre ott outubro out pazdziernika pazdziernik paz",
    "november nov novembre noviembre novembro listopada listopad lis",
    "december dec dez dezember decembre dicembre diciembre dic dezembro grudnia grudzien gru",
)
MONTHS = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
"""The number of each month by its names and abbreviations."""

DATE_NAMES = listed(
    "date dated datetime datum fecha data dato dag day tag jour dia giorno dzien"
    " maturity due posting posted booking booked effective expiry expires expiration birth birthday dob hired start end"
    " valuta wertstellung falligkeit faellig faelligkeit buchungstag belegdatum echeance vencimiento vencimento"
    " scadenza vervaldatum vervaldag forfallodag forfallodatum termin datowania"
)
"""Words that say that a column holds dates."""
VAGUE_DATE_NAMES = listed(
    "data start end day tag jour dia giorno dzien dag due posting posted booking booked effective hired valuta termin"
)
"""The words in `DATE_NAMES` that may also be the header of a column of amounts."""
DATE_ENDINGS = ("datum", "tag", "date", "dag")
JAPANESE_DATES = ("日付", "期日", "年月日", "日")
HOUR_NAMES = listed(
    "hours hour hrs duration overtime stunden std dauer arbeitszeit heures heure duree horas hora duracion ore durata"
    " duracao uren uur duur timmar tid godziny czas"
)
"""Words that say that a column holds durations in hours."""
DIGIT_NAMES = listed(
    "phone telephone tel telefon telefone telefono telefoon mobile mobil cell cellphone fax handy"
    " zip zipcode postal postcode postleitzahl plz postnummer postnr codigopostal pocztowy"
    " iban bic swift ean gtin upc isbn ssn"
)
"""Words that say that the digits in a column are names, even without leading zeros."""

EMPTY_WORDS = (
    r"-+|–+|—+|n[./]?a\.?|n\.? ?[am]\.|nm|nan|nat|null|nil|none|\.+|…|\?+|\\n|k\. ?a\.|n\.? ?[vd]\.|n/[dvb]|s\. ?o\.|"
    r"nd|[(\[<](null|blank|none|empty|leer|vide|n/?a|vacio|nil)[)\]>]|not available|not applicable|"
    r"nicht verfügbar|keine angabe|non disponible|no disponible|"
    r"#¡?([a-zà-ÿ]+[!?]|n/a|na|nv|n/d|i/t|(div|diw|del)/0[!]?|[a-zà-ÿ]+\.?/[a-zà-ÿ0]+[!?])|#+"
)
"""A pattern of cells that mean "no value" in every column of figures or dates: placeholders and errors."""
FOOTER_WORDS = listed(
    "printed generated created exported prepared produced run source sources note notes footnote footnotes page"
    " report remark remarks disclaimer confidential unaudited audited end copyright"
    " gedruckt erstellt erzeugt exportiert quelle quellen hinweis hinweise anmerkung anmerkungen fussnote seite stand"
    " bericht vertraulich ungepruft ende"
    " imprime edite genere cree exporte remarque remarques rapport confidentiel fin"
    " impreso generado creado exportado fuente fuentes nota notas pagina informe confidencial"
    " stampato generato creato esportato fonte fonti riservato fine rapporto"
    " impresso gerado criado relatorio fim"
    " afgedrukt gegenereerd gemaakt geexporteerd bron bronnen opmerking opmerkingen pagina vertrouwelijk einde"
    " utskriven skapad exporterad kalla kallor anmarkning sida slut"
    " wydrukowano wygenerowano utworzono zrodlo zrodla uwaga uwagi strona raport koniec"
    " 印刷 作成 出典 注 注記 備考"
)
"""Words that a line below a table may begin with."""
PENDING_WORDS = listed(
    "tbd tbc tba tbn open offen ouvert abierto pendiente aperto aberto pendente openstaand oppen oppet otwarte otwarta"
    " pending ausstehend unknown unbekannt inconnu desconocido sconosciuto desconhecido onbekend okand nieznany"
    " missing fehlt manquant various divers unlimited unbefristet permanent perpetual ongoing current blocked hold"
    " waived included inkl incl inbegriffen 未定 不明 なし"
)
"""Words for a figure or date that is not known yet."""
BLOCK_NAMES = frozenset(
    name.replace("_", " ")
    for name in listed(
        "cost_centre cost_center cost_unit profit_centre profit_center department dept division business_unit branch"
        " region entity company company_code location site store project fund segment account customer vendor supplier"
        " employee warehouse class category product country bank_account kostenstelle profitcenter kostentrager"
        " abteilung bereich filiale niederlassung gesellschaft buchungskreis standort projekt konto kunde kreditor"
        " debitor lieferant mitarbeiter lager land centre_de_couts centre_de_cout centre_de_profit departement service"
        " agence societe entite projet compte client fournisseur salarie centro_de_coste centro_de_costes"
        " centro_de_costo centro_de_costos departamento sucursal sociedad empresa proyecto cuenta cliente proveedor"
        " empleado centro_de_beneficio centro_di_costo reparto divisione societa progetto conto fornitore dipendente"
        " centro_de_custo centro_de_custos filial projeto conta fornecedor kostenplaats afdeling vestiging bedrijf"
        " rekening klant leverancier kostnadsstalle avdelning bolag kund leverantor centrum_kosztow mpk dzial oddzial"
        " spolka klient dostawca 部門 部署 事業部 原価センタ 支店 会社 勘定科目 取引先"
    )
)
"""Names for the blocks of a report, which precede the values in their headings."""
PAGE_WORDS = listed("page pagina página seite blatt sida strona folio sheet ページ 頁 p pg pag")
"""Words that precede a page number."""
SIDES = (
    (
        listed(
            "assets asset aktiva actif actifs activo activos attivo attivita ativo ativos activa tillgangar aktywa 資産"
        ),
        listed(
            "liabilities liability passiva passif passifs pasivo pasivos passivo passivita passivos passiva skulder"
            " pasywa 負債"
        ),
    ),
    (
        listed(
            "income revenue revenues receipts ertrage einnahmen produits recettes ingresos ricavi entrate receitas"
            " opbrengsten baten intakter przychody 収益 inflows"
        ),
        listed(
            "expenses expense costs payments aufwendungen aufwand ausgaben charges depenses gastos costi uscite"
            " despesas kosten lasten kostnader koszty 費用 outflows"
        ),
    ),
)
"""The names of the two sides of a statement, the left one first."""
