"""How every DuckDB of ours is opened: it loads nothing by itself, and sees no variable of the program around it."""

Config = dict[str, str | bool | int | float | list[str]]


def duckdb_config(memory_limit: str) -> Config:
    return {
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "python_enable_replacements": "false",
        "memory_limit": memory_limit,
        "threads": "2",
    }
