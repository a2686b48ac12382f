"""From a recording of any length to a transcript."""
