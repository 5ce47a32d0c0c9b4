"""A station that sends as many frames a second as it is told, as a process: `PORT STATION FRAMES_PER_S SECONDS`."""

import asyncio
from itertools import cycle
import sys
import time

import aiohttp
from aiohttp import WSMsgType

from benchmarks.fuzz.frames import Frames
from benchmarks.fuzz.messages import Messages
from benchmarks.throughput import frames

_TICK_S = 0.02


def _ammunition() -> list[bytes]:
    """Return frames of all sorts: sound meter values, damaged ones, and such of the largest size allowed."""
    damaged = Frames("ocpp1.6", 0, Messages("ocpp1.6"))
    large = b'[2,"large","MeterValues",{"meterValue":[' + b"NaN," * 60_000 + b"1]}]"
    row: list[bytes] = []
    for number in range(500):
        row.append(frames.meter_values(f"sound{number}", 1, number).encode())
        row.append(large if number % 100 == 99 else damaged.next())
    return row


async def attack(port: int, station_id: str, frames_per_s: int, seconds: float) -> int:
    """Flood the port for this long and return how many frames went out; fewer where the server does not take them."""
    sent = 0
    ammunition = cycle(_ammunition())
    async with aiohttp.ClientSession() as session:
        url = f"ws://127.0.0.1:{port}/{station_id}"
        socket = await session.ws_connect(url, protocols=("ocpp1.6",), compress=0, autoping=False)
        reading = asyncio.create_task(_drain(socket))
        print("connected", flush=True)
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    due = int((time.monotonic() - began) * frames_per_s)
                    while sent < due:
                        await socket.send_frame(next(ammunition), WSMsgType.TEXT)
                        sent += 1
                    await asyncio.sleep(_TICK_S)
        except TimeoutError:
            pass
        except ConnectionError:
            await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
        finally:
            reading.cancel()
            response = socket._response  # noqa: SLF001 - cut off: a closing handshake would wait for all of it
            response.close()
    return sent


async def _drain(socket: aiohttp.ClientWebSocketResponse) -> None:
    while (await socket.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR}:
        continue


if __name__ == "__main__":
    print(asyncio.run(attack(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))), flush=True)
