"""What the names of columns and tables suggest, in the ten supported languages.

A name is one piece of evidence, and never the only one for a balance. A phrase is written with `_` and matches
consecutive words. `-bestand` matches the end of a compound (`Lagerbestand`). Japanese words match anywhere.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from cfo_kernel.data.vocabulary import listed, plain

_PART = re.compile(r"[a-z]+|\d+|[#%]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Sense(StrEnum):
    """What a word in a name suggests."""

    STOCK = "stock"
    HELD = "held"
    CHANGE = "change"
    VALUED = "valued"
    FLOW = "flow"
    AMOUNT = "amount"
    OPENING = "opening"
    CLOSING = "closing"
    RATE = "rate"
    PRICE = "price"
    PERCENT = "percent"
    COUNT = "count"
    PIECES = "pieces"
    LIMIT = "limit"
    CODE = "code"
    NAME = "name"
    TEXT = "text"
    ATTRIBUTE = "attribute"
    LINE = "line"
    PARENT = "parent"
    CURRENCY = "currency"
    UNIT = "unit"
    TOTAL = "total"
    LOW = "low"
    HIGH = "high"
    PERIOD = "period"
    DATE = "date"
    DUE = "due"
    SETTLEMENT = "settlement"
    ORDER = "order"
    DOCUMENT = "document"
    VALUE = "value"
    START = "start"
    END = "end"
    PLANNED = "planned"
    ACTUAL = "actual"
    SNAPSHOT = "snapshot"
    PERIOD_END = "period_end"
    POSTING = "posting"
    DIMENSION = "dimension"
    STATEMENT = "statement"
    EXCHANGE = "exchange"


_WORDS: dict[Sense, str] = {
    Sense.STOCK: (
        "reading meter_reading odometer zahlerstand portfolio pipeline open_orders open_tickets open_invoices "
        "-bestand -bestande -saldo -salden -voorraad -forderungen -verbindlichkeiten -zapas "
        "balance balances on_hand onhand in_stock stock_level stock_levels stock_qty stock_quantity stock_value"
        " work_in_progress outstanding backlog receivable receivables"
        " payable payables aum nav deferred accrued unbilled open_items exposure closing ending"
        " period_end_balance cash_position occupied_units occupied"
        " vacant book_value carrying net_debt ageing aging overdue_amount loan_balance deposits_held"
        " occupancy_units rent_roll total_assets liabilities equity"
        " bestand bestande lagerbestand saldo salden endbestand anfangsbestand kontostand schlussbestand forderungen"
        " verbindlichkeiten offene_posten auftragsbestand mitarbeiterbestand vorrate"
        " lagerwert buchwert restbuchwert restschuld"
        " solde soldes encours en_stock creances dettes reste_du valeur_comptable"
        " carnet_de_commandes tresorerie"
        " saldos existencias inventario cuentas_por_cobrar cuentas_por_pagar pendiente_de_cobro cartera"
        " saldi giacenza giacenze rimanenze crediti debiti scorte"
        " estoque existencia contas_a_receber contas_a_pagar quadro_de_pessoal"
        " voorraad voorraden openstaand openstaande personeelsbestand debiteuren crediteuren"
        " lager_saldo lagersaldo lagervarde utestaende kundfordringar leverantorsskulder antal_anstallda behallning"
        " stan stany stan_magazynu zapas zapasy naleznosci zobowiazania saldo_koncowe"
        " 残高 在庫 期末 期首 売掛金 買掛金 仕掛 受注残 棚卸"
    ),
    Sense.HELD: (
        "members active_users active_members active_accounts beds customers_active "
        "stock stocks inventory headcount heads fte ftes wip ar ap mrr arr employees workforce"
        " assets active_customers"
        " active_subscribers subscribers mitarbeiterzahl kopfzahl belegschaft effectif effectifs organico plantilla"
        " efetivos zatrudnienie 人員数 従業員数 在籍"
    ),
    Sense.CHANGE: (
        "change changes delta movement movements variance increase decrease growth net_change new gained lost added"
        " churned expansion contraction veranderung bewegung neu variation mouvement variacion movimiento variazione"
        " movimento variacao mutatie forandring zmiana ruch 増減 新規"
    ),
    Sense.VALUED: "at_cost at_market valued zu_einstandspreisen zu_kosten au_cout al_coste al_costo a_custo",
    Sense.FLOW: (
        "-umsatz -umsatze -erlose -kosten -stunden -aufwand -zugang -abgang -omzet -kostnad -kostnader -timmar "
        "interest interests repayment repayments zinsen zinsaufwand tilgung interets intereses interessi juros rente"
        " ranta odsetki 利息 sales revenue revenues turnover income cost costs expense expenses spend"
        " spending fees fee charges charge"
        " payment payments paid received receipts purchases purchased sold shipped ordered produced visits orders"
        " hours debit credit debits credits movement movements discount discounts freight tax taxes vat"
        " refund refunds refunded impressions clicks conversions donations"
        " gift usage consumption bookings booked billed billings new_mrr churned churned_mrr"
        " expansion contraction hires"
        " hired leavers attrition scrap wages salaries salary payroll rent_paid deposits withdrawals additions"
        " disposals depreciation amortization profit loss margin_amount inflow inflows outflow outflows issued"
        " umsatz umsatze erlos erlose ertrag kosten aufwand ausgaben einnahmen soll haben zugang zugange"
        " abgang abgange einzahlung auszahlung stunden gehalt lohn verkauf verkaufe einkauf steuer rabatt bewegung"
        " ventes chiffre_d_affaires recettes depenses achats debit credit entrees sorties heures"
        " salaires charges remise mouvement"
        " ventas ingresos gastos coste costes compras debe haber entradas salidas horas nomina"
        " vendite ricavi costi spese acquisti dare avere entrate uscite ore stipendi"
        " vendas receita receitas despesas custos compras debito credito entradas saidas"
        " omzet verkopen kosten uitgaven inkopen debet ontvangsten uren loon lonen"
        " forsaljning intakter kostnader utgifter inkop kredit timmar lon loner"
        " sprzedaz przychody koszty wydatki zakupy wn ma obroty godziny wynagrodzenie"
        " 売上 売上高 費用 経費 仕入 借方 貸方 入庫 出庫 入金 出金 時間 給与"
    ),
    Sense.AMOUNT: (
        "amount gross net subtotal total quantity qty volume value at_cost betrag menge wert"
        " -betrag -menge -wert montant"
        " quantite valeur importe monto cantidad valor importo quantita valore quantidade bedrag -bedrag hoeveelheid"
        " waarde belopp -belopp antal varde kwota ilosc wartosc 金額 数量 評価額"
    ),
    Sense.OPENING: (
        "opening beginning start_balance brought_forward bf anfangsbestand eroffnung vortrag saldovortrag ouverture"
        " initial initiale apertura inicial iniziale abertura begin beginsaldo ingaende bilans_otwarcia poczatkowe"
        " poczatkowy 期首 前期繰越"
    ),
    Sense.CLOSING: (
        "closing ending end_balance carried_forward cf endbestand schlussbestand schlusssaldo cloture final finale"
        " cierre chiusura fecho encerramento eind eindsaldo utgaende koncowe koncowy 期末 次期繰越"
    ),
    Sense.RATE: (
        "rate rates per_hour per_day per_month monthly_fee monthly_price monthly_rent weekly_rent day_rate"
        " hourly_wage hourly_pay hourly_cost -satz -kurs -tarif -koers satz stundensatz tagessatz tarif monatsmiete"
        " kurs"
        " wechselkurs taux cours tasa tarifa tipo_de_cambio tasso cambio taxa tarief koers wisselkoers uurtarief"
        " vaxelkurs timpris stawka kurs_waluty"
        " レート 単位時間 為替"
    ),
    Sense.PRICE: (
        "-preis -preise -prijs -pris "
        "price prices unit_cost unitcost cost_per_unit per_unit list_price unit_price standard_cost msrp rrp"
        " preis preise einzelpreis stuckpreis listenpreis ep einstandspreis stuckkosten"
        " prix prix_unitaire pu tarif_unitaire cout_unitaire precio precios precio_unitario coste_unitario"
        " prezzo prezzi prezzo_unitario costo_unitario preco precos preco_unitario custo_unitario"
        " prijs prijzen stuksprijs eenheidsprijs kostprijs pris priser styckpris apris cena ceny cena_jednostkowa"
        " 単価 価格 定価 原価単価"
    ),
    Sense.PERCENT: (
        "-anteil -quote -prozent "
        "percent percentage pct % share ratio margin_pct utilisation utilization target_utilisation occupancy"
        " occupancy_rate churn_rate probability ownership prozent anteil quote auslastung"
        " marge_pct pourcentage"
        " pourcent taux_d_occupation porcentaje porciento participacion percentuale quota porcentagem"
        " percentagem procent aandeel andel udzial procentowy 率 割合 比率"
    ),
    Sense.COUNT: (
        "-anzahl -aantal "
        "count number_of no_of num_of anzahl nombre_de numero_de cantidad_de aantal antal liczba nb_de qtd"
        " 件数 回数 人数"
    ),
    Sense.PIECES: (
        "qty quantity quantities units pieces pcs cases hours hrs days visits clicks impressions"
        " conversions heads fte"
        " headcount volume weight menge -menge stuck stunden -stunden tage quantite unites heures jours cantidad"
        " unidades horas dias quantita unita ore giorni quantidade hoeveelheid stuks uren antal timmar ilosc sztuki"
        " godziny 数量 個数 時間 件数 人数"
    ),
    Sense.LIMIT: (
        "-limit -flache "
        "limit credit_limit budget_total capacity pack pack_size case_pack size area sqm sqft square_feet weight_kg"
        " award grant contract_value fee_budget kreditlimit flache wohnflache kapazitat surface superficie superficie"
        " oppervlakte yta powierzchnia limite 面積 限度額 容量"
    ),
    Sense.CODE: (
        "-nummer -nr -konto -kode "
        "id ids key code codes no nr number num # ref reference sku ean gtin article acct account accounts uuid guid"
        " nummer konto kontonummer artikelnummer kundennummer belegnummer kostenstelle"
        " buchungsnummer kennung schlussel"
        " numero n codigo clave referencia cuenta codice riferimento conto compte identifiant"
        " matricule referencia conta"
        " rekening artikelnr klantnummer kontonr artikelnr kod numer nr_konta konto indeks"
        " cost_ctr cost_center cost_centre ctr invoice voucher journal txn order_name order_no belegnr"
        " コード 番号 品番 伝票番号 勘定科目コード"
    ),
    Sense.NAME: (
        "-name -bezeichnung -naam -namn "
        "name title description label titel bezeichnung beschreibung nom libelle designation intitule nombre titulo"
        " descripcion denominacion nome descrizione denominazione titolo descricao designacao naam omschrijving namn"
        " benamning beskrivning nazwa opis 名 名称 摘要"
    ),
    Sense.TEXT: (
        "-text "
        "memo comment comments note notes remark remarks purpose narrative text buchungstext verwendungszweck"
        " bemerkung kommentar commentaire remarque observaciones concepto causale note observacao toelichting"
        " anmarkning uwagi 摘要 備考"
    ),
    Sense.ATTRIBUTE: (
        "level tier rank grade priority class category type kind status stage stufe ebene rang prioritat klasse"
        " niveau rang nivel categoria livello nivel niveau niva poziom レベル 区分"
    ),
    Sense.LINE: (
        "line ln line_no line_number lineno position pos item_no_in_order seq sequence zeile posten posnr zeilennr"
        " ligne no_ligne linea riga linha regel rad radnr pozycja lp 行 行番号 明細番号"
    ),
    Sense.PARENT: (
        "parent parent_id superior reports_to manager group_acct ubergeordnet ubergeordnete ubergeordnetes oberkonto"
        " vorgesetzter parent_code pere superieur padre superior superiore pai bovenliggend overordnad nadrzedny"
        " 親 上位"
    ),
    Sense.CURRENCY: "currency curr ccy wahrung wahrg devise moneda divisa valuta divisa moeda waluta 通貨",
    Sense.UNIT: (
        "unit uom unit_of_measure einheit me mengeneinheit unite unidad unita unidade eenheid enhet jednostka 単位"
    ),
    Sense.TOTAL: (
        "total sum all gesamt summe insgesamt totaal totale totaux somme suma totalt summa razem lacznie 合計 総計 計"
    ),
    Sense.LOW: ("from low lower min start begin von ab de desde da des van fran od 自 from_account"),
    Sense.HIGH: "to high upper max end until thru through bis a hasta al ate tot till do 至",
    Sense.PERIOD: (
        "month period week year quarter fiscal_year fy monat periode woche jahr quartal"
        " geschaftsjahr mois semaine annee"
        " trimestre exercice mes semana ano ejercicio mese settimana anno esercizio exercicio"
        " maand week jaar kwartaal"
        " manad vecka ar kvartal miesiac tydzien rok kwartal 月 年月 年度 週 四半期"
    ),
    Sense.DATE: ("-datum -tag -dag -date date day dated datum tag fecha dia data giorno dag dzien jour on at 日 日付"),
    Sense.DUE: (
        "due due_date payable_by maturity matures fallig falligkeit falligkeitsdatum faelligkeit zahlbar echeance"
        " vencimiento vence scadenza vencimento vervaldatum vervaldag forfallodatum forfaller termin_platnosci"
        " termin 支払期日 期日 満期"
    ),
    Sense.SETTLEMENT: (
        "paid paid_on paid_at payment_date received received_on settled cleared bezahlt bezahlt_am zahlungsdatum"
        " zahldatum paye paye_le reglement pagado fecha_de_pago cobrado pagato data_pagamento pago data_de_pagamento"
        " betaald betaaldatum betald betaldatum zaplacono data_zaplaty 入金日 支払日 決済日"
    ),
    Sense.ORDER: (
        "ordered order_date ordered_on bestelldatum bestellt auftragsdatum commande date_commande pedido fecha_pedido"
        " ordine data_ordine encomenda data_pedido besteldatum bestalld orderdatum zamowienia data_zamowienia 注文日"
        " 受注日"
    ),
    Sense.DOCUMENT: (
        "doc document doc_date document_date belegdatum beleg piece date_piece documento fecha_documento"
        " data_documento boekstukdatum documentdatum verifikationsdatum dokumentu data_dokumentu 伝票日付 証憑日"
    ),
    Sense.VALUE: (
        "value_date available available_on available_at wertstellung valuta valutadatum"
        " wertstellungsdatum date_valeur"
        " fecha_valor data_valuta data_valor valutadag data_waluty 起算日"
    ),
    Sense.START: (
        "start started begin begins joined joined_on hired hire_date start_date opened move_in lease_start commenced"
        " beginn eintritt eintrittsdatum startdatum einzug mietbeginn debut date_debut embauche entree inicio alta"
        " fecha_inicio ingreso inizio data_inizio assunzione admissao inicio_contrato aanvang begindatum ingangsdatum"
        " indiensttreding startdatum borjan anstallningsdatum rozpoczecia data_rozpoczecia zatrudniony"
        " 開始 開始日 入社日"
    ),
    Sense.END: (
        "end ended left left_on finish finished cancelled cancelled_on canceled terminated termination closed_on"
        " end_date move_out lease_end expiry expires churned_on ende austritt austrittsdatum enddatum auszug mietende"
        " kundigung fin date_fin sortie depart fin_contrato fecha_fin baja fine data_fine cessazione fim data_fim"
        " termino einde einddatum uitdiensttreding slut slutdatum avslutad zakonczenia data_zakonczenia"
        " 終了 終了日 退社日"
    ),
    Sense.ACTUAL: (
        "actual actuals act ist reel realise real reales consuntivo effettivo realizado efetivo werkelijk realisatie"
        " utfall wykonanie rzeczywiste prior_year previous_year last_year py vorjahr 実績 前年"
    ),
    Sense.PLANNED: (
        "budget budgets reforecast outlook soll budgetiert presupuesto preventivo orcamento orcado begroting budzet"
        " 予算 予測 見込 planned plan expected forecast target scheduled estimated geplant plandatum soll_datum"
        " prevu previsto prevista"
        " planeado previsto gepland verwacht planerad planowany planowana 予定 予定日"
    ),
    Sense.PERIOD_END: (
        "period_end period_ending month_end month_ending week_end week_ending year_end quarter_end monatsende"
        " periodenende fin_de_mois fin_de_mes fine_mese fim_do_mes maandeinde manadsslut koniec_miesiaca 月末"
    ),
    Sense.SNAPSHOT: (
        "as_of asof snapshot snapshot_date count_date counted_on closing_date"
        " balance_date stichtag stand bilanzstichtag zahldatum_bestand inventurdatum date_arrete"
        " date_inventaire fecha_corte fecha_de_cierre data_riferimento data_base"
        " peildatum balansdatum balansdag per_datum stan_na na_dzien 基準日"
        " 棚卸日 時点"
    ),
    Sense.POSTING: (
        "posting posted posting_date booking booking_date transaction_date trans_date entry_date value created"
        " created_at dispatched shipped shipped_on ship_date delivery_date invoice_date inv_date"
        " work_date refunded_at"
        " pledged_on sold_on sale_date buchungsdatum buchungstag rechnungsdatum lieferdatum leistungsdatum"
        " date_comptable date_ecriture date_facture fecha_contable fecha_factura data_registrazione data_fattura"
        " data_contabil data_fatura data_lancamento boekdatum boekingsdatum factuurdatum bokforingsdatum"
        " fakturadatum data_ksiegowania data_faktury data_sprzedazy 計上日 転記日 請求日 売上日 取引日 仕訳日"
    ),
    Sense.DIMENSION: (
        "master list directory catalog stammdaten stamm liste verzeichnis maestro anagrafica cadastro マスタ"
    ),
    Sense.STATEMENT: (
        "pnl p&l income_statement balance_sheet profit_loss profit_and_loss cash_flow guv bilanz"
        " bwa compte_de_resultat"
        " bilan cuenta_de_resultados balance_general conto_economico stato_patrimoniale dre balanco resultatrakning"
        " balansrakning winst_en_verliesrekening balans rachunek_zyskow bilans 損益計算書 貸借対照表"
    ),
    Sense.EXCHANGE: (
        "fx exchange currency rates kurse wechselkurse taux_de_change tipo_de_cambio cambi cambio"
        " koersen vaxelkurser kursy 為替"
    ),
}


def _split(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(word.split("_")) for word in dict.fromkeys(text.split()))


_TABLE = {sense: _split(words) for sense, words in _WORDS.items()}
_KEY_WORDS = listed(
    "id ids key code codes no nr number num # ref reference uuid guid nummer numero n codigo clave codice kod numer"
    " identifiant referencia riferimento von de du des del di da the of"
)
"""Words in the name of a code that do not say what it is about."""


@lru_cache(maxsize=1 << 14)
def tokens(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, without accents: `LineItem Qty` gives line, item, qty."""
    return tuple(_PART.findall(plain(_CAMEL.sub(" ", name))))


@lru_cache(maxsize=1 << 14)
def says(name: str, sense: Sense) -> bool:
    """Whether a word or phrase in the name suggests this sense."""
    said = tokens(name)
    return any(_holds(name, said, phrase) for phrase in _TABLE[sense])


def says_any(name: str, senses: Iterable[Sense]) -> bool:
    return any(says(name, sense) for sense in senses)


def word_of(name: str, sense: Sense) -> str:
    """The word in the name that suggests this sense, as a person would quote it."""
    said = tokens(name)
    found = [phrase for phrase in _TABLE[sense] if _holds(name, said, phrase)]
    return " ".join(max(found, key=lambda phrase: sum(map(len, phrase)), default=())).lstrip("-")


def _holds(name: str, said: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    if not phrase[0].isascii():
        return phrase[0] in name
    if phrase[0].startswith("-"):
        end = phrase[0][1:]
        return any(one.endswith(end) and len(one) > len(end) + 1 for one in said)
    return any(said[i : i + len(phrase)] == phrase for i in range(len(said) - len(phrase) + 1))


@lru_cache(maxsize=1 << 14)
def subject(name: str) -> frozenset[str]:
    """The words of a name that say what it is about: `Customer No` is about a customer."""
    said = [word for word in tokens(name) if not word.isdigit()]
    return frozenset(_stem(word) for word in said if word not in _KEY_WORDS) or frozenset(said)


def about_same(one: str, other: str) -> bool:
    """Whether two names are about the same thing: equal words, or one word that abbreviates or begins the other."""
    first, second = subject(one), subject(other)
    if first & second or one.lower() == other.lower():
        return True
    return any(_shortens(a, b) or _shortens(b, a) for a in first for b in second)


def _stem(word: str) -> str:
    """The word without a plural ending, as most languages form it."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _shortens(short: str, word: str) -> bool:
    """Whether a word is an abbreviation of another: `cust` for `customer`, `ctr` for `center`."""
    if not 3 <= len(short) < len(word) or short[0] != word[0]:
        return False
    if word.startswith(short):
        return True
    rest = iter(word)
    return len(short) <= 4 and all(letter in rest for letter in short) and not set(short[1:]) & set("aeiou")
