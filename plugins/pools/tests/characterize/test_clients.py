"""The section on clients, and the table that pools are fitted from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from servegen_fw_pools.characterize.client_means import pool_means
from servegen_fw_pools.characterize.client_table import LEVELS
from servegen_fw_pools.characterize.clients import section_of
from servegen_fw_pools.characterize.population import MOST_LARGE, of_pool
from servegen_fw_pools.logs.log import Log

from servegen_fw.plugin import ClientPool

DURATION_S = 36_000.0


def zipf_clients(n: int, clients: int, s: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Poisson requests of clients whose rates follow Zipf's law."""
    rng = np.random.default_rng(seed)
    weight = np.arange(1, clients + 1) ** -s
    return rng.random(n) * DURATION_S, rng.choice(clients, n, p=weight / weight.sum())


def test_zipf_clients_are_recovered(log_of: Any) -> None:
    """The exponent of 300 clients comes back to 0.02; steady clients are found steady, to 3 % of their rate."""
    found = section_of(log_of(*zipf_clients(200_000, 300, 1.1, 1))).figures
    assert found["clients"] == 300
    assert found["zipf"]["exponent"].value == pytest.approx(1.1, abs=0.02)
    weight = np.arange(1, 301) ** -1.1
    assert found["top_shares"]["10"].value == pytest.approx(weight[:10].sum() / weight.sum(), abs=0.01)
    assert found["stability"]["rate"]["real"].value < 0.03
    assert found["stability"]["mean_input_tokens"]["real"].value < 0.05
    assert found["shifts"]["sum"] == pytest.approx(1.0)


def test_one_bursty_client_explains_the_bursts(log_of: Any) -> None:
    """5 % of the requests come in batches of 25 from one client: it leads the bursts with nearly all of the excess."""
    # The noise of the others' excess is 2 % of the whole (five standard errors: 10 %).
    times, client = zipf_clients(100_000, 50, 0.8, 2)
    batches = np.repeat(np.random.default_rng(3).random(200) * DURATION_S, 25)
    whole = np.concatenate((times, batches)), np.concatenate((client, np.full(len(batches), 50)))
    leaders = section_of(log_of(*whole)).figures["bursts"]["leaders"]
    assert leaders[0]["client"] == "client-50"
    assert leaders[0]["share"].value == pytest.approx(1.0, abs=0.1)
    assert leaders[0]["requests_share"] == pytest.approx(0.048, abs=0.001)


def test_the_table_holds_every_request(log_of: Any) -> None:
    """Rows are the largest clients and the others together; counts by window and knots of lengths are those of the log."""
    rng = np.random.default_rng(4)
    clients = MOST_LARGE + 40
    client = np.concatenate((np.arange(clients), rng.integers(0, 30, 20_000)))
    log: Log = log_of(rng.random(len(client)) * 3000, client)
    table = section_of(log).figures["table"]
    assert len(table["rows"]) == MOST_LARGE + 1
    assert sum(row["clients"] for row in table["rows"]) == clients
    assert sum(sum(row["count"]) for row in table["rows"]) == len(client)
    assert (table["windows"], table["window_s"]) == (10, 300.0)
    row = table["rows"][0]
    mine = log.input_tokens[log.client == log.clients.index(row["name"])]
    assert row["requests"] == len(mine)
    knots = row["lengths"]["input_tokens"]
    assert len(knots) == len(table["levels"]) == len(LEVELS)
    assert (knots[0], knots[-1]) == (mine.min(), mine.max())
    assert knots[LEVELS.index(0.5)] == np.sort(mine)[int(np.ceil(0.5 * len(mine))) - 1]
    assert table["rows"][-1]["name"] == "others"


def test_a_log_without_ids_gets_an_honest_answer(log_of: Any) -> None:
    """No figure about clients but the table's one row of all; what cannot be said names the option that would help."""
    found = section_of(log_of(np.random.default_rng(0).random(5000) * 4000))
    assert found.figures["known"] is False
    assert [row["name"] for row in found.figures["table"]["rows"]] == ["all"]
    assert set(found.figures) == {"known", "table"}
    assert "--column client=" in found.cannot[0]


def test_one_client_is_all(log_of: Any) -> None:
    """A single client has every request and explains all; nothing is undefined."""
    times = np.random.default_rng(0).random(20_000) * 6000
    found = section_of(log_of(times, np.zeros(20_000, np.int64))).figures
    assert found["clients"] == 1
    assert found["gini"].value == pytest.approx(0.0)
    assert found["for_90_percent"].value == 1
    assert found["top_shares"] == {}
    assert found["shifts"]["leaders"][0]["share"].value == pytest.approx(1.0)


def test_a_short_log_says_what_is_missing(log_of: Any) -> None:
    """Below five whole windows there is skew and no steadiness."""
    rng = np.random.default_rng(1)
    found = section_of(log_of(rng.random(500) * 900, rng.integers(0, 5, 500)))
    assert "stability" not in found.figures
    assert any("--window" in line for line in found.cannot)
    assert found.figures["top_shares"]["1"].value > 0.2


def test_without_times_there_is_skew_alone(log_of: Any) -> None:
    """Client ids without times tell shares, and the section says what times would add."""
    rng = np.random.default_rng(1)
    log = log_of(np.zeros(500), rng.integers(0, 5, 500), time_s=None)
    found = section_of(log)
    assert found.figures["clients"] == 5
    assert any("no times" in line for line in found.cannot)


def test_deepseek_agrees_with_the_facts(deepseek: ClientPool) -> None:
    """Shares of the released data as FACTS.md computed them: 29 %, 68 % and 93 % for the top 1, 10 and 29; 25 for 90 %."""
    found = section_of(deepseek).figures
    shares = {k: round(100 * share.value) for k, share in found["top_shares"].items()}
    assert (shares["1"], shares["10"], shares["29"]) == (29, 68, 93)
    assert found["for_90_percent"].value == 25
    assert found["bursts"]["leaders"][0]["client"] == "35"
    assert found["shifts"]["sum"] == pytest.approx(1.0)


def test_means_of_a_pool_are_those_of_its_tables(deepseek: ClientPool) -> None:
    """How a client's mean lengths vary is measured on the means of its recorded distributions."""
    people = of_pool(deepseek)
    f = deepseek.fields.index("input_tokens")
    client = people.names.index("66")
    table = deepseek.table[f, deepseek.clients.index("66")]
    mean = [
        np.dot(value, np.diff(cdf, prepend=0.0)) for value, cdf in (deepseek.tables.knots(k) for k in table)
    ]
    found = pool_means(deepseek, people)["mean_input_tokens"]
    assert found.seen[client] == pytest.approx(np.std(mean, ddof=1) / np.mean(mean))
    assert 0 < found.noise[client] < found.seen[client]
