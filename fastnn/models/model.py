"""``Model``: a graph of layers that is trained, evaluated and asked for predictions; :class:`Sequential` is a chain.

Names and defaults are those of Keras 3. The arrays are flat (``params``, ``slots``); plans for the batch sizes in use
are compiled once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastnn import _kernels
from fastnn._base.keywords import refuse
from fastnn._base.types import DtypeLike, StrPath
from fastnn._engine.state import attribute
from fastnn.layers.edges import Edge, Edges
from fastnn.models.deferred import Deferred
from fastnn.models.fitting import Fitting
from fastnn.models.graph import Graph, trace
from fastnn.models.structure import Structure, check_outputs, ends_of

STOPS = {"stop_evaluating", "stop_predicting", "stop_training"}  # what callbacks set


class Model(Deferred):
    """A graph of layers, from its inputs to its outputs.

    Parameters
    ----------
    inputs, outputs : edges (see :func:`fastnn.Input`): one, a list, or a dict by name. Data come and go in the same
        form; a dict by the names of the input layers, or of the layers that make the outputs, is always taken. A class
        with ``call(self, inputs)`` makes its outputs there, of layers that are its attributes, and takes neither: see
        docs/models.md.
    dtype : ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``, of parameters and computation: :attr:`dtype_policy`.
    seed : whole number from which everything random follows (initial parameters, the order of rows, dropout);
        None draws one, found as ``model.seed``.
    backend : ``"auto"``, ``"cython"``, ``"numba"``, ``"numpy"`` or another package's; None leaves the choice
        to ``use_backend``, ``set_backend`` and ``FASTNN_BACKEND``.
    name : shown in summaries, and its name in a model around it.
    trainable : False freezes all layers, see :attr:`trainable`.
    **unknown : any other argument is an error that names the nearest one.

    Layers, and models, that are in several models have the same weights in all of them.

    Attributes
    ----------
    built, backend_ : whether parameters exist; the name of the backend that ran last.
    epoch, step : epochs and updates trained so far.
    loss, metrics, weighted_metrics, loss_weights : as :meth:`compile` took them, None before.
    stop_training, stop_evaluating, stop_predicting : what callbacks set to True, so that the call at hand ends.
    metadata : texts by name that files of :meth:`save` carry along.

    Raises
    ------
    ValueError
        an output needs an input that is not given, or an input leads nowhere; two outputs or layers have one name;
        shapes do not fit.

    >>> import numpy as np
    >>> from fastnn import Input, Model
    >>> from fastnn.layers import Concatenate, Dense
    >>> size, colour = Input((2,), name="size"), Input((3,), name="colour")
    >>> joined = Concatenate()([Dense(4, "relu")(size), Dense(4, "relu")(colour)])
    >>> model = Model([size, colour], Dense(1, name="price")(joined), seed=1)
    >>> model.compile("adam", "mse")
    >>> x = {"size": np.ones((10, 2)), "colour": np.zeros((10, 3))}
    >>> history = model.fit(x, np.ones(10), epochs=2, verbose=0)
    >>> model.predict(x).shape
    (10, 1)
    """

    SETTABLE = Fitting.SETTABLE | {"backend", "backend_", "history", "metadata"} | STOPS
    stop_training, stop_evaluating = attribute("stop_training"), attribute("stop_evaluating")
    stop_predicting = attribute("stop_predicting")

    def __init__(
        self,
        inputs: Edges | None = None,
        outputs: Edges | None = None,
        *,
        dtype: DtypeLike = "float32",
        seed: int | None = None,
        backend: str | None = None,
        name: str | None = None,
        trainable: bool = True,
        **unknown: object,
    ):
        if unknown:
            refuse("Model", unknown, ("inputs", "outputs", "dtype", "seed", "backend", "name", "trainable"))
        self._begin(dtype, seed, backend, name)
        if inputs is None and not self.has_call():
            raise TypeError(f"{type(self).__name__} needs inputs and outputs, or a class with call(self, inputs)")
        if self.has_call():
            if inputs is not None or outputs is not None:
                raise TypeError(f"{type(self).__name__} has call, which makes its outputs; call super().__init__()")
        else:
            graph = trace(_edges("inputs", inputs), _edges("outputs", outputs))
            check_outputs(outputs, graph.outputs)
            self._settle(graph)
            self._ends = ends_of(graph, inputs, outputs)
        if trainable is not True:
            self.trainable = trainable

    def _begin(self, dtype: object, seed: int | None, backend: str | None, name: str | None) -> None:
        """Have all attributes, before there is a graph."""
        if backend is not None:
            _kernels.check_name(backend)
        super().__init__(dtype, seed, name)
        self.backend = backend
        self.backend_: str | None = None
        self.metadata: dict[str, str] = {}
        self.history = None

    @classmethod
    def waiting(
        cls, dtype: object, seed: int | None = None, backend: str | None = None, name: str | None = None
    ) -> Model:
        """A model that has no graph yet, see :meth:`draft`."""
        made = cls.__new__(cls)
        made._begin(dtype, seed, backend, name)
        return made

    def draft(self, graph: Graph, ends: tuple[Structure, Structure]) -> None:
        """Have a graph, and no parameters yet: :meth:`settle_in` gives them."""
        self._graph, self._ends = graph, ends

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: of the layers that make them, or the keys under which they were given."""
        return list(self.ends[1].names)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: of their layers, or the keys under which they were given."""
        return list(self.ends[0].names)

    def save(self, path: StrPath, metadata: dict[str, str] | None = None) -> None:
        """Write the model to one safetensors file; ``metadata`` is added to ``model.metadata`` there.

        Parameters
        ----------
        path : name of the file, which is replaced only when all is written.
        metadata : further texts by name, which :attr:`metadata` of the loaded model has.
        """
        from fastnn.models import files

        files.save(self, path, metadata)


def _edges(argument: str, came: object) -> list[Edge]:
    listed = list(came.values()) if isinstance(came, Mapping) else came if isinstance(came, list | tuple) else [came]
    for edge in listed:
        if not isinstance(edge, Edge):
            raise TypeError(f"{argument} of a Model are edges, as Input((4,)) and layers called on them, got {edge!r}")
    if not listed:
        raise ValueError(f"a Model has at least one of its {argument}")
    twice = next((edge for i, edge in enumerate(listed) if edge in listed[:i]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} is among the {argument} twice; leave one out")
    return list(listed)
