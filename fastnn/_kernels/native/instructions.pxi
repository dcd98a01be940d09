# Which instructions are used: of this build, and of this machine; a part of native.pyx.

ISAS = ("avx512", "avx2", "neon", "portable")
EXTRAS = ("avx512_bf16", "avx512_vnni", "avx_vnni")  # by the bits of enum fnn_extra

cdef int _isa = 0  # a number, which threads may read while another one sets it


def isas():
    """``(name, compiled, runs)`` of each instruction set: in this build, and on this machine."""
    return _isas_of(fnn_read_cpu())


cdef _isas_of(fnn_cpu cpu):
    cdef int i
    runs = {fnn_isa_name(i).decode(): bool(fnn_isa_runs(i, &cpu)) for i in range(fnn_isa_count())}
    return [(name, name in runs, runs.get(name, False)) for name in ISAS]


def running(found):
    """Names of those of ``isas()`` that run, the best first; ``ImportError`` when none does."""
    runs = [name for name, _, does in found if does]
    if not runs:
        compiled = ", ".join([name for name, built, _ in found if built])  # a generator here would bring 12 kB
        raise ImportError(f"this machine runs none of the instruction sets of this build: {compiled}")
    return runs


def isa():
    """Name of the instruction set in use."""
    return fnn_isa_name(_isa).decode()


def use_isa(name=""):
    """Use an instruction set from now on, "" for the best; ``ValueError`` when it does not run here."""
    global _isa
    cdef const char *why = NULL
    runs = running(isas())
    wanted = (name or runs[0]).encode()
    cdef int found = fnn_select(wanted, &why)
    if found < 0:
        raise ValueError(f"instruction set {name!r} cannot be used: {why.decode()}; known here: {', '.join(runs)}")
    _isa = found


cdef _extras_of(unsigned found):
    return [EXTRAS[i] for i in range(len(EXTRAS)) if found >> i & 1]


def extras():
    """Instructions in use beyond those of the instruction sets."""
    return _extras_of(fnn_extras)


def use_extras(names=None):
    """Use these of the ones that are there from now on, None for all; the bits of results are the same."""
    global fnn_extras
    cdef unsigned wanted = 0
    cdef fnn_cpu cpu = fnn_read_cpu()
    for name in EXTRAS if names is None else names:
        if name not in EXTRAS:
            raise ValueError(f"there are no instructions {name!r}; known here: {', '.join(EXTRAS)}")
        wanted |= 1 << EXTRAS.index(name)
    fnn_extras = wanted & fnn_extras_of(&cpu)


use_extras()
