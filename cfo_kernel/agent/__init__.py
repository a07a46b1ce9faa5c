"""The agent: a model, its tools, and the replies that end its run. Only this package uses pydantic-ai."""
