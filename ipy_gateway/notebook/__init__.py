"""The one floor that knows IPython: magics, the loop bridge, live output."""
