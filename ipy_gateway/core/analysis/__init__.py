"""Questions about recordings of any length."""
