"""The tests of kernels and of the engine on a CPython without a global lock.

``python3.14t tests/free_threaded.py [ARGUMENTS OF PYTEST]``, with that interpreter; it needs NumPy, safetensors,
Cython, setuptools and pytest there. The package is built in ``build/sanitize/`` where its sources have changed.
``python3.14t tests/sanitize.py thread`` wants an interpreter that is itself built ``--with-thread-sanitizer``.

No release of such a CPython need be installed: ``./configure --disable-gil --prefix=FOLDER && make install`` in the
sources of 3.14 makes one in some ten minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

import sanitize

TESTS = ("tests/kernels", "tests/engine", "tests/definitions/test_threads.py")
PLAIN = sanitize.Part("", "", {}, TESTS)
KEEPS_OFF = (  # nothing of the package, and nothing that it needs, brings the lock back
    "import sys, fastnn\n"
    "model = fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(2,))])\n"
    "model.compile('sgd', 'mse')\n"
    "model.fit([[0.0, 1.0]] * 4, [[1.0]] * 4, verbose=0)\n"
    "assert model.backend_ == 'cython', model.backend_\n"
    "model.save('model.safetensors'), fastnn.load('model.safetensors')\n"
    "assert not sys._is_gil_enabled(), 'the global lock is back'\n"
)


def main(more: list[str]) -> int:
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SystemExit(f"{sys.executable} has a global lock; python3.14t, which has none, runs this")
    folder = sanitize.built("plain", PLAIN)
    # Programs that tests start must not find the sources first, beside which another Python's module stands.
    told = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1"}
    subprocess.run([sys.executable, "-P", "-W", "error", "-c", KEEPS_OFF], cwd=folder, env=told, check=True)
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tests = [] if any(word.startswith("tests/") for word in more) else TESTS
    return subprocess.run([*command, *more, *tests], cwd=sanitize.ROOT, env=told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
