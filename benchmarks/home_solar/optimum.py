"""The least cost with perfect foresight: one linear programme for each stay, solved by HiGHS.

Stays do not influence each other, as the car is all that can be moved. A bound: the programme knows no
least current and no delay.
"""

import highspy
import numpy as np

from .home import EXPORT_EUR, IMPORT_EUR, MAX_A, VOLTAGE_V, Home
from .stays import Stay

KW = 1e-3
MINUTE_H = 1 / 60


def least_cost(home: Home) -> float:
    """Return the least cost of a period in EUR; raises RuntimeError where a stay's need cannot be met."""
    present = {minute for stay in home.stays for minute in range(stay.arrival, stay.departure)}
    alone = sum(_cost(home.net_w(minute)) for minute in range(len(home.house_w)) if minute not in present)
    return alone + sum(_stay_cost(home, stay) for stay in home.stays)


def _cost(net_w: float) -> float:
    return net_w * KW * MINUTE_H * (IMPORT_EUR if net_w > 0 else EXPORT_EUR)


def _stay_cost(home: Home, stay: Stay) -> float:
    """Return the least cost of a stay's minutes.

    Columns: import, export and car in kW of each minute. Rows: the balance of each minute, then the need.
    """
    net_kw = np.array([home.net_w(minute) for minute in range(stay.arrival, stay.departure)]) * KW
    count = len(net_kw)
    minutes = np.arange(count)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = 3 * count, count + 1
    model.col_cost_ = (
        np.concatenate([np.full(count, IMPORT_EUR), np.full(count, -EXPORT_EUR), np.zeros(count)]) * MINUTE_H
    )
    model.col_lower_ = np.zeros(3 * count)
    most_kw = 3 * MAX_A * VOLTAGE_V * KW
    model.col_upper_ = np.concatenate([np.full(2 * count, highspy.kHighsInf), np.full(count, most_kw)])
    need_kwh = stay.need_wh * KW
    model.row_lower_ = np.append(net_kw, need_kwh)
    model.row_upper_ = model.row_lower_
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.concatenate([minutes, count + minutes, 2 * count + 2 * np.arange(count + 1)]).astype(
        np.int32
    )
    model.a_matrix_.index_ = np.concatenate(
        [minutes, minutes, np.column_stack([minutes, np.full(count, count)]).ravel()]
    ).astype(np.int32)
    model.a_matrix_.value_ = np.concatenate([np.ones(count), -np.ones(count), np.tile([-1.0, MINUTE_H], count)])
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"no optimum for the stay that begins at minute {stay.arrival}")
    return float(solver.getInfo().objective_function_value)
