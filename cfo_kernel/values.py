"""The base class for values exchanged between packages. They are frozen and accept only known fields."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen pydantic model. An unknown field is an error, so that typos in a plan or a glossary are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class CompanyData:
    """Marks a field, within `Annotated`, that contains only the company's data and nothing written by a model."""


COMPANY_DATA = CompanyData()
