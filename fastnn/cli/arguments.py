"""The commands, their arguments and options, and what ``--help`` says of them.

Design: the commands live in modules of their own, imported when one runs, so that ``--help`` needs none of them.
"""

from __future__ import annotations

import argparse

from fastnn._version import __version__
from fastnn.cli import tune_command
from fastnn.cli.bench_options import bench_options
from fastnn.cli.parsing import Parser
from fastnn.cli.table_options import drop_option, shards_option, stream_option, table_options
from fastnn.cli.values import (
    backend,
    class_weight,
    encoding,
    every,
    image_size,
    named,
    port,
    real,
    separator,
    whole,
    widths,
)

DATA_HELP = (
    "CSV with a header line, Parquet or Excel (.xlsx), plain or compressed (gzip, bzip2, xz, zip of one file, zstd); "
    "NPZ (arrays x and y, or x_train y_train x_test y_test), a folder of IDX files (MNIST's format; predict also takes "
    "one file of images), a folder of PNG or JPEG pictures with a folder for each class (extra image), - for standard "
    "input, or the bundled set 'digits'; or, read while it is used, a folder or a quoted pattern of Parquet, Arrow or "
    "CSV files. A file's first bytes tell what it is, not its name. Where DATA has rows to "
    "train and rows to test, train takes the former, predict and evaluate take the latter."
)
PREDICTIONS_HELP = (
    "default: standard output, as CSV; the ending decides: .csv, .tsv (also .gz, .bz2, .xz), .parquet (extra table), "
    ".xlsx (extra excel)"
)
EPOCHS_HELP = (
    "passes over the rows, of which the last is kept; default: until the loss of the held-out rows has stopped "
    "improving, and the best is kept"
)
PATIENCE_HELP = (
    "epochs without improvement before the learning rate falls, and at the third time training ends; with --epochs N "
    "after N at the latest; default: by the number of rows"
)
WEIGHT_DECAY_HELP = (
    "how much weights shrink, w -= rate * W * w an update; default: the optimizer's own, and with adam on up to 5,000 "
    "rows two are tried, of which the held-out rows choose"
)
VALIDATION_HELP = "of the rows held out, default 0.2, or 0 where that is fewer than 5 rows"
CLASS_WEIGHT_HELP = (
    "how much the rows of each class count: balanced (all classes alike in sum), or weights by name such as "
    "yes=5,no=1, or JSON; a class that is not named counts 1"
)
NETWORK_HELP = (
    "mlp: dense layers, the default but for short series; gru, their default, and lstm: recurrent layers that read a "
    "series step by step, a --text word by word and an image row by row, 64 or as wide as --hidden says; for images "
    "also lenet: two convolutions and dense layers, as LeNet-5 has, and cnn: convolutions with BatchNormalization"
)
AUGMENT_HELP = (
    "for lenet and cnn: in each epoch other images, shifted by up to a tenth of a side, turned by up to 11 degrees, "
    "zoomed by up to a tenth, at random; flip: half of them mirrored besides, left for right (not for digits)"
)
WINDOW_HELP = (
    "take the rows as a series: from so many of them, with all their columns, the target's next ones are predicted; "
    "the last rows are those held out"
)
TIME_HELP = (
    "of series: the time of each row, by which rows are sorted and gaps found; dates become calendar features. "
    "Default: rows are in the order of time, without gaps"
)
TEXT_HELP = (
    "a column to read as text, not as categories; may be given several times. --network mlp takes the mean of the "
    "vectors of its words (and pairs of words; or of characters, pairs and threes), gru and lstm read them in order"
)
TEXT_UNIT_HELP = (
    "what texts are read by; default: words, but characters where there are fewer than four words a row, or fewer than "
    "half of them stand in a second row (names, codes), or the script has no spaces"
)
KEEP_HELP = "columns of DATA to write before the predictions, with commas between; all keeps every column"
REPORT_HELP = (
    "write a page on the model: scores beside plain models, curves, thresholds, importance of columns and what the "
    "model says over them, drift against the training rows, the rows that were most wrong (tables only)"
)
CHECKPOINT_HELP = (
    "write where training stands, to go on from there with --resume after Ctrl-C, --time-limit or a crash: the result "
    "is that of a training without a break, to the last bit"
)
EXPORT_HELP = (
    "c: header, source and a test program in C99; onnx: an .onnx file (extra onnx); torch: weights under PyTorch's "
    "names, .safetensors or .pt; keras: a .keras file"
)
RULES = """\
columns:  numeric if nearly all values are numbers (also 1,234.50, 1 234, $5, 3 %; a few words among them are gaps),
          else categories; gaps are what pandas takes for missing (empty, NA, NaN, None, null, <NA> ...), ? and -
target:   text, and whole numbers with at most 20 different values that repeat, are classes; other numbers are
          regressed; --task overrides this. Labels keep their text: 007 is not 7
encoding: numbers are standardised, gaps become the mean and an indicator column, categories become one column
          each, columns of --text numbers of words or characters; it is fitted on the training rows, and saved in the
          model file, so that predict takes raw rows
series:   fastnn train sales.csv --target sold --time-column day --group shop --window 28 --horizon 7
          fastnn predict model.safetensors sales.csv writes the 7 next days of each shop
digits:   3,823 rows of 30 writers to train, 1,797 rows of 13 other writers to test
"""
WATCH_PORT = 8470
WATCH_HELP = (
    f"show the training on a live page of this machine's, http://127.0.0.1:PORT/ (default {WATCH_PORT}; the next free "
    "one if it is busy; 0: any): curves, speed, the network, and for two columns of numbers what it predicts all over "
    "their plane. On a terminal the page stays until Ctrl-C; elsewhere it ends with the command and keeps what it shows"
)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = Parser(
        prog="fastnn",
        description="Neural networks for tables, series, texts and images, trained and run on the CPU.",
        epilog=f"DATA is {DATA_HELP}",
    )
    top.add_argument("--version", action="version", version=f"fastnn {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _train(commands)
    tune_command.add(commands, _command, DATA_HELP, (_reading, _machine))
    _predict(commands)
    _evaluate(commands)
    _info(commands)
    _bench(commands)
    _export(commands)
    return top


def _command(commands: tune_command.Commands, name: str, module: str, summary: str, epilog: str = "") -> Parser:
    def run(arguments: argparse.Namespace) -> int:
        import importlib

        status: int = getattr(importlib.import_module(module), name)(arguments)
        return status

    made = commands.add_parser(
        name, help=summary, description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.set_defaults(run=run)
    return made


def _train(commands: tune_command.Commands) -> None:
    p = _command(commands, "train", "fastnn.cli.train", "train a model and write it to a file", RULES)
    p.add_argument("data", metavar="DATA", help=DATA_HELP)
    p.add_argument("--target", metavar="COLUMN", help="the column to predict (tables only; digits knows its own)")
    drop_option(p)
    _series(p)
    p.add_argument("--task", choices=("classify", "regress"), help="default: by the target, see below")
    _network(p)
    _texts(p)
    p.add_argument("--optimizer", type=named("optimizers"), help="default: adam")
    p.add_argument(
        "--learning-rate",
        type=real(0, open_low=True),
        metavar="RATE",
        help="at the start, default: the optimizer's own; it falls where training makes no progress, and with --epochs "
        "alone along a cosine to 0 at the last epoch",
    )
    p.add_argument("--epochs", type=whole(low=1), metavar="N", help=EPOCHS_HELP)
    p.add_argument("--patience", type=whole(low=1), metavar="EPOCHS", help=PATIENCE_HELP)
    p.add_argument(
        "--batch-size",
        type=whole(low=1),
        metavar="ROWS",
        help="rows an update, default: 16 to 256 by the number of rows, 32 with --epochs alone",
    )
    p.add_argument("--weight-decay", type=real(0), metavar="W", help=WEIGHT_DECAY_HELP)
    p.add_argument("--validation", type=real(0, high=1), metavar="SHARE", help=VALIDATION_HELP)
    p.add_argument("--class-weight", type=class_weight, metavar="WEIGHTS", help=CLASS_WEIGHT_HELP)
    p.add_argument("--seed", type=whole(low=0), help="fixes everything random; default: drawn, and printed")
    _reading(p)
    _machine(p)
    p.add_argument("--out", default="model.safetensors", metavar="FILE", help="default: model.safetensors")
    _breaks(p)
    _shown(p)


def _breaks(p: argparse.ArgumentParser) -> None:
    p.add_argument("--time-limit", type=real(0, open_low=True), metavar="SECONDS", help="stop training after this time")
    shards_option(p)
    p.add_argument("--checkpoint", metavar="FILE", help=CHECKPOINT_HELP)
    p.add_argument("--checkpoint-every", type=every, metavar="EVERY", help="default: '1 epoch'; N updates, '5 minutes'")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint, if it is there")


def _shown(p: argparse.ArgumentParser) -> None:
    p.add_argument("--plot", metavar="PICTURE", help="draw loss and metric over the epochs (.png, .svg, .pdf)")
    p.add_argument("--report", metavar="PAGE.html", help=REPORT_HELP)
    p.add_argument("--watch", type=port, nargs="?", const=WATCH_PORT, metavar="PORT", help=WATCH_HELP)
    p.add_argument(
        "--watch-seconds",
        type=real(0),
        metavar="N",
        help="keep the page so long after training (or until Ctrl-C)",
    )
    p.add_argument("--open", action="store_true", help="open the page in the browser")


def _series(p: argparse.ArgumentParser) -> None:
    p.add_argument("--window", type=whole(low=1), metavar="STEPS", help=WINDOW_HELP)
    p.add_argument("--horizon", type=whole(low=1), metavar="STEPS", help="how many next steps to predict, default 1")
    p.add_argument("--time-column", metavar="COLUMN", help=TIME_HELP)
    p.add_argument("--group", metavar="COLUMN", help="of series: which of several each row belongs to")


def _network(p: argparse.ArgumentParser) -> None:
    table_options(p)
    p.add_argument("--network", choices=("mlp", "lenet", "cnn", "gru", "lstm"), help=NETWORK_HELP)
    p.add_argument("--hidden", type=widths, metavar="64,32", help="widths of the hidden dense layers, default: 64,32")
    p.add_argument(
        "--image-size", type=image_size, metavar="HEIGHTxWIDTH", help="to which the pictures of a folder are made"
    )
    p.add_argument("--augment", nargs="?", const="plain", choices=("plain", "flip"), help=AUGMENT_HELP)
    p.add_argument("--activation", type=named("activations"), help="of the hidden layers; default: relu")


def _texts(p: argparse.ArgumentParser) -> None:
    p.add_argument("--text", metavar="COLUMN", action="append", help=TEXT_HELP)
    p.add_argument("--text-unit", choices=("words", "characters"), help=TEXT_UNIT_HELP)
    p.add_argument(
        "--text-length",
        type=whole(low=1),
        metavar="N",
        help="words or characters of a text that are read; default: all of 98 %% of the texts, at most 256",
    )


def _predict(commands: tune_command.Commands) -> None:
    p = _command(commands, "predict", "fastnn.cli.predict", "predict raw rows, or the next steps of series")
    p.add_argument("model", metavar="MODEL", help="file that train wrote")
    p.add_argument("data", metavar="DATA", help=DATA_HELP)
    p.add_argument("--out", metavar="FILE", help=PREDICTIONS_HELP)
    p.add_argument("--keep", metavar="COLUMNS", action="append", help=KEEP_HELP)
    p.add_argument("--probabilities", action="store_true", help="add a column with each class's probability")
    _reading(p)
    _machine(p)


def _evaluate(commands: tune_command.Commands) -> None:
    p = _command(commands, "evaluate", "fastnn.cli.evaluate", "compare predictions with known targets")
    p.add_argument("model", metavar="MODEL", help="file that train wrote")
    p.add_argument("data", metavar="DATA", help=DATA_HELP)
    p.add_argument("--report", metavar="PAGE.html", help=REPORT_HELP)
    _reading(p)
    _machine(p)


def _info(commands: tune_command.Commands) -> None:
    p = _command(commands, "info", "fastnn.cli.info", "describe a model file; without one, this installation")
    p.add_argument("model", metavar="MODEL", nargs="?", help="file that train or Sequential.save wrote")


def _bench(commands: tune_command.Commands) -> None:
    bench_options(p := _command(commands, "bench", "fastnn.cli.bench", "time predictions and training on each backend"))
    _threads(p)


def _export(commands: tune_command.Commands) -> None:
    p = _command(commands, "export", "fastnn.cli.export", "write a model as C code, as ONNX, or for PyTorch or Keras")
    p.add_argument("model", metavar="MODEL", help="file that train or Sequential.save wrote")
    p.add_argument("--to", choices=("onnx", "c", "torch", "keras"), required=True, help=EXPORT_HELP)
    p.add_argument("--out", metavar="PATH", required=True, help="file to write, for C a folder")
    p.add_argument("--name", metavar="NAME", help="C: of the files, and what names in them begin with; default: model")
    p.add_argument("--weights", choices=("float32", "int8"), help="C: default float32; int8 is a quarter of the size")
    p.add_argument(
        "--calibrate",
        metavar="DATA",
        help="C, with int8: rows that show how large inputs are, so that these are int8, too",
    )
    p.add_argument("--length", type=whole(low=1), metavar="N", help="C and ONNX: of sequences that may have any")
    p.add_argument("--network-alone", action="store_true", help="C and ONNX: without the encoding of raw rows")
    _reading(p)


def _reading(p: argparse.ArgumentParser) -> None:
    stream_option(p)
    p.add_argument("--sep", type=separator, dest="separator", metavar="SIGN", help="between fields of CSV: , ; tab |")
    p.add_argument("--decimal", choices=(".", ","), metavar="SIGN", help="before fractions in CSV: . or ,")
    p.add_argument("--encoding", type=encoding, metavar="NAME", help="of CSV, such as utf-8, latin-1, utf-16")
    p.add_argument(
        "--max-bytes", type=whole(low=1), metavar="N", help="what a compressed file may become, default 1 GiB"
    )
    p.add_argument("--skip-damaged", action="store_true", help="leave out pictures of a folder that cannot be read")


def _machine(p: argparse.ArgumentParser) -> None:
    p.add_argument("--backend", type=backend, metavar="NAME", help="auto, cython, numba or numpy; default auto")
    _threads(p)


def _threads(p: argparse.ArgumentParser) -> None:
    p.add_argument("--threads", type=whole(low=1), metavar="N", help="at most so many; default: what the machine has")
