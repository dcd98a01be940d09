"""Training by several processes, on one machine or many, with the same bits on any number of them.

>>> import numpy as np
>>> from fastnn import Sequential
>>> from fastnn.distributed import DataParallel
>>> from fastnn.layers import Dense
>>> model = Sequential([Dense(8, "tanh", input_shape=(2,)), Dense(1)], seed=1)
>>> model.compile("adam", "mse")
>>> x = np.linspace(-1, 1, 64).reshape(32, 2)
>>> history = model.fit(x, x[:, :1] * x[:, 1:], epochs=2, distribution=DataParallel(shards=4))
>>> len(history.epoch)
2

A script with these lines is started as ``mpiexec -n 4 python script.py``, or ``python -m fastnn.distributed -n 4
script.py``; this needs ``pip install 'fastnn-native[mpi]'``.
"""

from fastnn._engine.distribution import Comm, SelfComm
from fastnn.distributed.data_parallel import DataParallel
from fastnn.distributed.mpi import MPIComm
from fastnn.errors import DistributedError, DistributedTimeout

__all__ = ["Comm", "DataParallel", "DistributedError", "DistributedTimeout", "MPIComm", "SelfComm"]
