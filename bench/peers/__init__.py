"""One module for each library that is compared, named after it, with

    VERSION                           what ran
    setup(threads)                    called once, before all else
    train(network, x, y)              -> {label: run}; run(epochs) trains on with Adam and ends when all is done
    predict(network, weights, x)      -> {label: call}; a call gives the outputs before the last activation
    convolve(conv, part, arrays)      -> {label: (call, as_numpy)} of a single convolution, see ``single_convolutions``
    step(layer, arrays, x)            -> {label: call}; a call goes on by one step of one sequence and gives its output

What a library has no such thing for is left out, or refused with a ValueError. Arrays are NumPy's, as ``cases`` makes
them, images with their channels last, and their dtype is the one to compute in; a call's input is laid out beforehand
as the library likes it. Rows are shuffled every epoch. Each library is given in its best known form: one that is slow
through clumsy use proves nothing.
"""
