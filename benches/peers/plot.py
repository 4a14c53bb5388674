"""A plot of all servers in all workloads: a row for each workload, a dot for each server."""

import math
from html import escape

COLORS = ["#0b6e4f", "#c8553d", "#28559a", "#b8860b", "#6b4c9a"]
LEFT, PANEL, GAP, ROW, TOP = 236, 330, 46, 25, 86
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"


class Panel:
    """One quantity, as ours relates to each, on a logarithmic axis."""

    def __init__(self, title, left, values):
        self.title, self.left = title, left
        found = [value for row in values for value in row.values()]
        # Whole decades, with 1 among them.
        self.low = math.floor(math.log10(min([*found, 0.9])))
        self.high = math.ceil(math.log10(max([*found, 1.1])))

    def x(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.left + share * PANEL

    def axis(self, bottom):
        yield text(self.left + PANEL / 2, TOP - 34, self.title, "middle", 12, "#222", "bold")
        for power in range(self.low, self.high + 1):
            x = self.x(10.0**power)
            color = "#888" if power == 0 else "#ddd"
            yield f"<line x1='{x:.1f}' y1='{TOP - 8}' x2='{x:.1f}' y2='{bottom}' stroke='{color}'/>"
            yield text(x, TOP - 14, f"{10.0**power:g}×", "middle", 11, "#555")


def draw(figures, servers):
    """The plot as SVG. The first server is ours; everything is shown as a multiple of the last,
    which is the one to beat."""
    base = servers[-1]
    rates, costs = [], []
    for of_one in figures.values():
        rates.append({name: one.rate / of_one[base].rate for name, one in of_one.items()})
        costs.append({
            name: one.cpu / of_one[base].cpu
            for name, one in of_one.items()
            if one.cpu and of_one[base].cpu
        })
    bottom = TOP + ROW * len(figures)
    width, height = LEFT + 2 * PANEL + GAP + 24, bottom + 20
    panels = [
        (Panel(f"throughput, as a multiple of {base} (more is better)", LEFT, rates), rates),
        (Panel("processor time of the same (less is better)", LEFT + PANEL + GAP, costs), costs),
    ]
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' "
        f"width='{width}' height='{height}' {FONT}>",
        f"<rect width='{width}' height='{height}' fill='white'/>",
    ]
    x = LEFT
    for server, color in zip(servers, COLORS * len(servers)):
        parts.append(dot(x, 22, color))
        parts.append(text(x + 10, 26, server, "start", 12, "#222"))
        x += 34 + 8 * len(server)
    for row, name in enumerate(figures):
        y = TOP + ROW * (row + 0.5)
        if row % 2 == 0:
            parts.append(
                f"<rect x='0' y='{y - ROW / 2}' width='{width}' height='{ROW}' fill='#f6f6f4'/>"
            )
        parts.append(text(LEFT - 14, y + 4, name, "end", 12, "#222"))
    for panel, values in panels:
        parts += panel.axis(bottom)
        for row, of_one in enumerate(values):
            y = TOP + ROW * (row + 0.5)
            if of_one:
                ends = [panel.x(value) for value in of_one.values()]
                parts.append(
                    f"<line x1='{min(ends):.1f}' y1='{y}' x2='{max(ends):.1f}' y2='{y}' "
                    "stroke='#bbb' stroke-width='2'/>"
                )
            # Ours last, so that it lies on top.
            for server in sorted(of_one, key=servers.index, reverse=True):
                parts.append(dot(panel.x(of_one[server]), y, COLORS[servers.index(server) % 5]))
    parts.append("</svg>\n")
    return "\n".join(parts)


def dot(x, y, color):
    return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5.5' fill='{color}'/>"


def text(x, y, words, anchor, size, color, weight="normal"):
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' "
        f"font-weight='{weight}' fill='{color}'>{escape(words)}</text>"
    )
