"""What servers answer, as values."""
