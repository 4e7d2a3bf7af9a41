"""A cache whose key leaves something out."""

from __future__ import annotations

from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Response

FOR_EVER = 1 << 30


def remembered(behaviour: Behaviour, asked: Asked, *key: str, requests: int = FOR_EVER) -> Response:
    """The page of an earlier request that agrees in the fields ``key`` of `Asked`, or the right one.

    Args:
        behaviour: Whose memory is used.
        asked: What is asked for now.
        key: What the cache compares.
        requests: For how many requests after the first one its answer is kept.
    """
    place = tuple(getattr(asked, name) for name in key)
    number, response = behaviour.memory.get(place, (-FOR_EVER, None))
    if response is None or asked.request.number - number > requests:
        response = Behaviour.page(behaviour, asked)
        behaviour.memory[place] = (asked.request.number, response)
    kept: Response = response
    return replace(kept, headers=list(kept.headers))
