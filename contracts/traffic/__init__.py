"""Asking over HTTP: credentials, the read-only client, recordings, and commands that ask again by hand."""
