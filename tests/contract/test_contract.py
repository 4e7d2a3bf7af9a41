"""One test a clause, against the target of ``--base-url`` or the embedded server."""

from contracts.suite import test_clause

__all__ = ["test_clause"]
