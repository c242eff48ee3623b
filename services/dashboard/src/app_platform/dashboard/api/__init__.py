"""The HTTP API for scripts, under ``/api/v1``: the same access and the same checks as the pages, JSON instead of HTML.

A bearer token of the identity provider says who asks; cookies are not looked at, so that no page elsewhere can have a browser ask.
Errors are problem details (RFC 9457). Described by OpenAPI 3.1 at ``/api/v1/openapi.json``.
"""
