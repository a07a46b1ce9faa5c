"""The settings. The entry point reads them once from the environment and `.env`, and passes them on."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cfo_kernel import validation_errors
from cfo_kernel.errors import InvalidSettings

_LONGEST = 1e9
"""Seconds, about thirty years. The operating system and the event loop refuse much longer times."""
_Seconds = Annotated[float, Field(gt=0, le=_LONGEST)]
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s*]+")


class Settings(BaseSettings):
    """The settings. The environment variable `CFO_<NAME>` sets each field; model keys also have their usual names.

    Times are in seconds. With a `url`, the workbench is remote, and the only other setting used is `api_token`.

    `model` is `openai:<name>`, `anthropic:<name>`, `offline` or `auto`. `auto` uses OpenAI if its key is set, otherwise
    Anthropic if its key is set, otherwise the offline analyst. `fallback_model` has the same format.
    """

    model_config = SettingsConfigDict(env_prefix="CFO_", env_file=".env", extra="ignore", frozen=True)

    url: str | None = None
    root: Path | None = None
    database_url: SecretStr | None = None
    model: str = "auto"
    fallback_model: str | None = None
    openai_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("CFO_OPENAI_API_KEY", "OPENAI_API_KEY", "openai_api_key")
    )
    anthropic_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("CFO_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY", "anthropic_api_key")
    )
    base_url: str | None = None
    openai_base_url: str | None = Field(
        None, validation_alias=AliasChoices("CFO_OPENAI_BASE_URL", "OPENAI_BASE_URL", "openai_base_url")
    )
    model_timeout: _Seconds = 120
    model_retries: int = Field(3, ge=0, le=10)
    request_limit: int = Field(20, ge=1)
    tool_call_limit: int = Field(50, ge=1)
    token_limit: int = Field(400_000, ge=1)
    run_timeout: _Seconds = 600
    query_timeout: _Seconds = 30
    ingest_timeout: _Seconds = 300
    python_timeout: _Seconds = 30
    python_disabled: bool = False
    history_turns: int = Field(12, ge=1)
    continue_limit: int = Field(5, ge=0)
    countdown: float = Field(10, ge=0, le=_LONGEST)
    journal_days: int = Field(30, ge=1, le=36_500)
    api_token: SecretStr | None = Field(None, min_length=1)
    stream_limit: int = Field(2000, ge=1)
    client_stream_limit: int = Field(200, ge=1)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Splits a comma-separated value read from the environment."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _as_browsers_send_them(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(site.lower().removesuffix("/") for site in sites)
        if not all(map(_ORIGIN.fullmatch, origins)):
            raise PydanticCustomError("origin", "a site must look like https://dash.example, and * is not allowed")
        return origins

    @field_validator("api_token")
    @classmethod
    def _fits_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        """Rejects a token that cannot be sent in a header."""
        secret = token.get_secret_value() if token else ""
        if not (secret.isascii() and secret.isprintable() and " " not in secret):
            raise PydanticCustomError("token", "it may contain only printable ASCII characters and no spaces")
        return token

    def server_secrets(self) -> Iterator[str]:
        """The keys of the model servers, and the passwords in their addresses."""
        for key in (self.openai_api_key, self.anthropic_api_key):
            if key:
                yield key.get_secret_value()
        for address in (self.base_url, self.openai_base_url):
            yield from _passwords(address)

    def secrets(self) -> Iterator[str]:
        """Everything in the settings that no log may contain."""
        yield from self.server_secrets()
        if self.api_token:
            yield self.api_token.get_secret_value()
        if self.database_url:
            yield from _passwords(self.database_url.get_secret_value())

    def resolved_root(self) -> Path:
        """Returns `CFO_ROOT`, or the nearest `workspaces/` in this folder or its parents, or else `./workspaces`."""
        if self.root:
            try:
                return self.root.expanduser().resolve()
            except RuntimeError as error:
                raise InvalidSettings(f"CFO_ROOT is not valid: {error}. Correct it and restart.") from error
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "workspaces").is_dir():
                return folder / "workspaces"
        return here / "workspaces"


def _passwords(address: str | None) -> Iterator[str]:
    """The password in an address or, without a password, the user name, both as written and as sent."""
    parts = urlsplit(address or "")
    if secret := parts.password or parts.username:
        yield from {secret, unquote(secret)}


def load() -> Settings:
    """Reads the settings. Raises `InvalidSettings`, which names the first invalid setting or `.env`."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue] - the fields come from the environment
    except UnicodeDecodeError as error:
        raise InvalidSettings("The file .env is not UTF-8 text. Save it as UTF-8 and restart.") from error
    except OSError as error:
        message = f"The file .env cannot be read ({error.strerror}). Fix the cause and restart."
        raise InvalidSettings(message) from error
    except ValidationError as error:
        first = validation_errors.faults(error.errors())[0]
        name = f"CFO_{'_'.join(map(str, first.loc))}".upper().replace("CFO_CFO_", "CFO_")
        reason = first.reason if first.is_sentence else f"it {first.reason}"
        raise InvalidSettings(f"{name} is not valid: {reason}. Correct it and restart.") from error
