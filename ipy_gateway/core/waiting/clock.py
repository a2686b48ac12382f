"""A time in a recording, as people write it."""


def clock(seconds: float) -> str:
    """A time as people write it: "0:05", "12:05", "1:02:33"."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}" if minutes >= 60 else f"{minutes}:{second:02}"
