"""What the suite costs and what it catches, beside Schemathesis's own command line."""
