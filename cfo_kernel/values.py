"""The base of every value that crosses a room: frozen, and strict about the fields it has."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen pydantic model; an unknown field is an error, so that a typo in a plan or a glossary is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")
