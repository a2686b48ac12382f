"""Values in; text, Markdown and HTML out. Knows no IPython."""
