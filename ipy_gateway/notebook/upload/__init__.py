"""The upload widget: its page, its protocol, what it keeps."""
