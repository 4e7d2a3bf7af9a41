"""PAG: pages and cursors, one module a topic.

| topic | clauses |
|---|---|
| `size` | PAG-001, PAG-002, PAG-003, PAG-023 |
| `content` | PAG-008, PAG-012 |
| `ends` (`first_id`, `last_id`) | PAG-004, PAG-005, PAG-006, PAG-007 |
| `has_more` | PAG-014, PAG-015, PAG-016 |
| `cursors` (`after`) | PAG-010, PAG-011, PAG-018, PAG-021, PAG-022, PAG-024 |
| `walks` | PAG-009, PAG-013, PAG-017 |
| `repetition` | PAG-019, PAG-020, PAG-025 |
"""

from contracts.clauses.pages import content, cursors, ends, has_more, repetition, size, walks

__all__ = ["content", "cursors", "ends", "has_more", "repetition", "size", "walks"]
