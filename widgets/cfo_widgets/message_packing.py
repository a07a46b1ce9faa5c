"""Packs the messages between pages and kernels, even if a string contains half a character.

A browser's text may contain half a surrogate pair, for example where a program cut an emoji in two. Jupyter's own
packer refuses it, and the message would be lost.
"""

from typing import Any

from jupyter_client.session import json_packer

_REPLACEMENT = "\ufffd"


def pack(message: Any) -> bytes:
    """The message as JSON. Half characters are replaced."""
    try:
        return json_packer(message)
    except UnicodeEncodeError:
        return json_packer(_well_formed(message))


def _well_formed(value: Any) -> Any:
    match value:
        case str():
            return "".join(_REPLACEMENT if "\ud800" <= char <= "\udfff" else char for char in value)
        case list() | tuple():
            return [_well_formed(each) for each in value]
        case dict():
            return {_well_formed(key): _well_formed(each) for key, each in value.items()}
        case _:
            return value
