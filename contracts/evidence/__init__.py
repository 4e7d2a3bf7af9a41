"""What was asked and answered, and what the list must therefore hold."""
