"""Serve the built book on this machine: python tools/serve.py [PORT]."""

from __future__ import annotations

import functools
import http.server
import sys
from pathlib import Path

BOOK = Path(__file__).resolve().parent.parent / "_build" / "html"


def server(port: int = 8000) -> http.server.ThreadingHTTPServer:
    """A server of the built book on the loopback address; port 0 takes any free one."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(BOOK))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def main() -> None:
    """Serve until interrupted."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    try:
        with server(port) as serving:
            print(f"Serving the book at http://127.0.0.1:{serving.server_port}/ (Ctrl-C stops)")
            serving.serve_forever()
    except OSError as error:
        sys.exit(f"Port {port} cannot be used ({error.strerror}): python tools/serve.py 8001")
    except KeyboardInterrupt:
        print("\nStopped.")


if __name__ == "__main__":
    main()
