"""The base class for values exchanged between packages. They are frozen and accept only known fields."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen pydantic model. Unknown fields are errors, so that typos in a plan or a glossary are detected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class CompanyData:
    """Marks a field, within `Annotated`, that contains only the company's data and nothing written by a model."""


COMPANY_DATA = CompanyData()
