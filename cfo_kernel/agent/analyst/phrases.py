"""The fixed vocabulary: phrases that ask for something, and filler words.

Every other word in a question must belong to a name, a number or a period; otherwise the analyst asks what it means.
"""

from enum import StrEnum

from cfo_kernel.agent.analyst.words import words_in
from cfo_kernel.data.aggregates import AggregateName
from cfo_kernel.data.plan import Grain


class Ask(StrEnum):
    """What a phrase asks for, or how it connects the words around it."""

    SUM = "sum"
    TOGETHER = "together"
    AVERAGE = "average"
    TYPICAL = "typical"
    MEDIAN = "median"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    HIGH = "high"
    LOW = "low"
    BEST = "best"
    COUNT = "count"
    DISTINCT = "distinct"
    SHARE = "share"
    CHANGE = "change"
    GROWTH = "growth"
    MOM = "month over month"
    QOQ = "quarter over quarter"
    YOY = "year over year"
    VARIANCE = "variance"
    VERSUS = "versus"
    COMPARE = "compare"
    DIFFERENCE = "difference"
    RUNNING = "running"
    YTD = "year to date"
    RATIO = "ratio"
    DIVIDED = "divided"
    AS = "as"
    BY = "by"
    PER = "per"
    ALL = "all"
    EXCLUDE = "exclude"
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "="
    BETWEEN = "between"
    AND = "and"
    OR = "or"
    TO = "to"
    FROM = "from"
    SINCE = "since"
    AFTER = "after"
    BEFORE = "before"
    UNTIL = "until"
    END_OF = "end of"
    BEGIN = "start of"
    YEAR_END = "year end"
    WHICH = "which"
    LIST = "list"
    ROWS = "rows"
    SINGLE = "single"
    RELATIVE = "relative"
    CAME_FROM = "came from"
    DESCENDING = "descending"
    ASCENDING = "ascending"
    SORTED = "sorted"
    CHART = "chart"
    SPENDING = "spending"
    EARNING = "earning"
    BALANCE = "balance"
    FIRST = "first"
    LAST = "last"
    WHEN = "when"
    IN = "in"
    OF = "of"


_PHRASES: dict[Ask, str] = {
    Ask.SUM: "total|totals|sum|sums|sum up|overall|in total|how much|total amount of|altogether|amount to",
    Ask.TOGETHER: "together|combined|taken together|put together|plus",
    Ask.AVERAGE: "average|averages|avg|mean|on average",
    Ask.TYPICAL: "typical",
    Ask.MEDIAN: "median",
    Ask.MINIMUM: "minimum|min",
    Ask.MAXIMUM: "maximum|max",
    Ask.HIGH: "highest|largest|biggest|greatest|most|top|the most",
    Ask.LOW: "lowest|smallest|least|bottom|fewest|the least",
    Ask.BEST: "best|worst|strongest|weakest|better|worse|the best|the worst",
    Ask.COUNT: "how many|number of|count of|count|counts|no of|the number of|nr of|# of",
    Ask.DISTINCT: "distinct|different|unique",
    Ask.SHARE: (
        "share|shares|proportion|proportions|percentage|percentages|percent|pct|fraction|portion|contribution"
        "|share of total|share of the total|percent of total|percentage of total|percent share|percentage share"
        "|proportion of total|contribution to total|share in"
    ),
    Ask.CHANGE: "change|changes|changed|increase|increased|decrease|decreased|rise|rose|fall|fell|decline|declined",
    Ask.GROWTH: (
        "growth|grow|grew|grown|growth rate|growth rates|percent change|percentage change|percent growth"
        "|percentage growth|percentage increase|percent increase|percentage decrease"
    ),
    Ask.MOM: (
        "month over month|month on month|month to month|mom|versus the previous month|versus previous month"
        "|vs previous month|vs the previous month|vs prior month|compared to the previous month|from month to month"
        "|compared with the previous month|against the previous month|over the previous month"
        "|versus the prior month|to the previous month|from the previous month|versus the month before"
    ),
    Ask.QOQ: (
        "quarter over quarter|quarter on quarter|quarter to quarter|qoq|versus the previous quarter"
        "|versus previous quarter|vs previous quarter|vs the previous quarter|vs prior quarter"
        "|from quarter to quarter"
        "|compared to the previous quarter|compared with the previous quarter|against the previous quarter"
        "|over the previous quarter|versus the prior quarter|to the previous quarter|from the previous quarter"
        "|versus the quarter before"
    ),
    Ask.YOY: (
        "year over year|year on year|year to year|yoy|y o y|versus the previous year|versus previous year"
        "|versus prior year"
        "|vs previous year|vs the previous year|vs prior year|compared to the previous year|versus the prior year"
        "|compared with the previous year|against the previous year|over the previous year|to the previous year"
        "|from the previous year|over the prior year|compared to the prior year|compared to prior year"
        "|versus the year before|from year to year|against prior year"
    ),
    Ask.VARIANCE: (
        "variance|deviation|over or under|under or over|above or below|below or above|higher or lower than"
        "|lower or higher than|more or less than"
    ),
    Ask.VERSUS: (
        "vs|versus|against|compared to|compared with|in comparison to|in comparison with"
        "|compare to|compare with|compared against"
    ),
    Ask.COMPARE: "compare|comparison|comparison of",
    Ask.DIFFERENCE: "difference|differences|difference between|minus",
    Ask.RUNNING: "cumulative|cumulated|cumulatively|accumulated|running total|running sum|running totals",
    Ask.YTD: "year to date|ytd",
    Ask.RATIO: "ratio|ratios",
    Ask.DIVIDED: "divided by|relative to|in relation to|in proportion to",
    Ask.AS: "as|expressed as",
    Ask.BY: (
        "by|each|every|for each|for every|broken down by|split by|grouped by|by each|in each|of each|broken out by"
        "|breakdown by|split out by|a breakdown by|from each|over the|within each|one row per|one row for each"
        "|one row by|one row for every|a row per|a row for each"
        "|one line per|one line for each|a line per|a line for each|with one row per|with one row for each|row per"
        "|split across|split among|split between|split over|spread across|spread over|distributed across"
        "|distributed over|distributed among|divided among|allocated across|broken down across"
    ),
    Ask.PER: "per",
    Ask.ALL: (
        "all|across|across all|over all|all the|all of the|for all|any|whole|entire|the company|our company"
        "|the whole company|the entire company|company wide|our firm"
    ),
    Ask.EXCLUDE: (
        "without|excluding|exclude|except|except for|other than|but not|not|excl|apart from|aside from|not in"
        "|not from"
        "|excludes|leaving out|not including|not counting|ignoring"
    ),
    Ask.ABOVE: (
        "over|above|more than|greater than|higher than|larger than|bigger than|exceeding|exceed|exceeds|exceeded"
        "|in excess of|>|upwards of|was over|beyond"
    ),
    Ask.AT_LEAST: "at least|>=|no less than|not less than|not below",
    Ask.BELOW: "under|below|less than|lower than|smaller than|fewer than|<",
    Ask.AT_MOST: "at most|<=|no more than|not more than|not above|not over",
    Ask.EQUAL: "=|equal to|exactly|equals",
    Ask.BETWEEN: "between",
    Ask.AND: "and|as well as|and also|plus also",
    Ask.OR: "or",
    Ask.TO: "to|till|through|thru",
    Ask.FROM: "from",
    Ask.SINCE: "since|starting|starting in|starting from|from the start of|since the start of|beginning in",
    Ask.AFTER: "after|later than",
    Ask.BEFORE: "before|prior to|earlier than",
    Ask.UNTIL: (
        "until|up to|up until|through the end of|until the end of|to the end of|up to the end of|up to and including"
    ),
    Ask.END_OF: (
        "end of|the end of|at the end of|at end of|as of|as at|as of the end of|at the close of|by the end of"
        "|close of|per end of|as of end of|as at the end of|as at end of|at the end"
    ),
    Ask.BEGIN: "start of|beginning of|the start of|the beginning of|at the start of|at the beginning of",
    Ask.YEAR_END: (
        "year end|at year end|yearend|at the year end|month end|at month end|quarter end|at quarter end|year ends"
    ),
    Ask.WHICH: "which|what|whose",
    Ask.LIST: "list|list of|names of|name|enumerate|overview of|break down|broken down",
    Ask.ROWS: (
        "used|in use|row|rows|record|records|posting|postings|entry|entries|transaction|transactions"
        "|line items|line item|bookings"
    ),
    Ask.SINGLE: "single|individual",
    Ask.RELATIVE: (
        "last year|this year|next year|current year|previous year|prior year|last month|this month|next month"
        "|current month|previous month|prior month|last quarter|this quarter|next quarter|current quarter"
        "|previous quarter|prior quarter|today|yesterday|now|right now|currently|recent|recently|so far|lately"
        "|this week|last week|past year|past month|past quarter|latest month|latest year|latest quarter"
        "|last fiscal year|this fiscal year|current|at the moment|as of today|as of now"
    ),
    Ask.CAME_FROM: (
        "came from|comes from|come from|is from|was from|are from|were from|is due to|was due to|belongs to"
        "|belonged to|is attributable to|was attributable to|goes to|went to|is in|was in|falls on|fell on|fell to"
        "|was spent in|was spent by|was made in|was made by|is accounted for by|was accounted for by|did come from"
        "|was generated by|was generated in|was contributed by|was earned in|was earned by|was incurred by"
        "|was incurred in"
        "|was booked in|was booked by|was posted in|was posted by|stems from|stemmed from|relates to"
        "|related to|sits in"
    ),
    Ask.DESCENDING: (
        "highest first|largest first|biggest first|descending|in descending order|desc|from highest to lowest"
        "|from largest to smallest|high to low"
    ),
    Ask.ASCENDING: (
        "lowest first|smallest first|ascending|in ascending order|asc|from lowest to highest|low to high"
        "|from smallest to largest"
    ),
    Ask.SORTED: "sorted|sorted by|ordered by|ranked by|ranked|sort by|order by|sort|rank",
    Ask.CHART: "chart|plot|graph|a chart of|diagram|visualize|visualise|bar chart|line chart",
    Ask.SPENDING: (
        "cost|costs|expense|expenses|spend|spent|spending|expenditure|charge|charges|charged|paid|pay for|paid for"
        "|incur|incurred|incurs|cost us|did we pay for|we pay for|did it cost|spends|pays"
        "|costing|outlay|pay"
    ),
    Ask.EARNING: "earn|earned|earns|earning|earnings",
    Ask.BALANCE: "balance|balances",
    Ask.FIRST: "first|earliest|oldest",
    Ask.LAST: "last|latest|newest|most recent",
    Ask.WHEN: "when",
    Ask.IN: "in|within|throughout|all through|over the course of|in the course of",
    Ask.OF: "of|for",
}

_GRAINS: dict[Grain, tuple[str, str]] = {
    Grain.DAY: ("day|days|calendar day", "daily"),
    Grain.WEEK: ("week|weeks|calendar week", "weekly"),
    Grain.MONTH: ("month|months|calendar month|calendar months|month by month|month after month", "monthly"),
    Grain.QUARTER: (
        "quarter|quarters|calendar quarter|calendar quarters|qtr|quarter by quarter|quarter after quarter",
        "quarterly",
    ),
    Grain.YEAR: (
        "year|years|calendar year|calendar years|annum|year by year|year after year",
        "yearly|annual|annually",
    ),
}

FUNCTIONS: dict[Ask, AggregateName] = {
    Ask.AVERAGE: "avg", Ask.MEDIAN: "median", Ask.MINIMUM: "min", Ask.MAXIMUM: "max",
}  # fmt: skip
"""The aggregates that a question can ask for by name. Without one of them, a figure is a sum or a count."""

MONEY_TALK = (Ask.SPENDING, Ask.EARNING)

ASKS: dict[str, Ask] = {phrase: ask for ask, text in _PHRASES.items() for phrase in text.split("|")}
"""Maps each phrase to its meaning."""

GRAINS: dict[str, Grain] = {phrase: g for g, (nouns, _) in _GRAINS.items() for phrase in nouns.split("|")}
ADJECTIVES: dict[str, Grain] = {phrase: g for g, (_, words) in _GRAINS.items() for phrase in words.split("|")}

LONGEST = max(phrase.count(" ") for phrase in ASKS) + 1

FILLERS = words_in(
    "belong belongs belonging "
    "a an the this that these those i we you they he she it our my your their its me us company's is are "
    "was were be been being am do does did done have has had having can could would "
    "please kindly thanks thank hi hello hey ok okay well also there here give show "
    "tell display find get compute calculate report present provide return see need want like know let "
    "lets look looking display pull fetch run at on with about regarding concerning during how "
    "who where much made make come came comes go went amount amounted amounts book booked post posted "
    "recorded record reported register registered occur occurred happen happened use using exist exists "
    "contain contains figure figures value values number numbers data "
    "breakdown split grouped group"
)
"""Filler words. Each is skipped only if no other rule understands it."""

NEVER_CORRECTED = words_in(
    "profit profits margin margins revenue revenues income incomes equity stock stocks price prices "
    "client clients customer customers product products vendor vendors supplier suppliers region regions "
    "country countries state states asset debt debts capital invoice invoices order orders forecast "
    "forecasts predict prediction expected project projects weight height station nation national "
    "international ration rations county mouth mouths united unite units unity taxi taxis texas austria "
    "sweden norway brand brands trend trends quarterback actually actual really marked market markets "
    "markup renter rented meaning means meant central centre center mail email meal share shared shares "
    "shale vehicular vary varies variant various benefit stuff staffing sale sales sole whole trade "
    "trades traded grade tread other others another mother gross cross grass loss lease leased release "
    "interest interested interesting rate rates date dates late plane plant plants planner notes note "
    "returns return accounts amounts accounted mountain discount discounts discounted budgets payable "
    "payables receivables salesman person people personnel worker workers delete update insert drop "
    "create remove change changes charge charges average leverage coverage beverage"
)
"""English words that resemble ledger names but mean something else, so they are never corrected."""
