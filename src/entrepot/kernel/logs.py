"""Structured logs: one line per request, job and batch of events, each with its request, tenant and correlation."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog

from entrepot.kernel.config import Config, ConfigError

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
MASK = "***"
_SECRET_NAME = re.compile(
    r"password|secret|token|authorization|cookie|credential|signature|api_?key|^pin$", re.IGNORECASE
)
# Our own credentials (`ek_...`), what follows Bearer, and the password in a URL, wherever in a text they stand.
_SECRET_TEXT = re.compile(r"\be[a-z]_[0-9A-Za-z]{22}_[\w-]+|(?<=Bearer )\S+|(?<=://)([^/\s:@]*):[^@/\s]+(?=@)")


def configure(config: Config, *, to: TextIO | None = None) -> None:
    """Log as the configuration says: JSON, or text where a person looks at it. Libraries' own logs go the same way."""
    if config.log_level not in LEVELS:
        raise ConfigError(f"log_level must be one of {', '.join(LEVELS)}")
    if config.log_format not in ("auto", "json", "text"):
        raise ConfigError("log_format must be auto, json or text")
    stream = to or sys.stderr
    text = config.log_format == "text" or (config.log_format == "auto" and stream.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: Any = structlog.dev.ConsoleRenderer(colors=stream.isatty()) if text else structlog.processors.JSONRenderer()
    # Tracebacks become text before the mask sees the line.
    shown: list[Any] = [structlog.processors.format_exc_info, masked, render]
    structlog.configure(
        processors=[*shared, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[config.log_level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_plain, *shown]))
    logging.basicConfig(handlers=[handler], level=max(LEVELS[config.log_level], logging.WARNING), force=True)


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """Every line logged in here carries these facts; those that are empty are left out."""
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in facts.items() if value}):
        yield


def masked(_logger: Any, _method: str, line: Any) -> Any:
    """Hide what is secret by its name or by its look; what is logged is read by more people than the database."""
    for name, value in line.items():
        if _SECRET_NAME.search(name) and value:
            line[name] = MASK
        elif isinstance(value, str):
            line[name] = _SECRET_TEXT.sub(_hidden, value)
        elif isinstance(value, dict):
            line[name] = masked(None, "", dict(value))
    return line


def _hidden(found: re.Match[str]) -> str:
    user = found.group(1)
    return MASK if user is None else f"{user}:{MASK}"


def _plain(_logger: Any, _method: str, line: Any) -> Any:
    line.pop("_record", None)
    line.pop("_from_structlog", None)
    return line
