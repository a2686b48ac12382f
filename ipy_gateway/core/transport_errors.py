"""What stands behind an error of ours: the one of the network library that it was made of."""

import ssl
from collections.abc import Iterator


def certificate_problem(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Why the certificate of a server was not accepted, where that is what the error is about."""
    return next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLCertVerificationError)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
        if isinstance(error, BaseExceptionGroup):  # anyio tries each address of a host
            error = error.exceptions[0]
