"""The report for programs: JSON that ``report.schema.json`` describes."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources
from typing import Any

from contracts.core.result import Figures
from contracts.reports.view import FORMAT, Report

SCHEMA_ID = "urn:checkpoint-permissions-contracts:report:1"


def document(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    families = [
        {
            "id": family.id,
            "name": family.name,
            "counts": {verdict.value: number for verdict, number in family.counts.items()},
            "clauses": [row.id for row in family.clauses],
        }
        for family in report.families
    ]
    return {
        "$schema": SCHEMA_ID,
        "format": FORMAT,
        "suite": {"name": "contracts", "version": report.version},
        "verdict": report.verdict,
        "headline": report.headline,
        "exit_code": report.exit_code,
        "interrupted": report.interrupted,
        "target": {
            "name": report.name or None,
            "base_url": report.base_url,
            "embedded": report.embedded or None,
            "checkpoint": report.checkpoint,
            "other_checkpoint": report.other_checkpoint,
            "empty_checkpoint": report.empty_checkpoint,
            "user_key": report.user_key,
        },
        "document": {"name": report.document, "sha256": report.document_sha256 or None},
        "seed": report.seed,
        "began": report.began,
        "list": {"permissions": report.items, "projects": report.projects, "complete": report.complete},
        "gate": list(report.gate),
        "requests": {
            "total": report.requests,
            "by_probe": dict(report.requests_by_probe),
            "waits": report.waits,
            "waited_seconds": round(report.waited, 3),
            "retries": report.retries,
        },
        "seconds": round(report.seconds, 3),
        "notes": list(report.notes),
        "repeat": report.repeat or None,
        "counts": {verdict.value: number for verdict, number in report.counts.items()},
        "failing": list(report.failing),
        "causes": [
            {name: value for name, value in asdict(cause).items() if name not in {"text", "example"}}
            for cause in report.causes
        ],
        "deviations": [
            {name: value for name, value in asdict(entry).items() if name != "text"} for entry in report.deviations
        ],
        "families": families,
        "clauses": [asdict(row) for row in report.clauses],
        **({} if report.load is None else {"load": _load(report.load)}),
    }


def _load(figures: Figures) -> dict[str, Any]:
    return asdict(figures) | {name: round(getattr(figures, name), 3) for name in ("seconds", "rate", "stretch")}


def render(report: Report) -> str:
    """The report as a JSON text of ASCII characters only."""
    return json.dumps(document(report), indent=2, allow_nan=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the report."""
    text = resources.files("contracts.reports").joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
