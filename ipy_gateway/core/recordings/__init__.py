"""Recordings: found, told apart, decoded."""
