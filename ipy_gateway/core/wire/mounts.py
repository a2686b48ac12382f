"""Transports of other URL schemes than http's: named here, and imported when a client is opened."""

# By scheme, as "module:attribute"; the package mounts its embedded engine.
mounted_transports: dict[str, str] = {}
