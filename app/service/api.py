"""The application: routes, errors as status codes, and what happens when it starts and ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect

from app.service import job_routes, sequence_routes
from app.service.batching import BusyError, ClosedError
from app.service.forms import FormError
from app.service.limits import Limits
from app.service.page import page_routes
from app.service.schemas import Health, ModelStatus, Problem, SequenceRequest
from app.service.security import LOOPBACK_NAMES, add_headers, key_check
from app.service.sequence_routes import TooSlowError
from app.service.service import Service, TheService
from app.service.uploads import StalledError, TooLargeError
from data.errors import PepTRMError
from model.inference import Sequencer

_CLEAN_EVERY_S = 30.0
_RETRY_AFTER_S = "5"
_STATUSES = (
    (StalledError, 408),
    (TooLargeError, 413),
    (FormError, 422),
    (TooSlowError, 503),
    (BusyError, 429),
    (ClosedError, 503),
)
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {}}, "description": "In Prometheus' text format."}
}
_NO_KEY: dict[int | str, dict[str, Any]] = {401: {"model": Problem, "description": "The key is missing or wrong."}}
_SCHEMA_PLACE = "#/components/schemas/{model}"

_open = APIRouter(tags=["service"])
_guarded = APIRouter(tags=["service"])


def create_app(
    sequencer: Sequencer, limits: Limits | None = None, *, keys: Sequence[str] = (), any_host: bool = False
) -> FastAPI:
    """The service around a sequencer.

    Parameters
    ----------
    keys : one of which every request to ``/v1`` and ``/metrics`` must bear; none: anybody may ask.
    any_host : answer under any host name; else under loopback's alone, so that no web page of another name can make
        its visitor's browser ask.
    """
    service = Service(sequencer, limits or Limits())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        cleaning = asyncio.create_task(_clean(service))
        try:
            yield
        finally:
            cleaning.cancel()
            with suppress(asyncio.CancelledError):
                await cleaning
            await asyncio.to_thread(service.close)

    app = _with_routes(keys, lifespan=lifespan)
    app.state.service = service
    app.include_router(page_routes())
    app.middleware("http")(service.metrics.measure)
    app.middleware("http")(add_headers)
    if not any_host:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES)
    _tell_errors(app)
    return app


def description() -> dict[str, Any]:
    """The OpenAPI description of a service that asks for keys."""
    return _with_routes([""]).openapi()


def _with_routes(keys: Sequence[str], **options: Any) -> FastAPI:
    app = FastAPI(
        title="PepTRM",
        summary="Peptides from tandem mass spectra, without a protein database.",
        version=version("peptrm"),
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
        **options,
    )
    guards = [Depends(key_check(keys))] if keys else []
    refused = _NO_KEY if keys else {}
    for router in (sequence_routes.router, job_routes.router, _guarded):
        app.include_router(router, dependencies=guards, responses=refused)
    app.include_router(_open)
    _describe_body(app)
    return app


@_open.get("/healthz", response_model=Health)
async def healthz() -> Health:
    """The process lives."""
    return Health(status="alive")


@_open.get(
    "/readyz", response_model=Health, responses={503: {"model": Health, "description": "Not yet, or no longer."}}
)
async def readyz(service: TheService, response: Response) -> Health:
    """Spectra are being answered."""
    if service.batcher.ready:
        return Health(status="ready")
    response.status_code = 503
    return Health(status="not ready")


@_guarded.get("/v1/model", response_model=ModelStatus)
async def model(service: TheService) -> ModelStatus:
    """The network that answers, and what the service takes on."""
    sequencer = service.sequencer
    settings = sequencer.network.settings
    return ModelStatus(
        version=version("peptrm"),
        parameters=sum(weight.numel() for weight in sequencer.network.parameters()),
        steps=settings.steps,
        max_steps=settings.max_steps,
        longest_peptide=settings.slots,
        tokens=sequencer.readable_tokens,
        calibrated=sequencer.answerer.calibration is not None,
        fragment_tolerance=f"{settings.fragment_tolerance:g} {settings.fragment_tolerance_unit}",
        precursor_tolerance_ppm=sequencer.decoding.tolerance_ppm,
        device=sequencer.device,
        batch_size=sequencer.batch_size,
        limits=asdict(service.limits),
    )


@_guarded.get("/metrics", response_class=Response, responses=_TEXT)
def metrics(service: TheService) -> Response:
    """Counts and times for Prometheus."""
    return Response(service.metrics.text(service.batcher, service.jobs), media_type=CONTENT_TYPE_LATEST)


async def _clean(service: Service) -> None:
    while True:
        await asyncio.sleep(_CLEAN_EVERY_S)
        await asyncio.to_thread(service.jobs.clean)


def _tell_errors(app: FastAPI) -> None:
    """Each of our errors has a status."""

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> JSONResponse:
        # what was sent is not sent back: it may be large, or no JSON
        told = [{"loc": list(each["loc"]), "msg": each["msg"], "type": each["type"]} for each in error.errors()]
        return JSONResponse({"detail": told}, 422)

    @app.exception_handler(PepTRMError)
    async def refused(request: Request, error: PepTRMError) -> JSONResponse:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
        headers = {"Retry-After": _RETRY_AFTER_S} if status in (429, 503) else None
        return JSONResponse({"detail": str(error)}, status, headers)

    @app.exception_handler(OSError)
    async def full(request: Request, error: OSError) -> JSONResponse:
        return JSONResponse({"detail": f"The service cannot store this ({error.strerror})."}, 503)

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=400)  # nobody is there to read it


def _describe_body(app: FastAPI) -> None:
    """Put the JSON body, which the route reads itself to hold its limits, into the OpenAPI description."""
    generate = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            body = SequenceRequest.model_json_schema(ref_template=_SCHEMA_PLACE)
            parts = body.pop("$defs")
            generate()["components"]["schemas"].update(parts, SequenceRequest=body)
        return generate()

    app.openapi = described  # type: ignore[method-assign]
