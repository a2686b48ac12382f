"""`{{name}}` in a question: what a user's variables are to a model."""
