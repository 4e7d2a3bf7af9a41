"""SEC: who may look, one module a topic. Nothing here knows a key: an exchange names the form that was sent.

| topic | clauses |
|---|---|
| `keys` (which are refused) | SEC-001, SEC-002, SEC-003, SEC-004, SEC-005, SEC-006, SEC-007, SEC-011 |
| `refusals` (what they say) | SEC-008, SEC-009, SEC-012 |
| `ways_in` (other queries, paths and callers) | SEC-010, SEC-013, SEC-014, SEC-015 |

`reading` holds what they share.
"""

from contracts.clauses.access import keys, refusals, ways_in

__all__ = ["keys", "refusals", "ways_in"]
