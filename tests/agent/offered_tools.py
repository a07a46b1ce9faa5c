"""The schemas of the agent's tools and replies, as they appear in a request to a model."""

from typing import Any

from pydantic_ai import Tool

from cfo_kernel.agent.outputs import OUTPUTS
from cfo_kernel.agent.tool_schemas import shortened
from cfo_kernel.agent.tools import toolset

_REPLIES: dict[str, Any] = {str(each.name): each.output for each in OUTPUTS}
TOOLS: dict[str, dict[str, Any]] = {
    **{name: tool.tool_def.parameters_json_schema for name, tool in toolset.tools.items()},
    **{name: shortened(Tool(each).tool_def.parameters_json_schema) for name, each in _REPLIES.items()},
}
