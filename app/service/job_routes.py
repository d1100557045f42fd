"""`/v1/jobs/…`: how far a file is, its answers page by page, one spectrum with all that is known, and the tables."""

import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, HTTPException, Path, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from app.service.explain import EVERYTHING
from app.service.jobs import Job, Jobs
from app.service.schemas import JobStatus, PageQuery, Problem, ResultPage, SpectrumDetail, ValidationProblem
from app.service.service import TheService
from data.writers import write_predictions

_GONE: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such job, or no longer."},
    422: {"model": ValidationProblem, "description": "Something in the request is wrong."},
}
router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"], responses=_GONE)

JobId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="The `id` of its status.")]
_Ending = Literal["mztab", "tsv", "csv", "parquet"]
_JSON = "application/json"
_MEDIA: dict[str, str] = {
    "mztab": "text/tab-separated-values",
    "tsv": "text/tab-separated-values",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}

_Read = TypeVar("_Read")


@router.get("", response_model=JobStatus)
async def status(job_id: JobId, service: TheService) -> JobStatus:
    """How far a job is."""
    return job_status(_job(job_id, service), service.jobs)


@router.post("/cancel", response_model=JobStatus)
async def cancel(job_id: JobId, service: TheService) -> JobStatus:
    """Stop a job after the batch it is at; what it has found can still be had."""
    job = _job(job_id, service)
    service.jobs.cancel(job)
    return job_status(job, service.jobs)


@router.delete("", status_code=204, response_description="It is gone.")
async def remove(job_id: JobId, service: TheService) -> Response:
    """Stop a job and forget it with all its files."""
    service.jobs.remove(_job(job_id, service))
    return Response(status_code=204)


@router.get("/results", response_model=ResultPage)
def results(job_id: JobId, service: TheService, query: Annotated[PageQuery, Query()]) -> Response:
    """The answers from an offset on, while the job is still at work, too."""
    job = _job(job_id, service)
    predictions = _while_it_is_there(lambda: list(job.predictions.read(query.offset, query.limit)))
    answers = [service.explainer.answer(prediction) for prediction in predictions]
    # written here, for FastAPI would check each of a thousand answers again
    return Response(ResultPage(done=len(job.predictions), answers=answers).model_dump_json(), media_type=_JSON)


@router.get(
    "/results.{ending}",
    response_class=FileResponse,
    response_description="The file.",
    responses={200: {"content": {media: {"schema": {"type": "string"}} for media in _MEDIA.values()}}},
)
def table(job_id: JobId, ending: _Ending, service: TheService) -> FileResponse:
    """What has been found so far as a file, the same as `peptrm sequence` writes."""
    job = _job(job_id, service)

    def write() -> FilePath:
        path = FilePath(tempfile.mkdtemp(dir=job.folder)) / f"results.{ending}"
        write_predictions(
            job.predictions.read(),
            path,
            source_files=[FilePath("/uploaded", job.name)],  # a name to refer to; nothing lies there
            software_version=version("peptrm"),
            readable=service.sequencer.readable_tokens,
        )
        return path

    path = _while_it_is_there(write)
    return FileResponse(
        path,
        media_type=_MEDIA[ending],
        filename=f"{job.name}.{'mzTab' if ending == 'mztab' else ending}",
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


@router.get("/spectra/{number}", response_model=SpectrumDetail)
def spectrum(
    job_id: JobId, number: Annotated[int, Path(ge=0, le=2**53, description="From 0.")], service: TheService
) -> SpectrumDetail:
    """One spectrum with its peaks, the refinement steps, the candidates, the ions, and the predicted spectrum."""
    job = _job(job_id, service)
    if number >= len(job.predictions):
        raise HTTPException(404, "This spectrum is not sequenced, or not yet.")
    (prediction,) = _while_it_is_there(lambda: list(job.predictions.read(number, 1)))
    found = _while_it_is_there(lambda: job.spectra[number])
    return SpectrumDetail(
        answer=service.explainer.answer(prediction, found, EVERYTHING),
        mz=found.mz.round(5).tolist(),
        intensity=found.intensity.round(5).tolist(),
    )


def job_status(job: Job, jobs: Jobs) -> JobStatus:
    """What is told of a job."""
    done, seconds = len(job.predictions), job.seconds
    left = None
    if job.state == "sequencing" and done and job.total:
        left = round(seconds * (job.total - done) / done, 1)
    return JobStatus(
        id=job.id,
        name=job.name,
        state=job.state,
        ahead=jobs.ahead_of(job),
        done=done,
        total=job.total,
        seconds=round(seconds, 2),
        seconds_left=left,
        skipped=dict(job.skipped),
        problem=job.problem,
        created=job.created.isoformat(timespec="seconds"),
    )


def _job(job_id: str, service: TheService) -> Job:
    job = service.jobs.get(job_id)
    if job is None:
        raise _gone()
    return job


def _while_it_is_there(read: Callable[[], _Read]) -> _Read:
    """The job's files may be removed between two lines."""
    try:
        return read()
    except FileNotFoundError:
        raise _gone() from None


def _gone() -> HTTPException:
    return HTTPException(404, "There is no such job, or no longer.")
