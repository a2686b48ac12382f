"""Exchanges with servers, recorded and replayed."""
