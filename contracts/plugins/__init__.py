"""The suite in other test runners."""
