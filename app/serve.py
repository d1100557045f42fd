"""`peptrm serve`: checks who could reach the service, loads the model, and runs until it is told to stop."""

import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from app.options import (
    BatchSize,
    Device,
    Fixed,
    IsotopeErrors,
    MaxModifications,
    Model,
    Modification,
    Open,
    PrecursorTolerance,
    Threads,
)
from app.service.keys import is_loopback, read_keys
from data.errors import InputError

_GRACE_S = 15
"""For requests that are being answered when the service is told to stop."""

_CONNECTIONS = 512


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    api_keys: Annotated[
        Path | None, typer.Option(help="File of keys, one a line: every request must bear one of them.")
    ] = None,
    without_keys: Annotated[bool, typer.Option("--without-keys", help="Let other machines ask without a key.")] = False,
    keep_minutes: Annotated[float, typer.Option(min=0.1, help="Finished jobs and their files stay so long.")] = 60.0,
    model: Model = None,
    device: Device = "auto",
    threads: Threads = None,
    batch_size: BatchSize = "auto",
    modification: Modification = None,
    fixed: Fixed = None,
    max_modifications: MaxModifications = None,
    open_search: Open = False,
    precursor_tolerance_ppm: PrecursorTolerance = None,
    isotope_errors: IsotopeErrors = 0,
) -> None:
    """A page and a REST service: drop spectra, see their peptides coloured by confidence."""
    keys = read_keys(api_keys) if api_keys else []
    if not is_loopback(host) and not keys and not without_keys:
        raise InputError(
            f"other machines can reach {host}, and there are no keys",
            remedy="Give --api-keys FILE, or --without-keys if anybody may use this service",
        )
    listener = _listen(host, port)
    from app.sequencer import make_sequencer  # here, for `peptrm --help` and what is refused above are to be quick
    from app.service.api import create_app
    from app.service.limits import Limits

    sequencer = make_sequencer(
        model,
        device=device,
        threads=threads,
        batch_size=batch_size,
        modification=modification,
        fixed=fixed,
        max_modifications=max_modifications,
        open_search=open_search,
        precursor_tolerance_ppm=precursor_tolerance_ppm,
        isotope_errors=isotope_errors,
    )
    app = create_app(sequencer, Limits(keep_seconds=60 * keep_minutes), keys=keys, any_host=not is_loopback(host))
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"PepTRM is at http://{shown}:{listener.getsockname()[1]}/ until Ctrl-C", err=True)
    _run(app, listener)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_CONNECTIONS)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}, port {port} ({error.strerror or error})",
            remedy="Choose another --port or --host",
        ) from None


def _run(app: object, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; both end with status 0 once all is answered and removed."""
    import uvicorn

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )
    # uvicorn raises the signal again when all is done
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    uvicorn.Server(config).run(sockets=[listener])


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
