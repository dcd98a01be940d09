"""What an export tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CReport:
    """Sizes of an exported model; printed, it is a table.

    Attributes
    ----------
    files : header, source, test program.
    weights : how they are kept, ``"float32"`` or ``"int8"``.
    flash : bytes of all tables. Code comes on top, and what it uses of the C library.
    ram : bytes of the caller's work buffers, the largest of the functions, and of states.
    work, state : both by function.
    """

    files: tuple[Path, ...]
    weights: str
    flash: int
    work: dict[str, int]
    state: dict[str, int]

    @property
    def ram(self) -> int:
        """Bytes of the largest work buffer and of all states."""
        return max(self.work.values()) + sum(self.state.values())

    def __str__(self) -> str:
        lines = [f"{'files':8}{', '.join(path.name for path in self.files)}"]
        lines.append(f"{'flash':8}{self.flash:,} bytes of tables ({self.weights} weights), without code")
        lines.append(f"{'RAM':8}{self.ram:,} bytes")
        lines += [f"{'':8}{size:,} to work in, of {verb}" for verb, size in self.work.items()]
        lines += [f"{'':8}{size:,} of state, of {verb}" for verb, size in self.state.items()]
        return "\n".join(lines)
