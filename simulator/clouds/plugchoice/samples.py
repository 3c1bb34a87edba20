"""The last sample of each connector: all that Plugchoice keeps of the present."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ...world import NO_CURRENT, Connector

type Json = dict[str, Any]

_REGISTER = "Energy.Active.Import.Register"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a charger measured."""

    at: datetime
    currents: tuple[float, float, float]
    power_w: float
    offered: float
    meter_wh: float
    soc: float | None


class Samples:
    """Take samples during sessions, and keep the last one for ever."""

    def __init__(self, quirks: Mapping[str, Any]) -> None:
        """Begin without samples."""
        self._quirks = quirks
        self._last: dict[Connector, Sample] = {}

    def close(self, connector: Connector) -> None:
        """Take the closing sample, which still shows the current that flowed."""
        last, now = self._last.get(connector), connector.world.now
        if last and connector.station.online:
            self._last[connector] = replace(
                last, at=now, meter_wh=connector.register_wh
            )

    def latest(self, connector: Connector) -> Sample | None:
        """Return the last sample that reached the cloud."""
        session, ended = connector.session, connector.last_session
        if not connector.station.online or self._quirks["frozen_samples"]:
            return self._last.get(connector)
        if session:
            interval = self._quirks["sample_seconds"]
            passed = (connector.world.now - session.started_at).total_seconds()
            at = session.started_at + timedelta(seconds=passed // interval * interval)
            if self._older(connector, at):
                self._take(connector, at)
        elif ended and ended.stopped_at and self._older(connector, ended.stopped_at):
            # What was measured while offline is sent when the charger is back.
            self._last[connector] = Sample(
                at=ended.stopped_at,
                currents=NO_CURRENT,
                power_w=0.0,
                offered=0.0,
                meter_wh=ended.meter_stop_wh or 0.0,
                soc=None,
            )
        return self._last.get(connector)

    def _older(self, connector: Connector, at: datetime) -> bool:
        last = self._last.get(connector)
        return last is None or last.at < at

    def _take(self, connector: Connector, at: datetime) -> None:
        self._last[connector] = Sample(
            at=at,
            currents=connector.currents,
            power_w=connector.power_w,
            offered=connector.limit,
            meter_wh=connector.register_wh,
            soc=connector.car.soc if connector.car else None,
        )

    def _stamp(self, sample: Sample) -> str:
        """Return the time of a sample by the charger's own clock."""
        at = sample.at + timedelta(seconds=self._quirks["clock_skew"])
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def power_usage(self, connector: Connector) -> Json | None:
        """Return the answer of power-usage: text, `-` for what there is not."""
        sample = self.latest(connector)
        if sample is None:
            return None
        amps = [
            f"{current:.1f}" if phase < connector.phases else "-"
            for phase, current in enumerate(sample.currents)
        ]
        if self._quirks["blanks"]:
            amps = [text if text == "-" else f" {text}" for text in amps]
        stamp = self._stamp(sample)
        kilowatts = f"{sample.power_w / 1000:.2f}"
        return {
            "timestamp": stamp,
            **dict(zip(("L1", "L2", "L3"), amps, strict=True)),
            "kW": kilowatts,
        }

    def meter_values(self, connector: Connector) -> Json | None:
        """Return the answer of latest-metervalue: an OCPP MeterValues message."""
        sample = self.latest(connector)
        if sample is None:
            return None
        wanted = self._quirks["measurands"]
        values = [
            v for v in self._values(connector, sample) if v["measurand"] in wanted
        ]
        if self._quirks["bare_register"]:
            # OCPP's defaults need not be sent.
            values = [
                {"value": f"{sample.meter_wh:.0f}"}
                if v["measurand"] == _REGISTER
                else v
                for v in values
            ]
        stamp = self._stamp(sample)
        return {
            "connectorId": connector.number,
            "meterValue": [{"timestamp": stamp, "sampledValue": values}],
        }

    def _values(self, connector: Connector, sample: Sample) -> list[Json]:
        """Return all that the charger can measure."""
        kilo = self._quirks["kilo"]
        suffix = "-N" if self._quirks["phase_to_neutral"] else ""
        values: list[Json] = [
            _value(
                _REGISTER,
                f"{sample.meter_wh / 1000:.3f}" if kilo else f"{sample.meter_wh:.0f}",
                "kWh" if kilo else "Wh",
                location="Outlet",
                context="Sample.Periodic",
                format="Raw",
            ),
            _value(
                "Power.Active.Import",
                f"{sample.power_w / 1000:.2f}" if kilo else f"{sample.power_w:.0f}",
                "kW" if kilo else "W",
            ),
            _value("Current.Offered", f"{sample.offered:.0f}", "A"),
            _value("Temperature", "31", "Celsius", location="Body"),
        ]
        if sample.soc is not None:
            values.append(
                _value("SoC", f"{sample.soc:.0%}".rstrip("%"), "Percent", location="EV")
            )
        for phase in range(connector.phases):
            name = f"L{phase + 1}"
            values += [
                _value(
                    "Current.Import", f"{sample.currents[phase]:.1f}", "A", phase=name
                ),
                _value("Voltage", f"{connector.voltage:.1f}", "V", phase=name + suffix),
            ]
        return values


def _value(measurand: str, value: str, unit: str, **others: str) -> Json:
    return {"value": value, "measurand": measurand, "unit": unit, **others}
