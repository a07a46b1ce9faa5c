"""The models that answer questions, opened from `CFO_MODEL`, `CFO_FALLBACK_MODEL` and the API keys in the settings."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import SecretStr

from cfo_kernel.data.workspace_data import SchemaContext
from cfo_kernel.errors import InvalidSettings, ModelKeyMissing
from cfo_kernel.settings import Settings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI
    from pydantic_ai.models import Model

_MODULES = {
    "offline": "cfo_kernel.agent.analyst",
    "openai": "cfo_kernel.agent.chat_model",
    "anthropic": "cfo_kernel.agent.messages_model",
}
_AUTO_OPENAI, _AUTO_ANTHROPIC = "openai:gpt-6.1-terra", "anthropic:claude-sonnet-5-5"


@dataclass(frozen=True)
class OpenedModel:
    """The model for a run, with the names of the first model and of its fallback if there is one.

    `secrets` are the API keys, and passwords in addresses. They are removed from answers and error messages, because a
    server may repeat a secret.
    """

    model: Model
    names: tuple[str, ...]
    secrets: tuple[str, ...] = field(default=(), repr=False)


def model_names(settings: Settings) -> tuple[str, ...]:
    """The names of the first model and, if one is set, its fallback. Raises `InvalidSettings` for a malformed name."""
    first = _name("CFO_MODEL", settings.model, settings)
    if settings.fallback_model is None:
        return (first,)
    return (first, _name("CFO_FALLBACK_MODEL", settings.fallback_model, settings))


def _name(setting: str, value: str, settings: Settings) -> str:
    """The name in a setting, or the model that `auto` selects."""
    name = value.strip()
    if name == "auto":
        if settings.openai_api_key:
            return _AUTO_OPENAI
        return _AUTO_ANTHROPIC if settings.anthropic_api_key else "offline"
    provider, _, model = name.partition(":")
    if name != "offline" and (provider not in ("openai", "anthropic") or not model):
        message = f"{setting} is {name!r}. Set it to openai:<name>, anthropic:<name>, offline or auto."
        raise InvalidSettings(message)
    return name


class Models:
    """The models of an engine. Runs share them and their connections, so an instance belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened_models: dict[str, Model] = {}
        self._clients = AsyncExitStack()

    def load(self) -> None:
        """Imports the packages that `opened` needs. This is a separate method so that callers can run it in a thread.

        `opened` reports missing packages.
        """
        for name in model_names(self._settings):
            with suppress(ImportError):
                import_module(_MODULES[name.partition(":")[0]])

    def opened(self, schema: SchemaContext) -> OpenedModel:
        """The model for a run. Raises `InvalidSettings` or `ModelKeyMissing`, whose messages say what to set."""
        from cfo_kernel.agent.fallback import NamedModel, with_fallback

        names = model_names(self._settings)
        # CFO_BASE_URL is the server of CFO_MODEL. A fallback with another protocol cannot use it.
        providers = [name.partition(":")[0] for name in names]
        models: list[NamedModel] = []
        for name, provider in zip(names, providers, strict=True):
            base_url = self._settings.base_url if provider == providers[0] else None
            models.append(NamedModel(self._model(name, base_url, schema), name))
        return OpenedModel(with_fallback(*models), names, tuple(self._settings.server_secrets()))

    async def close(self) -> None:
        """Closes the connections."""
        self._opened_models.clear()
        await self._clients.aclose()

    def _model(self, name: str, base_url: str | None, schema: SchemaContext) -> Model:
        provider, _, model = name.partition(":")
        if provider == "offline":
            from cfo_kernel.agent.analyst import offline_model

            return offline_model(schema.tables, schema.glossary, schema.trees)
        if name not in self._opened_models:
            with _network_settings():
                opened, client = (_openai if provider == "openai" else _anthropic)(model, base_url, self._settings)
            self._clients.push_async_callback(client.close)
            self._opened_models[name] = opened
        return self._opened_models[name]


@contextmanager
def _network_settings() -> Generator[None]:
    """Raises `InvalidSettings` if a client cannot be created with the certificates and proxies that are set."""
    try:
        yield
    except (ValueError, ImportError, OSError) as error:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else type(error).__name__
        places = "the proxies (HTTPS_PROXY, ALL_PROXY), SSL_CERT_FILE and SSLKEYLOGFILE"
        message = f"The connection to the model's server cannot be set up ({reason}). Check {places}, then restart."
        raise InvalidSettings(message) from error


def _key(setting: str, secret: SecretStr) -> str:
    """The key as it is sent in a header. Raises `InvalidSettings` if a header cannot contain it."""
    key = secret.get_secret_value().strip()
    if not (key.isascii() and key.isprintable()):
        raise InvalidSettings(f"{setting} may contain only printable ASCII characters. Correct it and restart.")
    return key


def _is_server(address: str) -> bool:
    import httpx2

    try:
        parts = urlsplit(address)
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        return is_known and address.isprintable() and " " not in address and bool(httpx2.URL(address).host)
    except (ValueError, httpx2.InvalidURL):
        return False


def _signing_in(address: str) -> tuple[str, dict[str, str]]:
    """The address without the user and password in it, and the header that replaces them.

    They are separated because the address is logged with each request and stored with each answer. Raises
    `InvalidSettings` if the address is not valid.
    """
    address = address.strip()
    if not _is_server(address):
        example = "an address like http://127.0.0.1:8000/v1"
        raise InvalidSettings(f"The address of the model's server is not valid. Set CFO_BASE_URL to {example}.")
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return address, {}
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    header = {"Authorization": f"Basic {b64encode(user.encode()).decode()}"}
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), header


def _openai(model: str, base_url: str | None, settings: Settings) -> tuple[Model, AsyncOpenAI]:
    key = _key("OPENAI_API_KEY", settings.openai_api_key) if settings.openai_api_key else ""
    base_url = base_url or settings.openai_base_url
    if not key and not base_url:
        raise ModelKeyMissing(f"The model is openai:{model}, but there is no API key. Set OPENAI_API_KEY.")
    from openai import DefaultAsyncHttpxClient
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai import OpenAIProvider

    from cfo_kernel.agent.chat_client import ChatClient
    from cfo_kernel.agent.chat_model import ChatModel
    from cfo_kernel.agent.server_responses import client_options

    address, headers = _signing_in(base_url or "https://api.openai.com/v1")
    client = ChatClient(
        api_key=key or "none",
        base_url=address,
        default_headers=headers,
        timeout=settings.model_timeout,
        max_retries=settings.model_retries,
        http_client=DefaultAsyncHttpxClient(**client_options()),
    )
    profile = OpenAIModelProfile(
        # Otherwise a stream that a proxy cuts off would pass as a complete answer.
        openai_chat_streaming_requires_finish_reason=True,
        # For each request, pydantic-ai would convert all tools' schemas to OpenAI's strict mode, which some servers
        # refuse, and which makes the schemas longer.
        json_schema_transformer=None,
    )
    return ChatModel(model, provider=OpenAIProvider(openai_client=client), profile=profile), client


def _anthropic(model: str, base_url: str | None, settings: Settings) -> tuple[Model, AsyncAnthropic]:
    if settings.anthropic_api_key is None:
        message = f"The model is anthropic:{model}, but there is no API key. Set ANTHROPIC_API_KEY."
        raise ModelKeyMissing(message)
    try:
        from cfo_kernel.agent.messages_model import messages_model
    except ImportError as error:
        message = "The Anthropic client is not installed. Run: pip install 'cfo-kernel[anthropic]'"
        raise InvalidSettings(message) from error
    address, headers = _signing_in(base_url or "https://api.anthropic.com")
    return messages_model(
        model,
        api_key=_key("ANTHROPIC_API_KEY", settings.anthropic_api_key),
        base_url=address,
        default_headers=headers,
        timeout=settings.model_timeout,
        max_retries=settings.model_retries,
    )
