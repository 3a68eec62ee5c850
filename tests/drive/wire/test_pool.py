"""Connections are kept, ordered, limited and let go of."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from servegen_fw.drive.wire.origin import Origin
from servegen_fw.drive.wire.pool import Pool
from servegen_fw.errors import BackendError
from servegen_fw.testing import Close, ScriptedServer, Sleep


def _pool(server: ScriptedServer, **options: Any) -> Pool:
    return Pool(Origin.parse(server.url), None, **{"connect_timeout_s": 5.0, "max_idle": 100, **options})


async def _until(condition: Any) -> None:
    """Wait until something holds; fails after ten seconds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came to hold")


def test_open_counts_what_is_idle(run: Any) -> None:
    """Opening ahead makes up the difference only, also beyond the number opened at a time."""

    async def talk(server: ScriptedServer) -> None:
        pool = _pool(server, max_idle=200)
        await pool.open(3)
        await pool.open(150)
        assert pool.idle == 150
        await pool.open(10)
        assert pool.idle == 150
        await pool.close()
        assert pool.idle == 0

    with ScriptedServer([]) as server:
        run(talk(server))


def test_open_stops_at_the_limit(run: Any) -> None:
    """No more connections are opened ahead than may be kept."""

    async def talk(server: ScriptedServer) -> None:
        pool = _pool(server, max_idle=4)
        await pool.open(100)
        assert pool.idle == 4
        await pool.close()

    with ScriptedServer([]) as server:
        run(talk(server))


def test_open_tells_what_failed(run: Any) -> None:
    """If a connection cannot be opened ahead, its own error comes out, not a group of errors."""
    with ScriptedServer([]) as server:
        pool = _pool(server)

    async def talk() -> None:
        with pytest.raises(BackendError) as caught:
            await pool.open(5)
        assert caught.value.code == "refused"
        await pool.close()

    run(talk())


def test_last_in_first_out(run: Any) -> None:
    """The connection given back last is taken first."""

    async def talk(server: ScriptedServer) -> None:
        pool = _pool(server)
        one, two = await pool.connect(), await pool.connect()
        pool.give_back(one)
        pool.give_back(two)
        assert pool.take() is two
        assert pool.take() is one
        assert pool.take() is None
        await pool.close()

    with ScriptedServer([]) as server:
        run(talk(server))


def test_closed_connections_are_passed_over(run: Any) -> None:
    """A connection that the server closed while it was idle is neither counted nor taken."""

    async def talk(server: ScriptedServer) -> None:
        pool = _pool(server)
        await pool.open(2)
        await _until(lambda: pool.idle == 0)
        assert pool.take() is None
        await pool.close()

    with ScriptedServer([], on_connect=[Sleep(0.1), Close()]) as server:
        run(talk(server))


def test_closed_connections_do_not_fill_the_pool(run: Any) -> None:
    """Where the limit is reached by connections that are closed, they make way."""

    async def talk(server: ScriptedServer) -> None:
        pool = _pool(server, max_idle=1)
        pool.give_back(await pool.connect())
        await _until(lambda: pool.idle == 0)
        fresh = await pool.connect()
        pool.give_back(fresh)
        assert pool.take() is fresh
        await pool.close()

    with ScriptedServer([], on_connect=[Sleep(0.1), Close()]) as server:
        run(talk(server))


def test_cancelled_connecting_leaves_nothing(run: Any) -> None:
    """A connection given up while it was opened is not waited for at the end."""

    async def talk(server: ScriptedServer) -> None:
        pool = _pool(server)
        task = asyncio.ensure_future(pool.connect())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not pool._alive
        await pool.close()

    with ScriptedServer([]) as server:
        run(talk(server))
