"""The product's own application, warmed up before gunicorn forks: a process that is killed often starts often.

Django reads addresses and the API's schema with the first request, which takes seconds; here the master does it once.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from oms.wsgi import application

__all__ = ["application"]


def _warm() -> None:
    # Nobody is signed in, so this is refused before it asks the database: no connection must exist when it forks.
    asked: dict[str, Any] = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/nodes", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }  # fmt: skip
    application(asked, lambda status, headers, problem=None: lambda data: None).close()


_warm()
