"""The tables: a figure, what it should be, and whether it is."""

from dataclasses import dataclass, field


@dataclass
class Table:
    """Figures as they come in, printed at once."""

    title: str
    missed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Print the heading."""
        print(f"\n## {self.title}\n")
        print("| | measured | target | |")
        print("|---|---:|---:|---|")

    def row(
        self,
        name: str,
        figure: float | None,
        unit: str = "",
        *,
        target: float | None = None,
        digits: int = 2,
        note: str = "",
    ) -> None:
        """Print a figure, and judge it where there is a target for it."""
        shown = "–" if figure is None else f"{figure:,.{digits}f} {unit}".rstrip()
        aim, verdict = "", ""
        if target is not None:
            aim = f"≤ {target:g} {unit}".rstrip()
            kept = figure is not None and figure <= target
            verdict = "ok" if kept else "**missed**"
            if not kept:
                self.missed.append(f"{self.title}: {name}")
        remark = " · ".join(part for part in (verdict, note) if part)
        print(f"| {name} | {shown} | {aim} | {remark} |", flush=True)
