"""Checks the page's JavaScript bundle."""

import re

from cfo_widgets.voila_bundle import voila_bundle


def test_the_page_waits_longer_for_its_model_than_ipywidgets_does() -> None:
    waits = re.findall(r"Date\.now\(\)-\w+<(\w+);\)\{[^{}]*this\._models\[\w+\]", voila_bundle().plain.decode())
    assert waits == ["3e4"], "ipywidgets has changed how it waits for a model: see voila_bundle.py"
