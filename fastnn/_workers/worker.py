"""What runs in a worker: one task on shared data, on one thread, with the caller's backend.

A worker keeps what it has mapped for the tasks that follow. A thread, which is there as long as something is kept or
runs, drops it when the caller is done, and calls off tasks of a caller that is not interested any more: each call has a
file, and it is over when that is gone. Where the file cannot be seen, on another machine, tasks run to their end.

Design: an order and an answer are plain dicts, so that a worker with another version of fastnn can read the one and
say so in the other.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastnn import _kernels
from fastnn._base import interrupts
from fastnn._base.reprs import in_a_line
from fastnn._base.threads import alone
from fastnn._version import __version__
from fastnn._workers.parcel import Parcel, contents, mapped
from fastnn._workers.pickling import Message, dumps, packed, unpacked
from fastnn.errors import BackendError

PAUSE = 0.2  # seconds between looks at the files of callers
IDLE = 300.0  # seconds after which what came as a message is dropped
SLICE = 2.0  # seconds after which no other one of several tasks is begun


@dataclass
class _Held:
    """A parcel that is kept: its bytes, the caller's file, and when it was last used, if it came as a message."""

    memory: np.ndarray
    flag: str
    used: float | None


@dataclass
class _House:
    """All that this process keeps for callers."""

    held: dict[bytes, _Held] = field(default_factory=dict)
    running: dict[object, str] = field(default_factory=dict)  # task -> the caller's file
    lock: threading.Lock = field(default_factory=threading.Lock)
    keeper: threading.Thread | None = None

    def enter(self, task: object, flag: str) -> None:
        """A task begins, which ends with its caller's file, if that can be seen."""
        with self.lock:
            if os.path.exists(flag):
                self.running[task] = flag
            if self.keeper is None:
                self.keeper = threading.Thread(target=self._keep, name="fastnn-worker", daemon=True)
                self.keeper.start()

    def leave(self, task: object) -> None:
        """A task has ended."""
        with self.lock:
            self.running.pop(task, None)
            interrupts.called_off.discard(task)

    def find(self, key: bytes, path: str, flag: str, sent: bytes | None) -> np.ndarray | None:
        """The bytes of a parcel: kept, mapped now, or as they were sent; None where they are not to be had."""
        with self.lock:
            held = self.held.get(key)
            if held is None:
                memory, used = mapped(path, key), None
                if memory is None and sent is not None:
                    memory, used = np.frombuffer(sent, np.uint8), 0.0
                if memory is None:
                    return None
                held = self.held[key] = _Held(memory, flag, used)
            if held.used is not None:
                held.used = time.monotonic()
            return held.memory

    def _keep(self) -> None:
        while True:
            time.sleep(PAUSE)
            with self.lock:
                for key, held in list(self.held.items()):
                    over = not os.path.exists(held.flag) if held.used is None else time.monotonic() - held.used > IDLE
                    if over:
                        del self.held[key]
                interrupts.called_off.update(task for task, flag in self.running.items() if not os.path.exists(flag))
                if not (self.held or self.running):
                    self.keeper = None
                    return


_house = _House()


def work(order: dict[str, object], *sent: object) -> list[object] | Message:
    """Do a task; never raises.

    Parameters
    ----------
    order : ``version``, ``asked`` and ``backends`` as of :func:`needs`; ``task``, a pack of a function and its
        arguments, or ``tasks``, several, or ``filed``, key and path of a parcel with tasks; ``parcels``, key and path
        of each; ``flag``, the caller's file; ``packs``, True for an answer that is a pack.
    sent : the bytes of each parcel, where they do not come as a file.

    Returns
    -------
    ``kind`` : ``"done"`` with ``made``, a pack; ``"failed"`` with ``error``, a pickle, and ``trace``; ``"unfit"``
    with ``why``; ``"missing"``: the parcels must be sent; ``"off"``: it was interrupted. Also ``seconds``, ``where``.
    Of several tasks ``"several"``, with ``answers``; ``"later"`` is that of a task which others left no time for.
    Of tasks in a file ``"filed"``, with key and path of the answer's.
    """
    if "filed" in order:
        return _by_file(order)
    answer = _together(order, sent) if "tasks" in order else _alone(order, sent)
    return packed(answer, lent=False) if order.get("packs") else answer


def _by_file(order: Message) -> list[object] | Message:
    """Do tasks that stand in a file; the answer stands in one beside the caller's, where that can be."""
    key, path = order["filed"]
    why, memory = unfit(order), mapped(path, key)
    if why or memory is None:
        return {"kind": "unfit" if why else "missing", "why": why, "where": _where()}
    answer = _together({**order, "tasks": contents(memory)}, ())
    with contextlib.suppress(OSError):  # the disk is full, or the caller gone
        parcel = Parcel(os.path.dirname(order["flag"]), answer)
        return {"kind": "filed", "filed": (parcel.key, parcel.path)}
    return packed(answer, lent=False)


def _together(order: Message, sent: tuple[Any, ...]) -> dict[str, object]:
    """Do tasks one after the other, as many as there is time for."""
    began, is_seen, answers = time.perf_counter(), os.path.exists(order["flag"]), list[Message]()
    for task in order["tasks"]:
        is_late = answers and time.perf_counter() - began > SLICE
        is_off = is_seen and not os.path.exists(order["flag"])
        if is_off or is_late:
            answers.append({"kind": "off" if is_off else "later", "where": ""})
        else:
            answers.append(_alone({**order, "task": task}, sent))
    return {"kind": "several", "answers": answers}


def _alone(order: dict[str, object], sent: tuple[Any, ...]) -> dict[str, object]:
    """Do a task, and note where and how long."""
    began = time.perf_counter()
    answer = _answer(order, sent)
    return {**answer, "seconds": time.perf_counter() - began, "where": _where()}


def _where() -> str:
    return f"process {os.getpid()} of {platform.node()}"


def _answer(order: Message, sent: tuple[Any, ...]) -> dict[str, object]:
    why = unfit(order)
    if why:
        return {"kind": "unfit", "why": why}
    task = object()
    try:
        _house.enter(task, order["flag"])
        with alone(), interrupts.part_of(task), _kernels.use_backend(order["asked"]):
            shared = []
            for i, (key, path) in enumerate(order["parcels"]):
                came = sent[i] if sent else None
                memory = came if isinstance(came, np.ndarray) else _house.find(key, path, order["flag"], came)
                if memory is None:
                    return {"kind": "missing"}
                shared.append(_loaded(contents, memory))
            function, arguments = _loaded(unpacked, order["task"])
            return {"kind": "done", "made": packed(function(*shared, *arguments), lent=False)}
    except KeyboardInterrupt:
        return {"kind": "off"}
    except Exception as error:
        return failed(error)
    finally:
        _house.leave(task)


def _loaded(load: Callable[[Any], Any], pickled: Any) -> Any:
    try:
        return load(pickled)
    except Exception as error:
        raise ImportError(
            f"what was sent cannot be loaded in the worker: {type(error).__name__} {in_a_line(error)}; classes and "
            f"functions of your own must stand in modules that workers can import, in the version that is here"
        ) from error


def failed(error: Exception) -> Message:
    """An error as an answer."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickled = dumps(error)
        pickle.loads(pickled)
    except Exception:  # not every error can be pickled, and made again
        pickled = dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return {"kind": "failed", "error": pickled, "trace": trace}


def needs(backends: Iterable[str | None]) -> Message:
    """What a worker must have in common with this process, for its results to be those of this one.

    ``backends`` are those that models name, None for one that names none.
    """
    names = {_kernels.asked(name) for name in backends}
    found = {_kernels.available_backends()[0] if name == "auto" else name for name in names}
    return {
        "version": __version__,
        "asked": _kernels.asked(),
        "backends": {name: _kernels.rounding(name) for name in found},
    }


def unfit(order: Message) -> str | None:
    """Why a worker's results would be others, None where they are the same."""
    if order["version"] != __version__:
        return f"it has fastnn {__version__}, and this process fastnn {order['version']}; install the same in both"
    for name, rounding in order["backends"].items():
        try:
            _kernels.load(_kernels.check_name(name))
            mine = _kernels.rounding(name)
        except (BackendError, ValueError) as error:
            return f"this process trains with the backend {name!r}, and the worker cannot: {error}"
        if mine != rounding:
            words = {"portable": "portable kernels, without fused multiply-add", "fused": "fused multiply-add"}
            return (
                f"it has {words[mine]}, and this process {words[rounding]}: they round differently; "
                f"FASTNN_ISA=portable on all sides makes them alike"
            )
    return None


def _begin_anew() -> None:
    global _house
    _house = _House()


if hasattr(os, "register_at_fork"):  # the keeper is not there in the child
    os.register_at_fork(after_in_child=_begin_anew)
