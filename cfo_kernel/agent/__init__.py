"""The agent: a model, its tools, and the four replies it may end in. The only room that knows pydantic-ai."""
