"""Checks a page's messages for a kernel as they arrive, because Jupyter trusts the counts and offsets in them.

A message of a few bytes that claims to have millions of parts would otherwise take all the memory of the page's server.
"""

import struct
from itertools import pairwise

PROTOCOL = "v1.kernel.websocket.jupyter.org"
"""The form of the messages. JupyterLab has used it since 2022; an older one is not accepted."""
_NUMBER = 8
_FEWEST = 5  # the channel, the header, the parent's header, the metadata and the content; then come buffers
_MOST = 1_000


def is_message(frame: str | bytes) -> bool:
    """Whether the frame consists of the parts that it claims to have, according to their number and offsets."""
    if isinstance(frame, str) or len(frame) < _NUMBER:
        return False
    count = int.from_bytes(frame[:_NUMBER], "little")
    if not _FEWEST < count <= min(_MOST, len(frame) // _NUMBER - 1):
        return False
    offsets = struct.unpack_from(f"<{count}Q", frame, _NUMBER)
    is_ordered = all(one <= other for one, other in pairwise(offsets))
    return is_ordered and offsets[0] >= _NUMBER * (count + 1) and offsets[-1] <= len(frame)
