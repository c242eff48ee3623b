"""Run the provider: `python -m app_platform.local.identity --config <clients file> --users <users file> --issuer <url> …`.

It says `listening <port>` on its standard output once it serves, ends with code 1 and a message when a file is wrong, and on SIGTERM
finishes what is in hand.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler, make_server

from app_platform.local.identity.application import Files, create_application
from app_platform.local.identity.errors import ConfigurationError


class Handler(WSGIRequestHandler):
    """One request per connection, so that after a change of clients nobody goes on talking to the old process."""

    protocol_version = "HTTP/1.0"
    timeout = 10

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: URLs hold `state` and `nonce`."""


def main() -> int:
    """Serve until told to end; returns the exit code."""
    arguments = _parser().parse_args()
    files = Files(arguments.config, arguments.users, arguments.state)
    try:
        app = create_application(files, arguments.issuer.rstrip("/"), arguments.note)
    except ConfigurationError as error:
        sys.stderr.write(f"the provider cannot start:\n{error}\n")
        return 1
    server = make_server(arguments.host, arguments.port, app, threaded=True, request_handler=Handler)
    _end_on_signal(server)
    sys.stdout.write(f"listening {server.port}\n")
    sys.stdout.flush()
    server.serve_forever()
    server.server_close()
    return 0


def _end_on_signal(server: BaseWSGIServer) -> None:
    if isinstance(server, ThreadedWSGIServer):
        server.daemon_threads = False  # `server_close` waits for requests in hand

    def end(_signal: int, _frame: FrameType | None) -> None:
        # In a thread of its own: it waits for `serve_forever`, which this one is in.
        threading.Thread(target=server.shutdown).start()

    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, end)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app_platform.local.identity",
        description="An OpenID provider that loads Authelia's files.",
    )
    parser.add_argument("--config", type=Path, required=True, help="clients, as rendered for Authelia")
    parser.add_argument(
        "--users", type=Path, required=True, help="users, in the format of Authelia's file backend"
    )
    parser.add_argument("--issuer", required=True, help="the URL under which browsers and clients reach it")
    parser.add_argument("--host", default="127.0.0.1", help="where it listens (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=9091, help="0 for any (default 9091)")
    parser.add_argument("--state", type=Path, default=Path(".local/data/identity"), help="keys and tokens")
    parser.add_argument("--note", default="", help="a line for the sign-in page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
