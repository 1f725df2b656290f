"""A process that lives long: what its calls share, and what each of them has for itself.

They share the project, immutable, for as long as none of its files changes, and the one sender. Each borrows a
runtime, with a connection to the store of its own: there are as many as calls at one time.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..project import Project, find, is_current, load
from ..system.errors import IngestlayerError
from .connections import Connections, Show, draw_nothing
from .courier import Courier
from .runtime import Runtime

PATIENCE = 30  # seconds that a fork waits for calls in progress


class Resident:
    """One project of this process; `show` draws what it does not send."""

    def __init__(self, root: str, show: Show) -> None:
        self._root = root
        self._show = show
        self._lock = threading.Condition()
        self._is_forking = False
        self._project: Project | None = None
        self._connections: Connections | None = None
        self._courier: Courier | None = None
        self._free: list[Runtime] = []
        self._lent: dict[Runtime, int] = {}  # to which thread

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """Lend a runtime of the project as its files are now."""
        with self._lock:
            self._lock.wait_for(lambda: not self._is_forking)
            runtime = self._borrowed(*self._shared())
            self._lent[runtime] = threading.get_ident()
        try:
            yield runtime
        except IngestlayerError:
            self._return(runtime)
            raise
        except BaseException:  # who knows what it is in the middle of
            runtime.close()
            self._return(runtime, is_sound=False)
            raise
        else:
            self._return(runtime)

    def _shared(self) -> tuple[Project, Connections]:
        """Return what calls share, made anew when a file of the project has changed."""
        if self._project is None or self._connections is None or not is_current(self._project):
            self._project = load(self._root)
            self._connections = Connections(self._project.connections, self._show, self._root)
        return self._project, self._connections

    def _borrowed(self, project: Project, connections: Connections) -> Runtime:
        while self._free:
            runtime = self._free.pop()
            if runtime.filed is project and runtime.courier is self._courier and runtime.is_in_place:
                runtime.outside.forget_secrets()
                return runtime
            runtime.close()
        runtime = Runtime(project, connections=connections)
        try:
            runtime.courier = self._courier_of(project.store_path)
        except BaseException:
            runtime.close()
            raise
        return runtime

    def _courier_of(self, path: str) -> Courier:
        if self._courier is None or not self._courier.is_of(path):
            if self._courier is not None:
                self._courier.close()
            self._courier = Courier(path)
        return self._courier

    def _return(self, runtime: Runtime, is_sound: bool = True) -> None:
        with self._lock:
            del self._lent[runtime]
            if is_sound:
                self._free.append(runtime)
            self._lock.notify_all()

    def rest(self) -> None:
        """Hold back new calls, wait for those of other threads, and close what is open: this process is to be forked.

        SQLite notes in memory which locks its process holds; a child that found notes of its parent's would go wrong.
        """
        own = threading.get_ident()
        with self._lock:
            self._is_forking = True
            self._lock.wait_for(lambda: all(thread == own for thread in self._lent.values()), PATIENCE)
            for runtime in self._free:
                runtime.close()
            self._free.clear()
            if self._courier is not None:
                self._courier.close()
                self._courier = None

    def go_on(self) -> None:
        """Let calls begin again."""
        with self._lock:
            self._is_forking = False
            self._lock.notify_all()


_residents: dict[str, Resident] = {}
_abandoned: list[dict[str, Resident]] = []
_lock = threading.Lock()


def resident(path: str | None, show: Show = draw_nothing) -> Resident:
    """Return this process's share of a project."""
    root = find(path)
    with _lock:
        return _residents.setdefault(root, Resident(root, show))


def _before_fork() -> None:
    _lock.acquire()
    for one in _residents.values():
        one.rest()


def _after_fork() -> None:
    for one in _residents.values():
        one.go_on()
    _lock.release()


def _forked() -> None:
    """Begin anew in the child, which has no other thread. What is open all the same is left alone, and not closed."""
    global _lock
    _abandoned.append(dict(_residents))
    _residents.clear()
    _lock = threading.Lock()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forked)
