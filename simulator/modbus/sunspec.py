"""SunSpec models as register images: layouts by offset from the model header, and their encoding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
import math

BASE = 40_000
MARKER = (0x5375, 0x6E53)
END = (0xFFFF, 0)


class Kind(Enum):
    """Register types."""

    UINT16 = "uint16"
    INT16 = "int16"
    ENUM16 = "enum16"
    BITFIELD16 = "bitfield16"
    SCALE = "sunssf"
    PAD = "pad"
    UINT32 = "uint32"
    BITFIELD32 = "bitfield32"
    ACC32 = "acc32"
    STRING8 = "string of 16 characters"
    STRING16 = "string of 32 characters"

    @property
    def size(self) -> int:
        """Return the number of registers."""
        wide = {Kind.UINT32: 2, Kind.BITFIELD32: 2, Kind.ACC32: 2, Kind.STRING8: 8, Kind.STRING16: 16}
        return wide.get(self, 1)

    @property
    def absent(self) -> int:
        """Return what stands for "not implemented"."""
        if self in {Kind.INT16, Kind.SCALE, Kind.PAD}:
            return 0x8000
        if self in {Kind.ACC32, Kind.STRING8, Kind.STRING16}:
            return 0
        return 0xFFFFFFFF if self.size == 2 else 0xFFFF


@dataclass(frozen=True, slots=True)
class Point:
    """A named value at an offset; `scale` names the point that holds its power of ten."""

    name: str
    offset: int
    kind: Kind
    scale: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model's number, its registers including the two of the header, and its points."""

    number: int
    registers: int
    points: tuple[Point, ...]


type Values = Mapping[str, float | str]
"""Values in plain units by point name; scale factors as their power of ten; missing points are not implemented."""


def image(models: Sequence[tuple[Model, Values]]) -> list[int]:
    """Return all registers from the marker to the end model."""
    registers = list(MARKER)
    for model, values in models:
        registers += encode(model, values)
    return registers + list(END)


def encode(model: Model, values: Values) -> list[int]:
    """Return a model's registers, header included."""
    registers = [Kind.PAD.absent] * model.registers
    registers[0:2] = [model.number, model.registers - 2]
    for point in model.points:
        registers[point.offset : point.offset + point.kind.size] = _words(point, values)
    return registers


def _words(point: Point, values: Values) -> list[int]:
    kind = point.kind
    value = values.get(point.name)
    if kind in {Kind.STRING8, Kind.STRING16}:
        raw = str(value or "").encode("ascii")[: 2 * kind.size].ljust(2 * kind.size, b"\0")
        return [int.from_bytes(raw[n : n + 2]) for n in range(0, len(raw), 2)]
    if value is None:
        return _split(kind.absent, kind.size)
    exponent = float(values.get(point.scale, 0)) if point.scale else 0.0
    whole = math.floor(float(value) / 10.0**exponent + 0.5)
    return _split(_fitting(kind, whole), kind.size)


def _fitting(kind: Kind, value: int) -> int:
    """Return the value as the type can carry it: counters wrap, others stop short of "not implemented"."""
    match kind:
        case Kind.ACC32:
            return value % (1 << 32)
        case Kind.INT16 | Kind.SCALE:
            return max(-0x7FFF, min(0x7FFF, value)) & 0xFFFF
        case _:
            return max(0, min(kind.absent - 1, value))


def _split(value: int, size: int) -> list[int]:
    return [value >> 16 & 0xFFFF, value & 0xFFFF] if size == 2 else [value & 0xFFFF] * size


def _run(names: str, offset: int, kind: Kind, scale: str | None = None) -> tuple[Point, ...]:
    """Lay points of one kind one after the other."""
    return tuple(Point(name, offset + n * kind.size, kind, scale) for n, name in enumerate(names.split()))


def _scale(name: str, offset: int) -> Point:
    return Point(name, offset, Kind.SCALE)


COMMON = Model(
    1,
    68,
    (
        Point("Mn", 2, Kind.STRING16),
        Point("Md", 18, Kind.STRING16),
        Point("Opt", 34, Kind.STRING8),
        Point("Vr", 42, Kind.STRING8),
        Point("SN", 50, Kind.STRING16),
        Point("DA", 66, Kind.UINT16),
        Point("Pad", 67, Kind.PAD),
    ),
)

THREE_PHASE_INVERTER = Model(
    103,
    52,
    (
        *_run("A AphA AphB AphC", 2, Kind.UINT16, "A_SF"),
        _scale("A_SF", 6),
        *_run("PPVphAB PPVphBC PPVphCA PhVphA PhVphB PhVphC", 7, Kind.UINT16, "V_SF"),
        _scale("V_SF", 13),
        Point("W", 14, Kind.INT16, "W_SF"),
        _scale("W_SF", 15),
        Point("Hz", 16, Kind.UINT16, "Hz_SF"),
        _scale("Hz_SF", 17),
        Point("VA", 18, Kind.INT16, "VA_SF"),
        _scale("VA_SF", 19),
        Point("VAr", 20, Kind.INT16, "VAr_SF"),
        _scale("VAr_SF", 21),
        Point("PF", 22, Kind.INT16, "PF_SF"),
        _scale("PF_SF", 23),
        Point("WH", 24, Kind.ACC32, "WH_SF"),
        _scale("WH_SF", 26),
        Point("DCA", 27, Kind.UINT16, "DCA_SF"),
        _scale("DCA_SF", 28),
        Point("DCV", 29, Kind.UINT16, "DCV_SF"),
        _scale("DCV_SF", 30),
        Point("DCW", 31, Kind.INT16, "DCW_SF"),
        _scale("DCW_SF", 32),
        *_run("TmpCab TmpSnk TmpTrns TmpOt", 33, Kind.INT16, "Tmp_SF"),
        _scale("Tmp_SF", 37),
        *_run("St StVnd", 38, Kind.ENUM16),
        *_run("Evt1 Evt2 EvtVnd1 EvtVnd2 EvtVnd3 EvtVnd4", 40, Kind.BITFIELD32),
    ),
)

WYE_METER = Model(
    203,
    107,
    (
        *_run("A AphA AphB AphC", 2, Kind.INT16, "A_SF"),
        _scale("A_SF", 6),
        *_run("PhV PhVphA PhVphB PhVphC PPV PhVphAB PhVphBC PhVphCA", 7, Kind.INT16, "V_SF"),
        _scale("V_SF", 15),
        Point("Hz", 16, Kind.INT16, "Hz_SF"),
        _scale("Hz_SF", 17),
        *_run("W WphA WphB WphC", 18, Kind.INT16, "W_SF"),
        _scale("W_SF", 22),
        *_run("VA VAphA VAphB VAphC", 23, Kind.INT16, "VA_SF"),
        _scale("VA_SF", 27),
        *_run("VAR VARphA VARphB VARphC", 28, Kind.INT16, "VAR_SF"),
        _scale("VAR_SF", 32),
        *_run("PF PFphA PFphB PFphC", 33, Kind.INT16, "PF_SF"),
        _scale("PF_SF", 37),
        *_run("TotWhExp TotWhExpPhA TotWhExpPhB TotWhExpPhC", 38, Kind.ACC32, "TotWh_SF"),
        *_run("TotWhImp TotWhImpPhA TotWhImpPhB TotWhImpPhC", 46, Kind.ACC32, "TotWh_SF"),
        _scale("TotWh_SF", 54),
        *_run(" ".join(f"VAh{n}" for n in range(8)), 55, Kind.ACC32),
        _scale("TotVAh_SF", 71),
        *_run(" ".join(f"VArh{n}" for n in range(16)), 72, Kind.ACC32),
        _scale("TotVArh_SF", 104),
        Point("Evt", 105, Kind.BITFIELD32),
    ),
)

BASIC_STORAGE = Model(
    124,
    26,
    (
        Point("WChaMax", 2, Kind.UINT16, "WChaMax_SF"),
        *_run("WChaGra WDisChaGra", 3, Kind.UINT16, "WChaDisChaGra_SF"),
        Point("StorCtl_Mod", 5, Kind.BITFIELD16),
        Point("VAChaMax", 6, Kind.UINT16, "VAChaMax_SF"),
        Point("MinRsvPct", 7, Kind.UINT16, "MinRsvPct_SF"),
        Point("ChaState", 8, Kind.UINT16, "ChaState_SF"),
        Point("StorAval", 9, Kind.UINT16, "StorAval_SF"),
        Point("InBatV", 10, Kind.UINT16, "InBatV_SF"),
        Point("ChaSt", 11, Kind.ENUM16),
        *_run("OutWRte InWRte", 12, Kind.INT16, "InOutWRte_SF"),
        *_run("InOutWRte_WinTms InOutWRte_RvrtTms InOutWRte_RmpTms", 14, Kind.UINT16),
        Point("ChaGriSet", 17, Kind.ENUM16),
        *_run("WChaMax_SF WChaDisChaGra_SF VAChaMax_SF MinRsvPct_SF", 18, Kind.SCALE),
        *_run("ChaState_SF StorAval_SF InBatV_SF InOutWRte_SF", 22, Kind.SCALE),
    ),
)

BATTERY = Model(
    802,
    64,
    (
        Point("AHRtg", 2, Kind.UINT16, "AHRtg_SF"),
        Point("WHRtg", 3, Kind.UINT16, "WHRtg_SF"),
        *_run("WChaRteMax WDisChaRteMax", 4, Kind.UINT16, "WChaDisChaMax_SF"),
        Point("DisChaRte", 6, Kind.UINT16, "DisChaRte_SF"),
        *_run("SoCMax SoCMin SocRsvMax SoCRsvMin SoC", 7, Kind.UINT16, "SoC_SF"),
        Point("DoD", 12, Kind.UINT16, "DoD_SF"),
        Point("SoH", 13, Kind.UINT16, "SoH_SF"),
        Point("NCyc", 14, Kind.UINT32),
        *_run("ChaSt LocRemCtl", 16, Kind.ENUM16),
        *_run("Hb CtrlHb AlmRst", 18, Kind.UINT16),
        *_run("Typ State StateVnd", 21, Kind.ENUM16),
        Point("WarrDt", 24, Kind.UINT32),
        *_run("Evt1 Evt2 EvtVnd1 EvtVnd2", 26, Kind.BITFIELD32),
        *_run("V VMax VMin", 34, Kind.UINT16, "V_SF"),
        *_run("CellVMax CellVMaxStr CellVMaxMod CellVMin CellVMinStr CellVMinMod CellVAvg", 37, Kind.UINT16),
        Point("A", 44, Kind.INT16, "A_SF"),
        *_run("AChaMax ADisChaMax", 45, Kind.UINT16, "AMax_SF"),
        Point("W", 47, Kind.INT16, "W_SF"),
        Point("ReqInvState", 48, Kind.ENUM16),
        Point("ReqW", 49, Kind.INT16, "W_SF"),
        *_run("SetOp SetInvState", 50, Kind.ENUM16),
        *_run("AHRtg_SF WHRtg_SF WChaDisChaMax_SF DisChaRte_SF SoC_SF DoD_SF SoH_SF", 52, Kind.SCALE),
        *_run("V_SF CellV_SF A_SF AMax_SF W_SF", 59, Kind.SCALE),
    ),
)
