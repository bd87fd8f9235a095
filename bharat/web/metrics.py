"""`/metrics`: what Prometheus scrapes, in its text exposition format 0.0.4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
"""Upper bounds of request durations, in seconds."""


class Metrics:
    """Counts requests by method, route and status, and their durations by route. Of this process only.

    Plain dictionaries: greenlets switch nowhere inside `count`, and a scrape reads a copy."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._seconds: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * (len(BUCKETS) + 2))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests[method, route, status] += 1
        slots = self._seconds[route]
        slots[-1] += seconds
        slots[-2] += 1
        for position, bound in enumerate(BUCKETS):
            if seconds <= bound:
                slots[position] += 1

    def exposition(self, gauges: Mapping[str, float]) -> str:
        """The page. `gauges` are present values of the whole platform by name."""
        lines = ["# HELP bharat_requests_total Requests answered.", "# TYPE bharat_requests_total counter"]
        for (method, route, status), count in sorted(self._requests.items()):
            lines.append(
                f'bharat_requests_total{{method="{method}",route="{_escape(route)}",status="{status}"}} {count}'
            )
        lines += [
            "# HELP bharat_request_seconds How long answers took.",
            "# TYPE bharat_request_seconds histogram",
        ]
        for route, slots in sorted(self._seconds.items()):
            label = _escape(route)
            for bound, total in zip((*BUCKETS, "+Inf"), slots, strict=False):
                lines.append(f'bharat_request_seconds_bucket{{route="{label}",le="{bound}"}} {total:.0f}')
            lines.append(f'bharat_request_seconds_sum{{route="{label}"}} {slots[-1]:.6f}')
            lines.append(f'bharat_request_seconds_count{{route="{label}"}} {slots[-2]:.0f}')
        for name, value in sorted(gauges.items()):
            lines += [f"# TYPE bharat_{name} gauge", f"bharat_{name} {value:.0f}"]
        return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
