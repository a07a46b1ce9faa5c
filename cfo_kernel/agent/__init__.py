"""The agent: a model, its tools and the four replies it can end with. Only this package uses pydantic-ai."""
