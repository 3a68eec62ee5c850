"""The best aiohttp client we know how to write: what the driver's own HTTP client is compared with.

It does less than the driver on purpose: it looks for the end of each event and for a text in it, without parsing JSON,
keeps two stamps and a count, and starts each request from the task of the one before.
"""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import uvloop


async def _place(
    session: aiohttp.ClientSession, url: str, body: bytes, rounds: int, times: list[tuple[int, int, int, int]]
) -> None:
    headers = {"Content-Type": "application/json"}
    for _ in range(rounds):
        due = time.perf_counter_ns()
        first = last = events = 0
        tail = b""
        async with session.post(url, data=body, headers=headers) as response:
            async for data in response.content.iter_any():
                now = time.perf_counter_ns()
                lines = (tail + data).split(b"\n\n")
                tail = lines.pop()
                for line in lines:
                    if b'"content":"' in line:
                        first = first or now
                        last = now
                        events += 1
        times.append((due, first, last, events))


async def _run(port: int, streams: int, rounds: int, tokens: int, spread_s: float) -> dict[str, object]:
    message = {"model": "m", "messages": [{"role": "user", "content": "x x x"}]}
    body = json.dumps({**message, "max_tokens": tokens, "stream": True}).encode()
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    times: list[tuple[int, int, int, int]] = []
    connector = aiohttp.TCPConnector(limit=0)
    cpu, start = time.process_time(), time.perf_counter_ns()
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        places = []
        for number in range(streams):
            due = start + round(number * spread_s * 1e9)
            await asyncio.sleep(max(0.0, (due - time.perf_counter_ns()) / 1e9))
            places.append(asyncio.create_task(_place(session, url, body, rounds, times)))
        await asyncio.gather(*places)
    cpu = time.process_time() - cpu
    return {
        "cpu_s": cpu,
        "events": sum(events for *_, events in times),
        "ttft_ms": [(first - due) / 1e6 for due, first, _, _ in times],
        "itl_ms": [(last - first) / 1e6 / (events - 1) for _, first, last, events in times if events > 1],
        "wall_s": (max(last for _, _, last, _ in times) - start) / 1e9,
    }


def measure(port: int, streams: int, rounds: int, tokens: int, spread_s: float) -> dict[str, object]:
    """Keep `streams` requests in flight, `rounds` after each other, the first ones `spread_s` apart."""
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(_run(port, streams, rounds, tokens, spread_s))
    finally:
        loop.close()
