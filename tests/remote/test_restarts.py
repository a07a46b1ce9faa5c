"""A server that is stopped and started again while somebody waits: nothing is lost, nothing is told twice."""

from tests.models.scripted_server import Text

_ = Text
