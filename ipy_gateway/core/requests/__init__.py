"""Requests: which server gets them, how often, and what they may cost."""
