"""One operation cut out of an API's document.

The vendor's document describes hundreds of operations. Only the one in question and the components that it
refers to are kept, so that everything after this works on a page of text instead of three megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.core.errors import ConfigurationError
from contracts.core.wording import excerpt
from contracts.openapi.body import DEEPEST
from contracts.openapi.document import Document, tree, unusable
from contracts.openapi.nodes import mapping, sequence
from contracts.openapi.references import References, references, references_in_place, steps

JSON_MEDIA_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Reduced:
    """A document that holds one operation: under which path, and which media type its 200 answer has."""

    data: dict[str, Any]
    path: str
    media_type: str


def reduce(document: Document, *, path: str, operation_id: str, whole: bool = False) -> Reduced:
    """Cut one GET operation out of a document, with the components that it refers to, directly or not.

    References to a path item, a parameter or a response are replaced by what they refer to; references
    between schemas stay.

    Args:
        document: The document to cut from; it is not changed.
        path: The end of the operation's path, ``{}`` standing for any path parameter.
        operation_id: What the operation is called if no path ends so.
        whole: Whether the path is the operation's whole path, as the document writes it.

    Raises:
        ConfigurationError: The operation is not there, has no JSON answer, or refers to what is not there.
    """
    return _Reducer(document).reduce(path, operation_id, whole=whole)


def fits(ending: str, template: str) -> bool:
    """Whether a path ends so, ``{}`` standing for any path parameter."""
    return re.fullmatch(".*" + re.escape(ending).replace(r"\{\}", r"\{[^{}/]+\}"), template) is not None


class _Reducer:
    def __init__(self, document: Document) -> None:
        self._name = document.name
        self._data = document.data
        self._references = References(document.name, document.data)
        self._kept: dict[str, Any] = {}

    def reduce(self, path: str, operation_id: str, *, whole: bool) -> Reduced:
        if whole:
            template, item = path, self._references.resolved(self._data["paths"][path], f"paths/{path}")
        else:
            template, item = self._find(path, operation_id)
        operation = dict(item["get"])
        place = f"paths/{template}/get"
        parameters = [*sequence(item.get("parameters")), *sequence(operation.get("parameters"))]
        operation["parameters"] = [
            self._described(self._references.resolved(parameter, f"{place}/parameters/{index}"))
            for index, parameter in enumerate(parameters)
        ]
        operation["responses"] = {
            status: self._references.resolved(response, f"{place}/responses/{status}")
            for status, response in mapping(operation.get("responses")).items()
        }
        media_type = self._media_type(operation["responses"], place)

        kept = ("openapi", "info", "jsonSchemaDialect", "servers")
        head = {key: self._data[key] for key in kept if key in self._data}
        item = {key: value for key, value in item.items() if key in ("servers", "summary", "description")}
        self._collect(operation, place)
        self._collect_security(operation)
        reduced = {**head, "paths": {template: {**item, "get": operation}}, "components": self._kept}
        if "security" in self._data:
            reduced["security"] = self._data["security"]
        self._refuse_endless_references()
        # Shared and self-containing nodes (YAML aliases) become a tree, so that an overlay changes one place.
        return Reduced(tree(reduced, self._name), template, media_type)

    def _error(self, *, problem: str, remedy: str) -> ConfigurationError:
        return unusable(self._name, problem=problem, remedy=remedy)

    def _find(self, path: str, operation_id: str) -> tuple[str, dict[str, Any]]:
        by_id: list[tuple[str, dict[str, Any]]] = []
        by_path: list[tuple[str, dict[str, Any]]] = []
        for template, item in mapping(self._data.get("paths")).items():
            matches = fits(path, template)
            if not matches and "get" not in mapping(item):
                continue
            resolved = self._references.resolved(item, f"paths/{template}") if matches else item
            operation = resolved.get("get")
            if not isinstance(operation, dict):
                continue
            if matches:
                by_path.append((template, resolved))
            elif operation.get("operationId") == operation_id:
                by_id.append((template, resolved))
        found = by_path or by_id
        if not found:
            problem = f"has no operation GET {path.replace('{}', '{…}')}"
            raise self._error(problem=problem, remedy="name one that it has by --operation (`contracts operations`)")
        if len(found) > 1:
            places = " and ".join(template for template, _ in found[:2])
            raise self._error(problem=f"describes the operation twice, at {places}", remedy="leave one of them")
        return found[0]

    def _described(self, parameter: dict[str, Any]) -> dict[str, Any]:
        """A parameter, and a header that says nothing of itself with what another operation says of it."""
        if parameter.get("in") != "header" or parameter.get("description"):
            return parameter
        said = (each.get("description") for each in self._headers() if each.get("name") == parameter.get("name"))
        description = next(filter(None, said), None)
        return parameter if description is None else {**parameter, "description": description}

    def _headers(self) -> Iterator[dict[str, Any]]:
        """The header parameters of all operations that stand in their place."""
        for item in self._data["paths"].values():
            for operation in mapping(item).values():
                for each in sequence(mapping(operation).get("parameters")):
                    if mapping(each).get("in") == "header":
                        yield each

    def _media_type(self, responses: Mapping[str, Any], place: str) -> str:
        for media_type, body in mapping(responses.get("200", {}).get("content")).items():
            essence = media_type.partition(";")[0].strip().lower()
            if essence == JSON_MEDIA_TYPE and isinstance(mapping(body).get("schema"), dict):
                return media_type
        raise self._error(
            problem=f"describes no 200 answer with a schema for {JSON_MEDIA_TYPE} at {place}", remedy="add it"
        )

    def _collect(self, node: Any, place: str) -> None:
        """Keep every component that a node refers to, and what those refer to."""
        waiting = [(node, place)]
        while waiting:
            current, where = waiting.pop()
            for reference in references(current):
                target = self._references.target(reference, where)
                parts = steps(reference)
                if parts[:1] != ["components"] or not parts[2:]:
                    raise self._error(
                        problem=f"refers to {excerpt(reference)} at {where}",
                        remedy="move what it refers to into components",
                    )
                component = self._references.target("/".join(reference.split("/")[:4]), where)
                kind = self._kept.setdefault(parts[1], {})
                if not isinstance(target, dict | bool):
                    raise self._error(
                        problem=f"refers to {excerpt(reference)} at {where}, which is no schema",
                        remedy="fix the reference",
                    )
                if parts[2] not in kind:
                    kind[parts[2]] = component
                    waiting.append((component, "/".join(parts[:3])))

    def _collect_security(self, operation: Mapping[str, Any]) -> None:
        requirements = sequence(operation.get("security", self._data.get("security")))
        schemes = mapping(mapping(self._data.get("components")).get("securitySchemes"))
        for name in sorted({name for requirement in requirements for name in mapping(requirement)}):
            if name not in schemes:
                raise self._error(
                    problem=f"requires the security scheme {excerpt(name)}, which is not there", remedy="fix it"
                )
            self._kept.setdefault("securitySchemes", {})[name] = self._references.resolved(
                schemes[name], f"components/securitySchemes/{name}"
            )

    def _refuse_endless_references(self) -> None:
        """A schema that must be applied to a value before it can be applied to that value has no meaning."""
        done: set[str] = set()

        def visit(reference: str, trail: tuple[str, ...]) -> None:
            if reference in trail or len(trail) > DEEPEST:
                raise self._error(
                    problem=f"has a reference that leads back to itself at {excerpt(reference)}", remedy="fix it"
                )
            if reference in done:
                return
            for further in references_in_place(self._references.target(reference, reference)):
                visit(further, (*trail, reference))
            done.add(reference)

        for name in self._kept.get("schemas", {}):
            for reference in references(self._kept["schemas"][name]):
                visit(reference, ())
