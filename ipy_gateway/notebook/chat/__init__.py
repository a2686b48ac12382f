"""A question in a cell, and the answer while it is written."""
