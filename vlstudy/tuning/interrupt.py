"""Ctrl-C at a moment when nothing is half done."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """A function to call at safe moments: it raises KeyboardInterrupt if Ctrl-C was pressed.

    A second press raises at once. Outside the main thread, where Python takes no signals, it never raises.
    """
    pressed = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)

    def press(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    if main:
        signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
