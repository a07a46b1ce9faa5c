"""The base class of the values that packages exchange: frozen, and strict about their fields."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen pydantic model. An unknown field is an error, so that a typo in a plan or a glossary is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
