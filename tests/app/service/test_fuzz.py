"""Schemathesis asks what the service's own description allows, and what it forbids; the service must keep its word."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.app.service.conftest import finished, running, send

load_all_checks()

_NOT_PROMISED = CHECKS.get_by_names(
    [
        # as many intensities as peaks, one of them above 0: more than a schema can say
        "positive_data_acceptance",
    ]
)
_OPERATIONS = (
    "POST /v1/sequence",
    "GET /v1/jobs/{job_id}",
    "POST /v1/jobs/{job_id}/cancel",
    "GET /v1/jobs/{job_id}/results",
    "GET /v1/jobs/{job_id}/results.{ending}",
    "GET /v1/jobs/{job_id}/spectra/{number}",
    "DELETE /v1/jobs/{job_id}",
    "GET /v1/model",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
)


@pytest.fixture(scope="module")
def service_and_schema(sequencer):
    with running(sequencer) as service:
        yield service, schemathesis.openapi.from_url(f"{service.url}/openapi.json")


@pytest.fixture
def job_id(service_and_schema):
    """A job with an answer."""
    service, _ = service_and_schema
    content = b"BEGIN IONS\nPEPMASS=500\nCHARGE=2+\n100 1\n200 2\nEND IONS\n"
    job_id = send(service.client, content, steps=1)["id"]
    finished(service.client, job_id)
    return job_id


@pytest.mark.parametrize("label", _OPERATIONS)
def test_the_service_keeps_its_description(service_and_schema, job_id, label):
    _, schema = service_and_schema
    operations = {each.label: each for each in (result.ok() for result in schema.get_all_operations())}
    assert set(operations) == set(_OPERATIONS)
    operation = operations[label]
    modes = [GenerationMode.POSITIVE]
    if operation.path_parameters or operation.query or operation.body:
        modes.append(GenerationMode.NEGATIVE)

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]), meets_the_job=st.booleans())
    def fuzz(case, meets_the_job):
        is_valid = case.meta.generation.mode == GenerationMode.POSITIVE
        if meets_the_job and is_valid and "job_id" in case.path_parameters:
            case.path_parameters["job_id"] = job_id
        case.call_and_validate(excluded_checks=_NOT_PROMISED)

    fuzz()
