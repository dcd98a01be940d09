"""One module for each library that is compared, named after it, with

    VERSION                           what ran
    setup(threads)                    called once, before all else
    train(network, x, y)              -> run(epochs), which trains on with Adam and ends when all is done
    predict(network, weights, x)      -> {label: call}; a call gives the outputs before the last activation

``train`` or ``predict`` is left out where a library has no such thing. Arrays are NumPy's, as ``cases`` makes them, and
their dtype is the one to compute in. Rows are shuffled every epoch. Each library is given in its best known form:
one that is slow through clumsy use proves nothing.
"""
