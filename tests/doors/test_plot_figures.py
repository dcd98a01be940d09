"""Where pictures are drawn, and what they leave as it was: settings, open figures, modules."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="needs the extra plot")

import matplotlib.image
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plot_cases import CASES, model

import fastnn
from fastnn import plot
from fastnn.plot import style

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("no_figures_left")
ONE_OF_A_KIND = [  # without --long: the others only have other numbers
    pytest.param(name, marks=pytest.mark.long if any(name.startswith(f"{other}_") for other in CASES) else ())
    for name in CASES
]
MODULES = [name for _, name, _ in pkgutil.iter_modules(plot.__path__, "fastnn.plot.")]


@pytest.fixture
def pyplot():
    """pyplot with one figure open, as a user may have it, and none afterwards."""
    before = matplotlib.get_backend()
    matplotlib.use("agg")
    from matplotlib import pyplot

    pyplot.close("all")
    pyplot.figure()
    yield pyplot
    pyplot.close("all")
    matplotlib.use(before)


def run(code, **environment):
    """Output of a program of its own, without IPython's and pyplot's traces of this one."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", CASES)
def test_a_given_ax_is_used_and_nothing_else_changes(name, pyplot):
    settings, given = dict(matplotlib.rcParams), Figure().subplots()
    current = pyplot.gcf()
    assert CASES[name](given) is given
    assert given.has_data() or given.images
    assert dict(matplotlib.rcParams) == settings
    assert pyplot.get_fignums() == [current.number]
    assert pyplot.gcf() is current


@pytest.mark.parametrize("name", ONE_OF_A_KIND)
def test_without_ax_a_figure_of_pyplot_is_made_where_pyplot_is_in_use(name, pyplot, tmp_path):
    settings = dict(matplotlib.rcParams)
    ax = CASES[name]()
    assert isinstance(ax, Axes)
    assert pyplot.gcf() is ax.figure
    assert len(pyplot.get_fignums()) == 2
    assert dict(matplotlib.rcParams) == settings
    pyplot.savefig(tmp_path / "a.png")


def test_without_pyplot_no_figure_is_kept_open_and_pyplot_stays_away():
    code = (
        "import sys, gc, weakref\n"
        "from plot_cases import CASES\n"
        "figures = []\n"
        "for draw in CASES.values():\n"
        "    ax = draw()\n"
        "    ax.figure.canvas.draw()\n"
        "    figures.append(weakref.ref(ax.figure))\n"
        "del ax\n"
        "gc.collect()\n"
        "print(sum(figure() is not None for figure in figures), 'matplotlib.pyplot' in sys.modules)"
    )
    assert run(code) == "0 False\n"


def test_a_notebook_shows_the_picture_and_keeps_what_its_backend_sets(tmp_path):
    (tmp_path / "IPython.py").write_text(
        "from unittest.mock import MagicMock\nversion_info, shell = (9, 0), MagicMock()\nget_ipython = lambda: shell\n"
    )
    (tmp_path / "inline.py").write_text(
        "import matplotlib\nfrom matplotlib.backends.backend_agg import *\nmatplotlib.interactive(True)\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import IPython\n"
        "from fastnn import plot\n"
        "ax = plot.weights(__import__('plot_cases').model(2, 2))\n"
        "from matplotlib import is_interactive, pyplot\n"
        "print(pyplot.gcf() is ax.figure, is_interactive())"
    )
    assert run(code, MPLBACKEND="module://inline") == "True True\n"


def test_an_error_while_drawing_leaves_no_figure(pyplot, monkeypatch):
    def fail(*arguments, **more):
        raise RuntimeError("in the middle")

    monkeypatch.setattr(style, "legend", fail)
    settings = dict(matplotlib.rcParams)
    for draw in (lambda: plot.history({"loss": [1.0]}), lambda: plot.network(model(2, 1))):
        with pytest.raises(RuntimeError, match="in the middle"):
            draw()
    assert len(pyplot.get_fignums()) == 1
    assert dict(matplotlib.rcParams) == settings


def test_a_wrong_argument_makes_no_figure(pyplot):
    with pytest.raises(ValueError, match="no epochs"):
        plot.history({})
    assert len(pyplot.get_fignums()) == 1


def test_the_style_of_a_new_figure_does_not_follow_later_settings(tmp_path):
    ax = plot.residuals([1.0, 2.0], [1.0, 3.0])
    with matplotlib.rc_context({"xtick.labelsize": 30, "axes.labelsize": 30, "font.size": 30}):
        ax.set_xlim(-100, 100)  # new ticks are made when they are drawn
        ax.figure.savefig(tmp_path / "a.png")
    assert {text.get_fontsize() for text in ax.get_xticklabels()} == {8}
    assert ax.xaxis.label.get_fontsize() == 9


@pytest.mark.parametrize(
    ("name", "theme"),
    [  # without --long every second picture, in one of them
        pytest.param(name, theme, marks=() if (i + 2 * j) % 4 == 0 else pytest.mark.long)
        for i, name in enumerate(CASES)
        for j, theme in enumerate(("dark_background", "ggplot"))
    ],
)
def test_pictures_draw_in_a_users_theme(name, theme, tmp_path):
    with matplotlib.style.context(theme):
        figure = Figure()
        CASES[name](figure.subplots())
        figure.savefig(tmp_path / "a.svg")


def test_matplotlib_comes_with_the_first_picture_and_not_before():
    code = (
        "import sys\n"
        "from fastnn import plot\n"
        "print('matplotlib' in sys.modules)\n"
        "plot.history({'loss': [1.0]})\n"
        "print('matplotlib' in sys.modules)"
    )
    assert run(code) == "False\nTrue\n"


def test_without_matplotlib_the_error_names_the_extra():
    code = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "from fastnn import plot\n"
        "for draw in (lambda: plot.history({'loss': [1.0]}), lambda: plot.check_picture('a.png'),\n"
        "             lambda: plot.save_history({'loss': [1.0]}, 'a.png'), lambda: plot.residuals([1], [1])):\n"
        "    try:\n"
        "        draw()\n"
        "    except ImportError as error:\n"
        "        print('fastnn-native[plot]' in str(error), error.__suppress_context__)"
    )
    assert run(code) == "True True\n" * 4


def test_a_history_is_saved_with_all_its_panels(tmp_path):
    for n, size in ((1, (624, 432)), (2, (1008, 432)), (4, (1008, 720))):
        kept = {f"metric_{i}": [1.0, 2.0] for i in range(n - 1)} | {"loss": [3.0, 2.0]}
        plot.save_history(kept, tmp_path / "a.png")
        assert matplotlib.image.imread(tmp_path / "a.png").shape[1::-1] == size


def test_a_fit_that_ended_within_its_first_epoch_is_saved_too(tmp_path):
    plot.save_history(fastnn.callbacks.History(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_must_be_of_a_kind_that_can_be_written(pyplot):
    for name in ("a.png", "a.SVG", "b.pdf"):
        plot.check_picture(name)
    with pytest.raises(ValueError, match=r"a\.xyz: the name of a picture must end in .*png"):
        plot.check_picture("a.xyz")
    assert len(pyplot.get_fignums()) == 1


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert not failed
    names = importlib.import_module(module).__dict__.keys() & set(plot.__all__)
    own = [name for name in names if getattr(plot, name).__module__ == module and not module.endswith(".files")]
    assert tried >= len(own)
