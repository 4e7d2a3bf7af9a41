"""One list operation: its document and our overlay, its requests, its answers' schema, and strict JSON."""
