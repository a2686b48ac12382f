"""Transcripts: the values, and the files that are made of them."""
