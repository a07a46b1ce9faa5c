"""Messages between a page and its kernel arrive, whatever characters their texts contain."""

import json
from datetime import UTC, datetime

from cfo_widgets.message_packing import pack
from cfo_widgets.page import settings
from traitlets.utils.importstring import import_item


def test_half_characters_are_replaced() -> None:
    message = {
        "a\ud800": ["b\udfff", ("c", 1.5, None, True)],
        "\u00e9\U0001f600": {"at": datetime(2024, 1, 1, tzinfo=UTC)},
    }
    assert json.loads(pack(message)) == {
        "a\ufffd": ["b\ufffd", ["c", 1.5, None, True]],
        "\u00e9\U0001f600": {"at": "2024-01-01T00:00:00Z"},
    }


def test_the_page_uses_it() -> None:
    assert import_item(settings("127.0.0.1", 0, "token").Session.packer) is pack
