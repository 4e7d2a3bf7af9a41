"""The words that all other packages speak, errors, text, and interrupts."""
