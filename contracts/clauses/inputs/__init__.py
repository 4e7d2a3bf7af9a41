"""INP: what the document does not allow, one module a topic.

| topic | clauses |
|---|---|
| `values` (of `order` and `limit`) | INP-001, INP-002, INP-003 |
| `harm` | INP-004, INP-005, INP-008 |
| `errors` (their bodies) | INP-006, INP-007, INP-009 |

`reading` holds what they share.
"""

from contracts.clauses.inputs import errors, harm, values

__all__ = ["errors", "harm", "values"]
