"""Files: read where they lie, written whole, and gone when they were temporary."""
