"""The agent: a model, its tools and the replies that it can end with. Only this package uses pydantic-ai."""
