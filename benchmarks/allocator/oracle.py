"""The same fair shares by another way: a sequence of linear programmes, solved by HiGHS."""

from collections.abc import Sequence
import math

import highspy
import numpy as np

from custom_components.smart_charging.engine.control.allocator import Candidate, Row

DUAL_TOLERANCE = 1e-7
FEASIBILITY_TOLERANCE = 1e-9
SLACK_A = 1e-8  # below what is settled, so that the next programme has room for the last one's rounding


def admitted[Member](candidates: Sequence[Candidate[Member]], rows: Sequence[Row[Member]]) -> list[Candidate[Member]]:
    """Return who gets its minimum: by class, then in order, as long as every row can carry all that got in."""
    inside: dict[Member, Candidate[Member]] = {}
    for priority in sorted({candidate.priority for candidate in candidates}, reverse=True):
        for candidate in candidates:
            if candidate.priority != priority:
                continue
            trial = {**inside, candidate.member: candidate}
            own = [row for row in rows if row.coefficients.get(candidate.member, 0.0) > 0]
            if all(_minimums(row, trial) <= row.capacity + 1e-9 * row.coefficients[candidate.member] for row in own):
                inside = trial
    return list(inside.values())


def fair_shares_by_programmes[Member](
    candidates: Sequence[Candidate[Member]], rows: Sequence[Row[Member]]
) -> dict[Member, float]:
    """Return lexicographic weighted max-min shares in A over the classes; RuntimeError if a programme isn't solved.

    In each round the lowest level (current per weight) of those not settled is raised as far as it goes; those
    whose constraint has a price are at that level in every optimum, so they are settled there.
    """
    inside = admitted(candidates, rows)
    shares = {candidate.member: 0.0 for candidate in candidates}
    if not inside:
        return shares
    programme = _Programme(inside, rows)
    for priority in sorted({candidate.priority for candidate in inside}, reverse=True):
        open_ones = [index for index, candidate in enumerate(inside) if candidate.priority == priority]
        while open_ones:
            settled = programme.raise_level(open_ones)
            for index, current_a in settled.items():
                shares[inside[index].member] = current_a
            open_ones = [index for index in open_ones if index not in settled]
    return shares


class _Programme[Member]:
    """Currents of all that are admitted (columns 0 to n - 1) and the level (column n), under every row."""

    def __init__(self, inside: Sequence[Candidate[Member]], rows: Sequence[Row[Member]]) -> None:
        self._inside = inside
        self._solver = highspy.Highs()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        self._solver.setOptionValue("presolve", "off")
        self._solver.setOptionValue("primal_feasibility_tolerance", FEASIBILITY_TOLERANCE)
        self._solver.setOptionValue("dual_feasibility_tolerance", FEASIBILITY_TOLERANCE)
        for candidate in inside:
            self._column(0.0, candidate.min_a, candidate.max_a)
        self._column(-1.0, 0.0, math.inf)
        for row in rows:
            members = [(i, row.coefficients.get(one.member, 0.0)) for i, one in enumerate(inside)]
            booked = sum(factor * inside[i].min_a for i, factor in members)
            self._row(-math.inf, max(row.capacity, booked), [(i, factor) for i, factor in members if factor > 0])
        self._level_rows = self._solver.getNumRow()
        for index, candidate in enumerate(inside):  # current - weight * level, to be at least 0 for those not settled
            self._row(-math.inf, math.inf, [(index, 1.0), (len(inside), -candidate.weight)])

    def raise_level(self, open_ones: Sequence[int]) -> dict[int, float]:
        """Return the currents of those that can't be above the highest common level, and hold them there."""
        for index in range(len(self._inside)):
            self._solver.changeRowBounds(self._level_rows + index, 0.0 if index in open_ones else -math.inf, math.inf)
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"not solved: {self._solver.getModelStatus()}")
        solution = self._solver.getSolution()
        level = solution.col_value[len(self._inside)]
        settled = {
            index: level * self._inside[index].weight
            for index in open_ones
            if abs(solution.row_dual[self._level_rows + index]) > DUAL_TOLERANCE
        }
        if not settled:
            raise RuntimeError("no constraint has a price")
        for index, current_a in settled.items():
            self._solver.changeColBounds(index, current_a - SLACK_A, current_a)
        return settled

    def _column(self, cost: float, lower: float, upper: float) -> None:
        self._solver.addCol(cost, lower, upper, 0, np.array([], dtype=np.int32), np.array([]))

    def _row(self, lower: float, upper: float, entries: Sequence[tuple[int, float]]) -> None:
        columns = np.array([column for column, _ in entries], dtype=np.int32)
        self._solver.addRow(lower, upper, len(entries), columns, np.array([factor for _, factor in entries]))


def _minimums[Member](row: Row[Member], inside: dict[Member, Candidate[Member]]) -> float:
    return sum(
        coefficient * inside[member].min_a for member, coefficient in row.coefficients.items() if member in inside
    )
