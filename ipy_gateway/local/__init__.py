"""The embedded engine behind the base URL local://engine."""
