"""A run as a HAR file that `contracts.runs.replay` judges again."""

from __future__ import annotations

import heapq
from pathlib import Path

from contracts.core.result import Result
from contracts.traffic.har import write_har


def record(result: Result, path: Path) -> None:
    """Write all that a run asked and was answered, to be judged again.

    Raises:
        ConfigurationError: The file can't be written.
    """
    target = result.target
    about: dict[str, object] = {
        "name": target.name,
        "checkpoint": target.checkpoint,
        "other_checkpoint": target.other_checkpoint,
        "empty_checkpoint": target.empty_checkpoint,
        "user_key": target.user_key,
        "seed": result.seed,
        "document_sha256": result.document_sha256,
    }
    # Both are in the order of their numbers; what is on disk is read one by one.
    exchanges = heapq.merge(result.exchanges, result.spooled, key=lambda exchange: exchange.number)
    write_har(
        path,
        exchanges,
        base_url=target.base_url,
        version=result.version,
        about=about,
        repetitions=result.repetitions,
        key_header=target.key_header,
    )
