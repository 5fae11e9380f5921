"""A study in optuna-dashboard, on a copy of its journal."""

import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from vlstudy import journal
from vlstudy.errors import VlstudyError
from vlstudy.journal.folder import JOURNAL

_EVERY = 2.0  # seconds between two looks for new lines


def serve(folder: Path, *, host: str, port: int) -> None:
    """Shows the study until Ctrl-C.

    The viewer gets a copy that lives as long as it does, so that nothing it writes, such as a note, can reach the
    study. New lines of the journal are brought over while it runs, until the viewer writes something itself: from
    then on both would number their records differently, so the copy stays as it is, which is told.

    Raises:
        VlstudyError: optuna-dashboard is not installed, the study has no journal yet, or the port is taken.
    """
    source = folder / JOURNAL
    journal.read(folder)
    if not source.is_file():
        raise VlstudyError(f"{folder} has no trials yet. `vlstudy launch` begins them.")
    with tempfile.TemporaryDirectory(prefix="vlstudy-dashboard-") as place:
        copy = Copy(source, Path(place) / JOURNAL)
        copy.follow()
        server = _server(copy.path, host, port)
        over = threading.Event()
        follower = threading.Thread(target=_follow, args=(copy, over), daemon=True)
        follower.start()
        print(f"http://{host}:{server.server_port}/dashboard shows a copy of {folder}; Ctrl-C ends it", flush=True)
        for number in (signal.SIGINT, signal.SIGTERM):  # an exception could come in the middle of a request
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        try:
            server.serve_forever()
        finally:
            over.set()
            follower.join()
            server.server_close()
        print("ended; the study was not touched")


class Copy:
    """A copy of a journal that is still being written: always a whole number of its lines.

    Attributes:
        path: the copy.
    """

    def __init__(self, source: Path, path: Path) -> None:
        self._source, self.path = source, path
        self._taken = 0
        path.touch()

    def follow(self) -> bool:
        """Whether the copy has all whole lines of the journal; False once somebody else wrote into it."""
        if self.path.stat().st_size != self._taken:
            return False
        with open(self._source, "rb") as file:
            file.seek(self._taken)
            lines = file.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        with open(self.path, "ab") as file:
            file.write(whole)
        self._taken += len(whole)
        return True


def _follow(copy: Copy, over: threading.Event) -> None:
    while not over.wait(_EVERY):
        if not copy.follow():
            print("something was written into the copy: it follows the study no more. Start again to see what is new.")
            return


class _Quiet(WSGIRequestHandler):
    """Requests are not worth a line each."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _server(path: Path, host: str, port: int) -> WSGIServer:
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        way_out = f"{sys.executable} -m pip install optuna-dashboard"
        raise VlstudyError(f"the dashboard needs the package optuna-dashboard: {way_out}") from None
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    application = wsgi(JournalStorage(JournalFileBackend(str(path))))
    try:
        return make_server(host, port, application, handler_class=_Quiet)
    except OSError as error:
        raise VlstudyError(f"{host}:{port} cannot be served ({error.strerror}). Take another --port.") from None
