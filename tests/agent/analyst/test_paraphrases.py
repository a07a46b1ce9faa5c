"""Many ways to ask for the same thing. Each is read correctly or answered with a question, never misread."""

from dataclasses import dataclass
from itertools import product

import pytest

from cfo_kernel.agent.analyst.reading import Reading, Shape
from cfo_kernel.data.plan import Grain

from .conftest import Company

ACCOUNTS = ("Trade Sales", "Rent", "Salaries")
PERIODS = ("2012", "Q3 2011", "March 2013")


@dataclass(frozen=True)
class Kind:
    """A group of paraphrases. The first ones must be answered; the others may be answered with a question."""

    answered: tuple[str, ...]
    others: tuple[str, ...] = ()
    shape: Shape = Shape.FIGURES
    functions: tuple[str, ...] = ("sum",)
    per: Grain | None = None
    by: tuple[str, ...] = ()
    order: str | None = None
    top: int | None = None

    def fits(self, reading: Reading) -> bool:
        by = tuple(b.label for b in reading.by)
        mine = (reading.shape, reading.functions, reading.per, by, reading.order, reading.top)
        return mine == (self.shape, self.functions, self.per, self.by, self.order, self.top)


KINDS = {
    "total": Kind(
        ("{a} in {p}", "total {a} {p}", "What were {a} in {p}?", "how much {a} was booked in {p}",
         "sum of {a} for {p}"),
        ("the whole {a} of {p}", "{a} overall in {p}", "how much did {a} amount to in {p}", "{a} throughout {p}"),
    ),
    "by department": Kind(
        ("{a} by department in {p}", "{a} {p} per department", "{a} for each department, {p}",
         "Give me {a} for {p}, one row per department", "how is {a} split across departments in {p}"),
        ("{a} {p} split by departments", "show {a} in {p} with one line per department", "{a} across departments {p}"),
        by=("department",),
    ),
    "average month": Kind(
        ("average monthly {a} in {p}", "What were {a} in an average month of {p}?", "{a} a month on average in {p}",
         "{a} per month on average in {p}", "monthly average of {a} {p}", "average {a} per month {p}",
         "{a} in a typical month of {p}", "average of the monthly totals of {a} in {p}", "mean monthly {a} {p}"),
        ("on average, how much {a} per month in {p}", "how much {a} do we have in an average month of {p}",
         "average {a} of a month in {p}", "the average month's {a} in {p}", "average {a} for a month in {p}",
         "{a} in a usual month of {p}", "{a} in a normal month {p}"),
        per=Grain.MONTH,
    ),
    "average month by department": Kind(
        ("average monthly {a} by department in {p}", "average {a} per month and department {p}",
         "monthly average of {a} by department {p}", "{a} per department in an average month of {p}"),
        ("average {a} per department per month in {p}", "{a} per month per department on average {p}"),
        per=Grain.MONTH, by=("department",),
    ),
    "average posting": Kind(
        ("average {a} posting in {p}", "mean {a} posting {p}", "average {a} amount posted in {p}",
         "average single {a} posting in {p}", "average {a} per posting in {p}"),
        functions=("avg",),
    ),
    "average posting by month": Kind(
        ("average {a} posting by month in {p}", "average {a} posting per month {p}"),
        ("average {a} by month in {p}", "average {a} each month of {p}", "{a} by month on average in {p}",
         "average {a} month by month in {p}", "average {a} for each month in {p}"),
        functions=("avg",), by=("month",),
    ),
    "largest posting": Kind(
        ("largest {a} posting in {p}", "largest single {a} amount in {p}", "biggest {a} amount posted in {p}",
         "maximum {a} posting {p}"),
        ("highest {a} in {p}", "largest {a} entry of {p}", "highest {a} booking {p}"),
        functions=("max",),
    ),
    "smallest posting": Kind(
        ("smallest {a} posting in {p}", "smallest {a} amount posted in {p}", "lowest single {a} posting {p}"),
        ("lowest {a} in {p}", "smallest {a} booked in {p}"),
        functions=("min",),
    ),
    "highest month": Kind(
        ("which month had the highest {a} in {p}", "highest monthly {a} figure in {p}", "maximum monthly {a} in {p}",
         "largest monthly total of {a} in {p}"),
        ("peak month of {a} in {p}", "best month for {a} in {p}", "highest {a} by month in {p}", "max {a} by month {p}",
         "max {a} month {p}"),
        by=("month",), order="desc", top=1,
    ),
    "top departments": Kind(
        ("top 3 departments by {a} in {p}", "the 3 departments with the highest {a} in {p}",
         "which 3 departments had the most {a} in {p}"),
        ("3 biggest departments by {a} {p}", "top three departments in {a} {p}"),
        by=("department",), order="desc", top=3,
    ),
    "shares": Kind(
        ("share of {a} by department in {p}",
         "How is {p} {a} split across departments, as a share of the total?",
         "{a} by department as a percentage of the total in {p}",
         "What share of {a} does each department have in {p}?"),
        ("{a} by department in percent {p}", "each department's share of {a} in {p}"),
        shape=Shape.SHARE, by=("department",),
    ),
    "running total": Kind(
        ("cumulative {a} by month in {p}", "running total of {a} by month {p}",
         "{a} accumulated month after month through {p}", "{a} cumulated month by month in {p}"),
        ("{a} running total over the months of {p}",),
        shape=Shape.RUNNING, by=("month",),
    ),
    "variance": Kind(
        ("{a} actual vs budget in {p}", "Was {a} over or under budget in {p}?", "budget variance of {a} in {p}",
         "was {a} above or below plan in {p}"),
        ("{a} against budget {p}", "did {a} go over budget in {p}", "how far was {a} from budget in {p}"),
        shape=Shape.VARIANCE,
    ),
    "postings per month": Kind(
        ("average number of {a} postings per month in {p}", "how many {a} postings in an average month of {p}"),
        ("{a} postings per month on average in {p}",),
        functions=("count",), per=Grain.MONTH,
    ),
    "dates": Kind(
        ("number of distinct posting dates of {a} in {p}", "on how many different posting dates was {a} booked in {p}"),
        functions=("count_distinct",),
    ),
}  # fmt: skip

ASKED_BACK = (
    "average total {a} in {p}", "{a} in an average department in {p}", "average department {a} {p}",
    "median monthly {a} in {p}", "average daily {a} in {p}", "weekly {a} average {p}",
    "top 3 departments by {a}, lowest first",
    "highest and lowest month for {a} in {p}", "{a} in departments with Meals in {p}", "{a} to Meals in {p}",
    "which was higher in {p}, {a} or Meals", "average growth of {a} by quarter in {p}", "{a} every other month {p}",
    "share of months with {a} in {p}", "worst month for {a} in {p}", "single {a} in {p}", "different {a} in {p}",
    "average number of departments with {a} per month in {p}", "{a} without {p}", "was {a} down in {p}",
    "typical {a} in {p}", "which department had the highest monthly {a} in {p}", "mean annual {a}", "lowest yearly {a}",
    "departments without {a} in {p}", "{a} when Meals were booked in {p}",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_paraphrase_is_never_read_as_something_else(sample: Company, kind: str) -> None:
    wanted = KINDS[kind]
    for template, account, period in product((*wanted.answered, *wanted.others), ACCOUNTS, PERIODS):
        question = template.format(a=account, p=period)
        found = sample.reader.read(question)
        if isinstance(found, Reading):
            assert wanted.fits(found), question
            assert [p.values for p in found.picks if not p.default][:1] in ([(account,)], []), question
            assert found.periods[0].label == period, question
        else:
            assert template not in wanted.answered, (question, found.message)


@pytest.mark.parametrize("template", ASKED_BACK)
def test_what_could_mean_two_things_is_asked_back(sample: Company, template: str) -> None:
    reply, _ = sample.ask(template.format(a="Salaries", p="2012"))
    assert reply.tool == "user_interaction", reply


@pytest.mark.parametrize("template", [*ASKED_BACK, *(t for k in KINDS.values() for t in k.others)])
def test_every_choice_is_a_question_with_an_answer(sample: Company, template: str) -> None:
    question = template.format(a="Rent", p="2012")
    if template not in ASKED_BACK and isinstance(sample.reader.read(question), Reading):
        return
    reply, _ = sample.ask(question)
    for choice in reply.args.get("choices") or ():
        answered, _ = sample.ask(choice)
        assert answered.tool != "user_interaction", (choice, answered)
        assert len(choice.split()) == len(choice.split(" ")), choice


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("top 3 organizations by trade slaes 2012", "Trade Sales"),
        ("tarde sales 2012", "Trade Sales"),
        ("standard cosst of sales 2012", "Standard Cost of Sales"),
        ("Salaries in Research and Develpment 2012", "Research and Development"),
    ],
)
def test_a_slip_in_a_name_of_several_words(sample: Company, question: str, name: str) -> None:
    found = sample.reader.read(question)
    assert isinstance(found, Reading), found
    assert name in [v for p in found.picks for v in p.values]
    assert name in found.remarks[0]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("what did we spend on Trade Sales in 2012", "Revenue"),
        ("cost of Trade Sales in 2012", "Revenue"),
        ("what did we earn on Rent in 2012", "Expenditures"),
    ],
)
def test_income_is_no_cost(sample: Company, question: str, told: str) -> None:
    reply, _ = sample.ask(question)
    assert reply.tool == "user_interaction"
    assert told in reply.args["message"]
