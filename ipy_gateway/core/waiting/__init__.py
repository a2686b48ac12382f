"""Waiting: deadlines, wake-ups, and telling how far it is."""
