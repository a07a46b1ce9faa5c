"""Packs the messages between pages and kernels, even if a string contains an unpaired surrogate.

Text from a browser may contain an unpaired surrogate, for example where a program cut an emoji in two. Jupyter's own
packer refuses such text, and the message would be lost.
"""

from typing import Any

from jupyter_client.session import json_packer

_REPLACEMENT = "\ufffd"


def pack(message: Any) -> bytes:
    """The message as JSON, with unpaired surrogates replaced."""
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
