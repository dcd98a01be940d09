"""Which page of the reference has which public names; ``tests/doors/test_site_reference.py`` compares."""

from __future__ import annotations

import importlib
import inspect
import re
import types
from dataclasses import dataclass
from operator import attrgetter

MODULES = (
    *("fastnn", "fastnn.layers", "fastnn.activations", "fastnn.losses", "fastnn.metrics", "fastnn.optimizers"),
    *("fastnn.schedules", "fastnn.callbacks", "fastnn.initializers", "fastnn.regularizers", "fastnn.constraints"),
    *("fastnn.models", "fastnn.utils", "fastnn.plot", "fastnn.watch", "fastnn.datasets", "fastnn.tables"),
    *("fastnn.tabular", "fastnn.tabular.report", "fastnn.sklearn", "fastnn.interop", "fastnn.distributed"),
    *("fastnn.data", "fastnn.backend"),
)
WITHOUT_ALL = {  # modules that say what is public by their names alone
    "fastnn.regularizers": ("L1", "L2", "L1L2", "l1", "l2", "l1_l2", "get"),
    "fastnn.constraints": (
        *("Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"),
        *("max_norm", "min_max_norm", "non_neg", "unit_norm", "get"),
    ),
}
WHEN_WANTED = {  # names that a module imports when they are asked for, or that stand in modules of their own
    "fastnn": ("tune",),
    "fastnn.datasets": ("mnist.load_data", "fashion_mnist.load_data"),
}


@dataclass(frozen=True)
class Page:
    """A page: its file and title, the module that its names are imported from, and the names; None for all others."""

    file: str
    title: str
    module: str
    names: tuple[str, ...] | None = None
    inherited: bool = False  # whether methods of base classes are shown, too
    inner: bool = False  # records that extensions read: their fields are explained in the source


def _page(file: str, title: str, module: str, names: str | None = None, **more: bool) -> Page:
    return Page(
        file, title, f"fastnn.{module}" if module else "fastnn", tuple(names.split()) if names else None, **more
    )


PAGES = (
    _page("model", "Model", "", "Model", inherited=True),
    _page("sequential", "Sequential", "", "Sequential", inherited=True),
    _page("functions", "Functions and errors", ""),
    _page("models", "Models from files and descriptions", "models"),
    _page(
        "layers_core",
        "Layers: dense and shapes",
        "layers",
        """
        Dense Activation Input InputLayer Flatten Reshape Permute RepeatVector Identity Lambda Rescaling
        Normalization Scale Embedding Masking PositionEmbedding
        """,
    ),
    _page(
        "layers_activation",
        "Layers: activations",
        "layers",
        """
        ReLU LeakyReLU PReLU ELU Softmax ParametricActivation Periodic
        """,
    ),
    _page(
        "layers_convolution",
        "Layers: convolutions",
        "layers",
        """
        Conv1D Conv2D Conv1DTranspose Conv2DTranspose DepthwiseConv1D DepthwiseConv2D SeparableConv1D
        SeparableConv2D
        """,
    ),
    _page(
        "layers_pooling",
        "Layers: pooling, padding, cropping",
        "layers",
        """
        MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
        GlobalAveragePooling1D GlobalAveragePooling2D ZeroPadding1D ZeroPadding2D Cropping1D Cropping2D
        UpSampling1D UpSampling2D
        """,
    ),
    _page(
        "layers_sequence",
        "Layers: sequences and attention",
        "layers",
        """
        SimpleRNN LSTM GRU Bidirectional TimeDistributed MultiHeadAttention Attention WithMask
        """,
    ),
    _page(
        "layers_normalization",
        "Layers: normalisation",
        "layers",
        """
        BatchNormalization LayerNormalization GroupNormalization UnitNormalization
        """,
    ),
    _page(
        "layers_random",
        "Layers: dropout, noise, augmentation",
        "layers",
        """
        Dropout AlphaDropout SpatialDropout1D SpatialDropout2D GaussianDropout GaussianNoise RandomFlip
        RandomTranslation RandomRotation RandomZoom RandomCrop
        """,
    ),
    _page(
        "layers_merging",
        "Layers: joining edges",
        "layers",
        """
        Add Subtract Multiply Average Maximum Minimum Concatenate Dot add subtract multiply average maximum
        minimum concatenate dot
        """,
    ),
    _page("layers_base", "Layers: the base class, configurations", "layers"),
    _page("activations", "Activations", "activations"),
    _page(
        "losses",
        "Losses",
        "losses",
        """
        binary_crossentropy BinaryCrossentropy categorical_crossentropy CategoricalCrossentropy
        sparse_categorical_crossentropy SparseCategoricalCrossentropy binary_focal_crossentropy
        BinaryFocalCrossentropy categorical_focal_crossentropy CategoricalFocalCrossentropy
        sparse_categorical_focal_crossentropy SparseCategoricalFocalCrossentropy mean_squared_error
        MeanSquaredError mean_absolute_error MeanAbsoluteError mean_absolute_percentage_error
        MeanAbsolutePercentageError mean_squared_logarithmic_error MeanSquaredLogarithmicError huber Huber
        log_cosh LogCosh poisson Poisson poisson_deviance PoissonDeviance kl_divergence KLDivergence hinge
        Hinge squared_hinge SquaredHinge categorical_hinge CategoricalHinge cosine_similarity CosineSimilarity
        pinball Pinball Loss CustomLoss get
        """,
    ),
    _page("losses_records", "Losses: records and tables", "losses", inner=True),
    _page(
        "metrics_records",
        "Metrics: records and tables",
        "metrics",
        """
        ALIASES METRICS OF_LOSSES STATISTICS TAKES_LABELS Definition Reading StatisticCode Task n_sums resolve
        resolve_all task_of
        """,
        inner=True,
    ),
    _page("metrics", "Metrics", "metrics"),
    _page("optimizers", "Optimisers", "optimizers"),
    _page("schedules", "Schedules", "schedules"),
    _page("callbacks", "Callbacks", "callbacks"),
    _page("watch", "The live page", "watch"),
    _page("initializers", "Initialisers", "initializers"),
    _page("regularizers", "Regularisers", "regularizers"),
    _page("constraints", "Constraints", "constraints"),
    _page("plot", "Pictures", "plot"),
    _page("datasets", "Data sets and readers", "datasets"),
    _page("data", "Data larger than memory", "data"),
    _page("utils", "Utilities", "utils"),
    _page("sklearn", "Estimators for scikit-learn", "sklearn", inherited=True),
    _page("tables", "Tables", "tables"),
    _page("tabular", "Networks for tables: the parts", "tabular", inner=True),
    _page("report", "Reports", "tabular.report"),
    _page("interop", "Models of other libraries", "interop"),
    _page("distributed", "Several processes", "distributed"),
    _page("backend", "Keras' backend functions", "backend"),
)


def found(module: types.ModuleType, name: str) -> object:
    """What stands in a module under a name with or without dots."""
    importlib.import_module(f"{module.__name__}.{name.rpartition('.')[0]}".rstrip("."))
    return attrgetter(name)(module)


def thing_of(full: str) -> object:
    """The object of a public name."""
    module = next(name for name in sorted(MODULES, key=len, reverse=True) if full.startswith(f"{name}."))
    return found(importlib.import_module(module), full.removeprefix(f"{module}."))


def public(module: str) -> list[str]:
    """The public names of a module, modules among them left out: those have pages of their own."""
    loaded = importlib.import_module(module)
    names = [*WITHOUT_ALL.get(module, ()), *WHEN_WANTED.get(module, ()), *getattr(loaded, "__all__", ())]
    return [name for name in names if not isinstance(found(loaded, name), types.ModuleType)]


def entries() -> dict[Page, list[tuple[str, list[str]]]]:
    """Of each page its names, each with the other public names of the same object; every object stands once."""
    named: dict[int, list[str]] = {}
    for module in MODULES:
        loaded = importlib.import_module(module)
        for name in public(module):
            named.setdefault(id(found(loaded, name)), []).append(f"{module}.{name}")
    explicit = {f"{page.module}.{name}" for page in PAGES for name in page.names or ()}
    made: dict[Page, list[tuple[str, list[str]]]] = {}
    seen: set[int] = set()
    for page in PAGES:
        loaded, made[page] = importlib.import_module(page.module), []
        for name in page.names or public(page.module):
            identity = id(found(loaded, name))
            if identity in seen or (page.names is None and explicit & set(named[identity]) - {f"{page.module}.{name}"}):
                continue
            if page.names is None and f"{page.module}.{name}" in explicit:
                continue
            seen.add(identity)
            full = f"{page.module}.{name}"
            made[page].append((full, [other for other in named[identity] if other != full]))
    return made


def methods(thing: type, inherited: bool) -> list[str]:
    """Public methods and properties with a docstring: of all classes of fastnn, or what no base class has."""
    bases = [base for base in thing.__mro__ if base.__module__.startswith("fastnn")]
    names = dict.fromkeys(name for base in (bases if inherited else [thing]) for name in vars(base))
    if not inherited:
        names = dict.fromkeys(name for name in names if not any(hasattr(base, name) for base in thing.__mro__[1:]))
    shown = [name for name in names if not re.match(r"_|set_\w+_request$", name)]
    shown = [
        name for name in shown if callable(getattr(thing, name, None)) or isinstance(_static(thing, name), property)
    ]
    return sorted(name for name in shown if inspect.getdoc(getattr(thing, name, None)))


def _static(thing: type, name: str) -> object:
    return inspect.getattr_static(thing, name, None)
