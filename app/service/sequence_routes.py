"""`POST /v1/sequence`: JSON spectra are answered at once, a file becomes a job."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from app.service.batching import BusyError
from app.service.forms import FILE_FIELD, MOST_AROUND_BYTES, FormFile
from app.service.job_routes import job_status
from app.service.limits import Limits
from app.service.schemas import (
    Answers,
    FileQuery,
    JobStatus,
    Problem,
    SequenceRequest,
    SpectrumIn,
    ValidationProblem,
)
from app.service.security import is_from_another_page
from app.service.service import Service, TheService
from app.service.uploads import limited, shown_name, store, too_large, unstalled
from data.readers.record import Record, Skip, to_spectra
from data.schema import Spectrum

router = APIRouter(tags=["sequence"])

_JSON, _FILE, _FORM = "application/json", "application/octet-stream", "multipart/form-data"
_BODY = {
    "required": True,
    "content": {
        _JSON: {"schema": {"$ref": "#/components/schemas/SequenceRequest"}},
        _FILE: {"schema": {"type": "string", "format": "binary"}},
        _FORM: {
            "schema": {
                "type": "object",
                "properties": {
                    FILE_FIELD: {
                        "type": "string",
                        "format": "binary",
                        "description": "With a file name, which is shown.",
                    }
                },
                "required": [FILE_FIELD],
                "additionalProperties": False,
            }
        },
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Answers, "description": "The answers of JSON spectra."},
    202: {"model": JobStatus, "description": "The file is stored; its job waits for its turn."},
    400: {"model": Problem, "description": "The connection broke before the whole body was there."},
    403: {"model": Problem, "description": "A browser sends a form for a page of another address."},
    408: {"model": Problem, "description": "Nothing more of the body came."},
    413: {"model": Problem, "description": "The body is too large."},
    415: {"model": Problem, "description": "The body is neither JSON nor a file nor a form."},
    422: {"model": ValidationProblem, "description": "Something in the request is wrong, or too much."},
    429: {"model": Problem, "description": "Too much waits already."},
    503: {"model": Problem, "description": "It took too long, the disk is full, or the service is shutting down."},
}


class TooSlowError(BusyError):
    """A request was not answered in its time."""


@router.post(
    "/v1/sequence", response_model=None, responses=_RESPONSES, openapi_extra={"requestBody": _BODY}, name="sequence"
)
async def sequence(
    request: Request,
    service: TheService,
    query: Annotated[FileQuery, Query()],
) -> Response:
    """Sequence spectra.

    JSON spectra (`application/json`) are answered at once. A file (MGF, mzML, mzXML or MSP, plain or gz) is stored and
    becomes a job: as the body (`application/octet-stream`), or as the field `file` of a form (`multipart/form-data`).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _JSON:
        return await _answer(request, service)
    if kind == _FILE:
        return await _queue(request, service, query)
    if kind == _FORM:
        # a browser sends forms for any page without asking first, unlike the other kinds
        if is_from_another_page(request):
            return JSONResponse({"detail": f"A page of another address may not send forms; send {_FILE}."}, 403)
        return await _queue(request, service, query, FormFile(request.headers["content-type"]))
    return JSONResponse({"detail": f"Send {_JSON} or, for a file, {_FILE} or {_FORM}."}, 415)


async def _answer(request: Request, service: Service) -> Response:
    limits = service.limits
    body = b"".join([part async for part in _body(request, limits, limits.request_bytes)])
    asked, spectra = await run_in_threadpool(_read, body, limits)
    waiting = asyncio.wrap_future(service.batcher.submit(spectra, asked.steps))
    try:
        predictions = await asyncio.wait_for(waiting, limits.seconds_per_request)
    except TimeoutError:
        raise TooSlowError(
            f"no answer within {limits.seconds_per_request:g} s", remedy="Send fewer spectra, or a file"
        ) from None

    def written() -> bytes:
        pairs = zip(predictions, spectra, strict=True)
        answers = [service.explainer.answer(prediction, spectrum, asked.include) for prediction, spectrum in pairs]
        return Answers(answers=answers).model_dump_json().encode()

    return Response(await run_in_threadpool(written), media_type=_JSON)


async def _queue(request: Request, service: Service, query: FileQuery, form: FormFile | None = None) -> Response:
    jobs, most_bytes = service.jobs, service.limits.upload_bytes
    job = jobs.prepare(query.steps)
    try:
        if form is None:
            file = _body(request, service.limits, most_bytes)
        else:
            file = form.stream(_body(request, service.limits, most_bytes + MOST_AROUND_BYTES))
        await store(file, job.upload, most_bytes)
        job.name = shown_name(query.name or (form.name if form else ""))
        jobs.start(job)
    except BaseException:
        jobs.discard(job)
        raise
    return JSONResponse(job_status(job, jobs).model_dump(mode="json"), 202, {"Location": f"/v1/jobs/{job.id}"})


def _body(request: Request, limits: Limits, most_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes; one that is announced as too large is not waited for."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most_bytes:
        raise too_large(most_bytes)
    return limited(unstalled(request.stream(), limits.seconds_between_parts), most_bytes)


def _read(body: bytes, limits: Limits) -> tuple[SequenceRequest, list[Spectrum]]:
    """The request and its spectra.

    Raises
    ------
    RequestValidationError : what is wrong, and where.
    """
    try:
        asked = SequenceRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        ) from None
    if len(asked.spectra) > limits.spectra_per_request:
        raise _wrong(("spectra",), f"more than {limits.spectra_per_request} spectra; send a file")
    return asked, [_spectrum(number, each, limits) for number, each in enumerate(asked.spectra)]


def _spectrum(number: int, given: SpectrumIn, limits: Limits) -> Spectrum:
    if len(given.mz) > limits.peaks_per_spectrum:
        raise _wrong(("spectra", number, "mz"), f"more than {limits.peaks_per_spectrum} peaks")
    record = Record(
        given.id,
        np.array(given.mz),
        np.array(given.intensity),
        precursor_mz=given.precursor_mz,
        charges=(given.precursor_charge,),
        retention_time=given.retention_time,
        collision_energy=given.collision_energy,
        instrument=given.instrument,
    )
    try:
        (spectrum,) = to_spectra(record, unannotated=Counter())
    except Skip as skip:
        raise _wrong(("spectra", number), str(skip)) from None
    return spectrum


def _wrong(place: tuple[str | int, ...], message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", *place), "msg": message, "type": "value_error"}])
