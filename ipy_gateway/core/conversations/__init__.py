"""Conversations, and what fits of them into a model's context."""
