"""ORD: the two orders, each by itself and compared with the other; one module a topic.

| topic | clauses |
|---|---|
| `sequence` (on a page, and from page to page) | ORD-001, ORD-002, ORD-003, ORD-004 |
| `both` (the two compared) | ORD-005, ORD-006 |
| `ties` | ORD-007 |
"""

from contracts.clauses.ordering import both, sequence, ties

__all__ = ["both", "sequence", "ties"]
