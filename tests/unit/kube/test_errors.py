"""The API server's answers become errors that say what to do and never repeat a Secret's value."""

from typing import Any

import orjson
import pytest

from app_platform.kube import (
    AlreadyExists,
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from app_platform.kube.errors import translate


def status(code: int, reason: str, message: str, **details: Any) -> bytes:
    return orjson.dumps(
        {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    )


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", BadRequest),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (410, "Gone", Gone),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", Unavailable),
        (503, "ServiceUnavailable", Unavailable),
        (504, "Timeout", Unavailable),
        (418, "Teapot", KubeError),
    ],
)
def test_each_answer_has_its_error(code: int, reason: str, kind: type[KubeError]) -> None:
    error = translate(code, status(code, reason, "why"), sensitive=False)
    assert type(error) is kind
    assert (error.status, error.reason, error.message) == (code, reason, "why")
    assert error.transient == (code in (429, 500, 503, 504))


def test_causes_name_the_fields() -> None:
    causes = [{"field": "spec.namespaces[0]", "reason": "FieldValueInvalid", "message": "must start with a-"}]
    error = translate(422, status(422, "Invalid", "refused", causes=causes), sensitive=False)
    assert error.causes == (Cause("spec.namespaces[0]", "FieldValueInvalid", "must start with a-"),)


@pytest.mark.parametrize(
    ("code", "reason"), [(400, "BadRequest"), (403, "Forbidden"), (422, "Invalid"), (500, "InternalError")]
)
def test_what_may_repeat_a_value_of_a_secret_is_left_out(code: int, reason: str) -> None:
    causes = [{"field": "data[a]", "reason": "FieldValueInvalid", "message": 'Invalid value: "canary"'}]
    error = translate(
        code, status(code, reason, 'data[a]: Invalid value: "canary"', causes=causes), sensitive=True
    )
    assert "canary" not in repr((str(error), error.message, error.causes))
    assert "data[a] FieldValueInvalid" in error.message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (404, 'secrets "a" not found'),
        (409, "the object has been modified"),
        (403, 'secrets "a" is forbidden: User "u" cannot get resource "secrets"'),
    ],
)
def test_what_names_only_objects_and_users_is_kept(code: int, message: str) -> None:
    assert translate(code, status(code, "", message), sensitive=True).message == message


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_an_answer_that_is_no_status_is_still_an_error(body: bytes) -> None:
    error = translate(502, body, sensitive=False)
    assert (type(error), error.message, error.reason) == (
        Unavailable,
        "the API server answered 502",
        "Unavailable",
    )


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [("3", {}, 3.0), (None, {"retryAfterSeconds": 2}, 2.0), (None, {}, None), ("soon", {}, None)],
)
def test_the_wait_that_the_server_asks_for(
    header: str | None, details: dict[str, Any], seconds: float | None
) -> None:
    error = translate(429, status(429, "TooManyRequests", "", **details), sensitive=False, retry_after=header)
    assert error.retry_after == seconds
