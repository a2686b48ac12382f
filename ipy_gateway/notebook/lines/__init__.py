"""The line of a magic: its options, and what they mean."""
