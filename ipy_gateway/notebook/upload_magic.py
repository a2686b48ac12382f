"""What %upload does: it shows a place to drop or record something, which is transcribed then."""

from IPython.core.interactiveshell import InteractiveShell

from ..core.exceptions import InvalidRequestError
from .display import is_terminal
from .lines.upload_options import parse_upload_line


def upload(line: str, shell: InteractiveShell) -> None:
    """Show the widget that a line of %upload asks for.

    Raises:
        InvalidRequestError: an option is wrong, or there is no page.
    """
    options = parse_upload_line(line)
    if is_terminal(shell):
        raise InvalidRequestError(
            "A terminal has no place to drop a recording.",
            "Write %transcribe talk.wav, or open a notebook.",
        )
    from .upload.upload_widget import AudioUpload  # ipywidgets take longer than all else together

    widget = AudioUpload(
        language=options.language,
        prompt=options.prompt,
        model=options.model,
        words=options.words,
        again=options.again,
    )
    if options.output:
        names, name = shell.user_ns, options.output
        names[name] = widget.transcripts
        widget.observe(lambda change: names.update({name: change.new}), "transcripts")
    widget._ipython_display_()
