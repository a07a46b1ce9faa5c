"""Derives the likely cause of a failed request to a model's server, with advice, from the status and message."""

import re
from enum import Enum

from cfo_kernel.agent.server_messages import ServerMessage

REDIRECT = "redirect"
"""The code of an error in place of a redirect (`server_responses`). Its message is the address."""


COMPRESSED = "compressed"
"""The code of the error for an answer with compression that was not requested. Its message names the compression."""


class Cause(Enum):
    """A likely cause: what happened, and what to do. `model_errors` fills in the placeholders."""

    KEY = "The model's server rejected the key{status}.", "Set {key} to a valid key."
    CREDIT = (
        "The account at the model's server has no credit or quota left{status}.",
        "Add credit or raise the quota there, or set {setting} to a model on another server.",
    )
    RATE = "The model's server is at its limit{status}.", "Wait a little, then send the message again."
    CONTEXT = (
        "The request is longer than the model can read{status}.",
        "Start a new thread, lower CFO_HISTORY_TURNS, or give the model a larger context at its server.",
    )
    FILTER = (
        "A content filter of the model's server blocked the message or the answer{status}.",
        "Reword the message. If it is harmless, change the filter at the server, or set {setting} to another model.",
    )
    TOOLS = (
        "The model {name} cannot call tools on this server{status}.",
        "Set {setting} to a model that can call tools, or turn on tool calling where the server is started.",
    )
    MODEL = "The server does not have the model {name}{status}.", "Set {setting} to a model that it has."
    ADDRESS = (
        "The server at the model's address does not return chat completions{status}.",
        "Check CFO_BASE_URL: it is the address before /chat/completions and usually ends in /v1.",
    )
    POLICY = (
        "The model's server does not permit the request{status}.",
        "Change the account's settings or its key's permissions there, or set {setting} to another model.",
    )
    PROXY = (
        "A proxy or network on the way to the server requires a sign-in{status}.",
        "Sign in to the network, put the proxy's name and password into HTTPS_PROXY, or add the server to NO_PROXY.",
    )
    COMPRESSED = (
        "The answer is compressed as {said}, which was not requested and cannot be read.",
        "Turn off compression on the model's server, or on the proxy in front of it.",
    )
    FAILED = (
        "The model's server failed{status}.",
        "Send the message again. If it still fails, check the server, or set {setting} to another model.",
    )
    REDIRECT = (
        "The model's server redirects to {said}. Nothing was sent there.",
        "If you trust that address, set CFO_BASE_URL to the part of it before /chat/completions.",
    )
    REFUSED = (
        "The model's server refused the request{status}.",
        "If the thread is long, start a new one or lower CFO_HISTORY_TURNS. Otherwise set {setting} to another model.",
    )

    @property
    def what(self) -> str:
        return self.value[0]

    @property
    def advice(self) -> str:
        return self.value[1]


# Tried in this order, so that specific causes come before general ones. Servers word each of them in many ways.
_WORDS: dict[Cause, tuple[str, ...]] = {
    Cause.CREDIT: (
        r"insufficient[ _](?:\w+ )?(?:credit|balance|quota|fund)|out of (?:credit|fund|quota)|no (?:more )?credits?\b",
        r"credits? (?:balance|exhausted|limit)|(?:current|monthly|daily|free) quota|quota.{0,20}(?:exceeded|exhausted)",
        r"key limit exceeded|billing|spend(?:ing)?[ _]limit|payment|top up|arrear|欠费|余额",
    ),
    Cause.KEY: (
        r"(?:api|access|auth\w*)[ _-]?(?:key|token|credential)|incorrect key|unauthenticated|unauthorized",
        r"authentication",
    ),
    Cause.CONTEXT: (
        r"context[ _-]?(?:length|window|size|limit)|maximum (?:context|input|prompt)|reduce the length|n_ctx",
        r"(?:prompt|input|request|messages?)\b.{0,20}[ _]too[ _](?:long|large)|too many (?:input )?tokens",
        r"tokens?\b.{0,60}(?:\bexceed|\bmaximum|must be|<=)|(?:exceed\w*\b.{0,60}|less than \d+ )\btokens",
    ),
    Cause.FILTER: (
        r"content[ _-]?(?:filter|policy|management|moderation|safety)|responsible ?ai|moderation|safety|flagged",
        r"sensitive (?:content|word|info)|inappropriate|prohibited|data_inspection|usage polic|jailbreak|敏感",
    ),
    Cause.RATE: (r"rate[ _-]?limit|too many requests|requests per|tokens per|throttl|slow down|resource_exhausted",),
    Cause.TOOLS: (
        r"(?:\btools?\b|tool[ _-]|\bfunction[ _-]?call).{0,60}(?:\bnot\b|n't\b|unsupported|require|disabled|jinja)",
        r"(?:\bnot? |n't |unsupported|no endpoints).{0,60}(?:\btools?\b|tool[ _-]|function[ _-]?call)|tool_use_failed",
    ),
    Cause.MODEL: (
        r"model.{0,120}not (?:be )?(?:found|exist|available|loaded|supported|a valid|valid)",
        r"model.{0,120}(?:n't (?:found|exist|supported)|unknown|no such|invalid|deprecated|retired|decommission|pull)",
        r"(?:unknown|invalid|no such|unsupported|no) model|model_not_found|deployment.{0,60}not.{0,10}(?:found|exist)",
    ),
    Cause.ADDRESS: (
        r"\A\W*(?:40[45])?\W*(?:(?:page|url|path|route|resource|endpoint|file) )?not[ _]?found\W*(?:40[45])?\W*\Z",
        r"(?:invalid|unknown|unrecognized|requested|no such) (?:request )?(?:url|path|route|endpoint)",
        r"cannot (?:post|get)|unexpected endpoint|no (?:matching )?(?:route|operation|handler)|method not allowed",
    ),
    Cause.POLICY: (
        r"polic(?:y|ies)|privacy|permission|permitted|not allowed|not authori[sz]ed|forbidden|access denied",
        r"country|region|territory|terms of",
    ),
}
_PATTERNS = {cause: re.compile("|".join(words), re.IGNORECASE | re.DOTALL) for cause, words in _WORDS.items()}
_BY_STATUS = {
    401: Cause.KEY,
    402: Cause.CREDIT,
    407: Cause.PROXY,
    413: Cause.CONTEXT,
    451: Cause.FILTER,
    511: Cause.PROXY,
}
_NO_COMPLETIONS = (200, 405, 406, 410, 415, 426)
"""Statuses of servers that do not support the request, unless the message points to another cause."""
_MADE_HERE = {REDIRECT: Cause.REDIRECT, COMPRESSED: Cause.COMPRESSED}
_LIMIT = (408, 429)


def cause_of(status: int | None, message: ServerMessage, model: str) -> Cause:
    """The likely cause. `status` is None for an error within a stream, and 200 for a response that is not an answer."""
    found = next((cause for cause in _PATTERNS if _says(message, cause)), None)
    if message.code in _MADE_HERE:
        return _MADE_HERE[message.code]
    if status in _LIMIT:
        return Cause.CREDIT if _says(message, Cause.CREDIT) else Cause.RATE
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and status >= 500 and found not in (Cause.TOOLS, Cause.CONTEXT, Cause.MODEL):
        return Cause.FAILED
    if found is not None:
        return found
    if status == 403:
        return Cause.POLICY
    if status == 404 and model and model.lower() in message.text.lower():
        return Cause.MODEL
    if status in _NO_COMPLETIONS or (status == 404 and not message.is_structured):
        return Cause.ADDRESS
    return Cause.FAILED if status is None else Cause.REFUSED


def _says(message: ServerMessage, cause: Cause) -> bool:
    return any(_PATTERNS[cause].search(words.replace("’", "'")) for words in (message.text, message.code))
