"""TOK: opaque tokens, compared with the pages that gave them; one module a topic.

| topic | clauses |
|---|---|
| `walks` (where tokens are given, and where they lead) | TOK-001, TOK-002, TOK-003, TOK-004, TOK-005 |
| `misuse` | TOK-006, TOK-007, TOK-008 |

`reading` holds what they share.
"""

from contracts.clauses.tokens import misuse, walks

__all__ = ["misuse", "walks"]
