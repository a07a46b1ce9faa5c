"""The configuration of every DuckDB instance: no automatic loading of extensions, and no environment variables."""

Config = dict[str, str | bool | int | float | list[str]]


def duckdb_config(memory_limit: str) -> Config:
    return {
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "python_enable_replacements": "false",  # otherwise `FROM name` would read a Python variable of that name
        "memory_limit": memory_limit,
        "threads": "2",
    }
